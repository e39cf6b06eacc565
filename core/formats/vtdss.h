/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_CORE_FORMATS_VTDSS_H
#define EBB_CORE_FORMATS_VTDSS_H
/*
 * VT-d second stage (VT-d architecture specification, sections 3.7 and 9.8).
 *
 * bit 0 R, 1 W: permissions; an entry is present if any is set, and hardware ignores all of an
 * entry that is not
 * bit 7 PS: a leaf above level 0
 * bit 8 A, 9 D: set by hardware if second-stage accessed/dirty is enabled
 * bit 11 SNP: leaves only, if the hardware has snoop control
 * bits 51:12: address; bits 10, 61:52 and 63: ignored by hardware. Of these a table entry uses 10
 * for `known`, 55:52 for the owner, 61:56 and 63 for the sparse hint
 */
#include "../format.h"

#define VTDSS_R	    (1ull << 0)
#define VTDSS_W	    (1ull << 1)
#define VTDSS_PS    (1ull << 7)
#define VTDSS_A	    (1ull << 8)
#define VTDSS_D	    (1ull << 9)
#define VTDSS_SNP   (1ull << 11)
#define VTDSS_PA    0x000ffffffffff000ull
#define VTDSS_OWNER (15ull << 52)
#define VTDSS_KNOWN (1ull << 10)
#define VTDSS_TM    (1ull << 62)

/* The permissions stand where the hardware wants them, so that they need no tests. */
_Static_assert(EBB_READ == VTDSS_R && EBB_WRITE == VTDSS_W, "bits 0 and 1");
#define VTDSS_SNP_SHIFT 9
_Static_assert((uint64_t)EBB_SNOOP << VTDSS_SNP_SHIFT == VTDSS_SNP, "bit 2 becomes bit 11");

static inline uint64_t vtdss_leaf(uint64_t pa, unsigned level, unsigned prot)
{
	return pa | (prot & (EBB_READ | EBB_WRITE)) |
	       ((uint64_t)(prot & EBB_SNOOP) << VTDSS_SNP_SHIFT) | (level > 0 ? VTDSS_PS : 0);
}

static inline bool vtdss_is_leaf(uint64_t e, unsigned level)
{
	return (e & (VTDSS_R | VTDSS_W)) && (level == 0 || (e & VTDSS_PS));
}

static inline unsigned vtdss_prot(uint64_t e)
{
	return (e & (VTDSS_R | VTDSS_W)) | ((e & VTDSS_SNP) >> VTDSS_SNP_SHIFT);
}

static inline uint64_t vtdss_reserved(unsigned level, bool is_leaf, uint32_t flags)
{
	/*
	 * X (bit 2), EMT and IPAT (6:3) are written 0 in leaves and ignored in table entries, where
	 * we write 0 as well
	 */
	uint64_t bits = VTDSS_TM | 0x7c;

	if (!is_leaf)
		bits |= VTDSS_SNP;
	else if (!(flags & EBB_SNOOP_CONTROL))
		bits |= VTDSS_SNP;
	if (is_leaf && level > 0)
		bits |= (1ull << (12 + 9 * level)) - (1ull << 12);
	return bits;
}

static const struct ebb_format ebb_vtdss = {
	.name = "vtdss",
	.levels_min = 3,
	.levels_max = 5,
	.pa_width_lg2 = 52,
	.leaf_levels = 7,
	.flags = EBB_NONSNOOPING | EBB_CACHING_MODE | EBB_ACCESSED_DIRTY | EBB_SNOOP_CONTROL,
	.pa_bits = VTDSS_PA,
	.present_bits = VTDSS_R | VTDSS_W,
	.owner_bits = VTDSS_OWNER,
	.owner_shift = 52,
	.known = VTDSS_KNOWN,
	.sparse = 1ull << 63,
	.line_shift = 56,
	.plain_bits = VTDSS_R | VTDSS_W | VTDSS_PS | VTDSS_OWNER | VTDSS_KNOWN,
	.plain = VTDSS_R | VTDSS_W | VTDSS_KNOWN,
	.state_bits = VTDSS_PA | VTDSS_R | VTDSS_W | VTDSS_PS | VTDSS_OWNER,
	.accessed = VTDSS_A,
	.dirty = VTDSS_D,
	.leaf = vtdss_leaf,
	.is_leaf = vtdss_is_leaf,
	.prot = vtdss_prot,
	.reserved = vtdss_reserved,
};

#endif
