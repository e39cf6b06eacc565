/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_SOFTIOMMU_VTDSS_H
#define EBB_SOFTIOMMU_VTDSS_H
/*
 * VT-d second-stage entries as hardware reads them, written from the specification (sections 3.7
 * and 9.8) and from nothing in core/, so that the two can disagree.
 */
#include <stdbool.h>
#include <stdint.h>

#define VTD_LEVELS 5u

#define VTD_READ      (1ull << 0)
#define VTD_WRITE     (1ull << 1)
#define VTD_EXECUTE   (1ull << 2)
#define VTD_EMT	      (7ull << 3)
#define VTD_IPAT      (1ull << 6)
#define VTD_PAGE_SIZE (1ull << 7)
#define VTD_ACCESSED  (1ull << 8)
#define VTD_DIRTY     (1ull << 9)
#define VTD_SNOOP     (1ull << 11)
#define VTD_ADDRESS   0x000ffffffffff000ull
#define VTD_SOFTWARE  (0x3ffull << 52)
#define VTD_IGNORED   ((1ull << 63) | (1ull << 10)) /* free for software as well */
#define VTD_TRANSIENT (1ull << 62)

/* 4 KiB << 9 per level: what one entry of a table at `level` spans. */
static inline uint64_t vtd_span(unsigned level)
{
	return 1ull << (12 + 9 * level);
}

static inline unsigned vtd_index(uint64_t iova, unsigned level)
{
	return (iova >> (12 + 9 * level)) & 511;
}

static inline bool vtd_is_present(uint64_t entry)
{
	return entry & (VTD_READ | VTD_WRITE);
}

/* A present entry that maps memory. */
static inline bool vtd_is_leaf(uint64_t entry, unsigned level)
{
	return vtd_is_present(entry) && (level == 0 || (entry & VTD_PAGE_SIZE));
}

#endif
