/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_CORE_FORMAT_H
#define EBB_CORE_FORMAT_H
/*
 * What a table format must provide. A format is one constant object of this type, made of constants
 * and pure functions on 64-bit entries. The algorithms take a `const struct ebb_format *` that is a
 * compile-time constant where it matters, so that the compiler folds the constants and inlines the
 * functions.
 *
 * States of an entry that refers to a table C. All are told apart by `state_bits`:
 *
 *   TABLE(C)          present, owner 0
 *   FROZEN(C, owner)  present, owner != 0: for hardware the same as TABLE
 *   DEAD(C, owner)    not present, owner != 0: for hardware an empty entry
 *   0                 empty
 *
 * Bits outside state_bits may change under us: hardware sets the accessed bit, mappers set `known`
 * and clear `sparse`.
 */
#include "ebb.h"

struct ebb_format {
	const char *name;
	unsigned levels_min, levels_max;
	unsigned pa_width_lg2; /* widest output address */
	uint32_t leaf_levels; /* bit l: leaves may stand at level l */
	uint32_t flags; /* the EBB_* domain flags that the format can do */

	/* entries that refer to tables */
	uint64_t pa_bits; /* the address field, of leaves too */
	uint64_t present_bits; /* set in TABLE and FROZEN, clear in DEAD */
	uint64_t owner_bits; /* software bits: who froze the entry */
	unsigned owner_shift;
	/* software bit: the entry is known to be written back; always set where walks snoop */
	uint64_t known;
	/*
	 * The sparse hint: all that is not zero in the table is in one cache line. 0 if there are
	 * no bits for it.
	 */
	uint64_t sparse; /* software bit: the hint holds */
	unsigned line_shift; /* 6 more: the number of that line */
	uint64_t plain_bits, plain; /* (e & plain_bits) == plain: TABLE, nothing special about it */
	uint64_t state_bits;

	/* leaves; 0 where the format lacks them */
	uint64_t accessed, dirty;

	/* A leaf; pa is aligned to the level's leaf size. */
	uint64_t (*leaf)(uint64_t pa, unsigned level, unsigned prot);
	/* Whether a present entry at `level` maps memory; false for empty and DEAD ones. */
	bool (*is_leaf)(uint64_t e, unsigned level);
	unsigned (*prot)(uint64_t e);
	/* Bits that must be 0 in a present entry at `level`, whatever its address. */
	uint64_t (*reserved)(unsigned level, bool is_leaf, uint32_t flags);
};

static inline bool ebb_is_plain(const struct ebb_format *f, uint64_t e)
{
	return (e & f->plain_bits) == f->plain;
}

/* TABLE or FROZEN: something that hardware would follow. */
static inline bool ebb_is_table(const struct ebb_format *f, uint64_t e, unsigned level)
{
	return level > 0 && (e & f->present_bits) == f->present_bits && !f->is_leaf(e, level);
}

static inline unsigned ebb_owner(const struct ebb_format *f, uint64_t e)
{
	return (unsigned)((e & f->owner_bits) >> f->owner_shift);
}

static inline bool ebb_is_dead(const struct ebb_format *f, uint64_t e)
{
	return !(e & f->present_bits) && (e & f->owner_bits);
}

static inline uint64_t ebb_hint(const struct ebb_format *f, unsigned line)
{
	return f->sparse ? f->sparse | ((uint64_t)line << f->line_shift) : 0;
}

/* The bits of the hint, to carry them over or to clear them. */
static inline uint64_t ebb_hint_bits(const struct ebb_format *f)
{
	return ebb_hint(f, 63);
}

static inline unsigned ebb_hint_line(const struct ebb_format *f, uint64_t e)
{
	return (e >> f->line_shift) & 63;
}

static inline uint64_t ebb_state_table(const struct ebb_format *f, uint64_t pa)
{
	return pa | f->present_bits;
}

static inline uint64_t ebb_state_frozen(const struct ebb_format *f, uint64_t pa, unsigned owner)
{
	return pa | f->present_bits | ((uint64_t)owner << f->owner_shift);
}

static inline uint64_t ebb_state_dead(const struct ebb_format *f, uint64_t pa, unsigned owner)
{
	return pa | ((uint64_t)owner << f->owner_shift);
}

#endif
