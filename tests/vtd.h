/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_VTD_H
#define EBB_TESTS_VTD_H
/*
 * A VT-d second-stage page walk, written from the specification (sections 3.7 and 9.8) and from
 * nothing in core/, so that the two can disagree. It reads entries through a function: as the CPU
 * sees them or as a device does.
 */
#include "ebb.h"

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
#define VTD_TRANSIENT (1ull << 62)

typedef uint64_t (*vtd_read_fn)(void *ctx, uint64_t table_pa, unsigned index);

struct vtd_walk {
	const char *fault; /* the rule that the last entry breaks, NULL: none */
	bool present; /* a leaf was found */
	unsigned level; /* of the table that holds the last entry */
	uint64_t tables[VTD_LEVELS]; /* by level, from the start of the walk down to `level` */
	uint64_t entry; /* the last one */
	/* if present: */
	uint64_t pa; /* of the IOVA */
	unsigned size_lg2; /* of the page */
	unsigned prot; /* EBB_READ, EBB_WRITE, EBB_SNOOP */
};

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

/*
 * NULL, or which rule a present entry at `level` breaks if output addresses have `pa_width_lg2`
 * bits.
 */
const char *vtd_entry_fault(uint64_t entry, unsigned level, unsigned pa_width_lg2);

/* Walks from the table at `table_pa`, which stands at `level`. */
void vtd_walk(struct vtd_walk *w, vtd_read_fn read, void *ctx, uint64_t table_pa, unsigned level,
	      uint64_t iova);

#endif
