/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Unmap: leaves that the range covers only in part, and their replacement by tables of smaller ones
 * (EBB_PARTIAL_SPLIT).
 */
#include "internal.h"

/* The level of the leaf that maps iova, if [first, last] does not cover all of it; -1 otherwise. */
static int partial_leaf(const struct ebb_format *f, enum ebb_policy policy, struct ebb_domain *d,
			uint64_t iova, uint64_t first, uint64_t last)
{
	unsigned level;
	uint64_t e;

	ebb_section_enter(policy, d);
	ebb_walk_down(f, d, iova, &level, &e);
	ebb_section_leave(policy, d);
	if (!f->is_leaf(e, level))
		return -1;
	return ebb_entry_first(iova, level) < first || ebb_entry_last(iova, level) > last ?
		       (int)level :
		       -1;
}

/* The next lower level at which this domain may use leaves. */
static unsigned lower_leaf_level(const struct ebb_domain *d, unsigned level)
{
	do
		level--;
	while (!(d->leaf_levels & (1u << level)));
	return level;
}

/*
 * Tables that replace one leaf at `level`: more than one only if a leaf size in between is switched
 * off.
 */
static unsigned long split_tables(const struct ebb_domain *d, unsigned level)
{
	unsigned lower = lower_leaf_level(d, level);
	unsigned long n = 0;

	for (unsigned l = level - 1; l > lower; l--)
		n = (n + 1) * EBB_TABLE_ENTRIES;
	return n + 1;
}

/* Fills t, at `level`, with leaves at `leaf_level` that together translate as the leaf e did. */
static void split_fill(const struct ebb_format *f, struct ebb_gather *g, struct ebb_table *t,
		       unsigned level, unsigned leaf_level, uint64_t pa, uint64_t e)
{
	struct ebb_domain *d = g->domain;
	uint64_t known = d->flags & EBB_NONSNOOPING ? 0 : f->known;

	for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i++, pa += ebb_entry_span(level)) {
		struct ebb_table *child = ebb_child(f, t->entry[i]);

		if (level == leaf_level) {
			t->entry[i] =
				f->leaf(pa, level, f->prot(e)) | (e & (f->accessed | f->dirty));
			continue;
		}
		if (!t->entry[i]) { /* not filled in an earlier attempt */
			child = ebb_spare_take(g);
			ebb_table_linked(g, child, level - 1);
			ebb_held_add(g, 1);
			t->entry[i] = ebb_state_table(f, ebb_hot_pa(child).v) | known;
		}
		split_fill(f, g, child, level - 1, leaf_level, pa, e);
	}
	ebb_hot_desc(t)->count = EBB_TABLE_ENTRIES;
	ebb_write_back(d, t->entry, EBB_TABLE_ENTRIES);
}

/* Another caller split the leaf first: our table and what is below it become spares again. */
static void split_undo(const struct ebb_format *f, struct ebb_gather *g, struct ebb_table *t,
		       unsigned level)
{
	struct ebb_desc *desc = ebb_hot_desc(t);

	for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i++)
		if (ebb_is_table(f, t->entry[i], level))
			split_undo(f, g, ebb_child(f, t->entry[i]), level - 1);
	ebb_table_unlinked(g, t, level);
	__builtin_memset(t, 0, sizeof(*t)); /* nobody else has seen it */
	ebb_write_back(g->domain, t->entry, EBB_TABLE_ENTRIES);
	desc->next = NULL;
	ebb_tables_free(g, t);
	ebb_count(&g->counters.freed, -1ull); /* it never was in the tree */
}

/* The leaf for iova at `level` >= 1, or 0 if it is gone. */
static uint64_t split_source(const struct ebb_format *f, enum ebb_policy policy,
			     struct ebb_domain *d, uint64_t iova, unsigned level)
{
	uint64_t *ep, e = 0;

	ebb_section_enter(policy, d);
	ep = ebb_walk_to(f, d, iova, level - 1);
	if (ep)
		e = ebb_load(ep);
	ebb_section_leave(policy, d);
	return f->is_leaf(e, level) ? e : 0;
}

static bool split_link(const struct ebb_format *f, enum ebb_policy policy, struct ebb_domain *d,
		       uint64_t iova, unsigned level, uint64_t old, uint64_t new)
{
	bool done = false;
	uint64_t *ep;

	ebb_unlink_enter(policy, d);
	ep = ebb_walk_to(f, d, iova, level - 1);
	/* Fails if hardware set a bit of the leaf, or another caller split it, since we looked. */
	if (ep && ebb_cas(ep, &old, new)) {
		ebb_settle_known(f, d, ep, new);
		done = true;
	}
	ebb_unlink_leave(policy, d);
	return done;
}

/*
 * Replaces the leaf that maps iova, at `level`, by a table of smaller leaves. The spares are there.
 */
static void split(const struct ebb_format *f, enum ebb_policy policy, struct ebb_gather *g,
		  uint64_t iova, unsigned level)
{
	struct ebb_domain *d = g->domain;
	unsigned lower = lower_leaf_level(d, level);
	struct ebb_table *t = ebb_spare_take(g);
	uint64_t known = d->flags & EBB_NONSNOOPING ? 0 : f->known;
	uint64_t e, new = ebb_state_table(f, ebb_hot_pa(t).v) | known;

	ebb_gather_room(g);
	ebb_table_linked(g, t, level - 1);
	ebb_held_add(g, 1);
	for (;;) {
		e = split_source(f, policy, d, iova, level);
		if (!e) {
			split_undo(f, g, t, level - 1);
			return;
		}
		split_fill(f, g, t, level - 1, lower, e & f->pa_bits, e);
		if (split_link(f, policy, d, iova, level, e, new))
			break;
	}
	/* The device may hold the large leaf. Until the sync it is as right as the small ones. */
	ebb_gather_span(g, ebb_entry_first(iova, level), ebb_entry_last(iova, level), EBB_LEAF);
}

static int settle_edges(const struct ebb_format *f, enum ebb_policy policy, struct ebb_gather *g,
			uint64_t first, uint64_t last)
{
	struct ebb_domain *d = g->domain;
	uint64_t edge[2] = { first, last };
	unsigned long want = 0;
	int level[2], ret;

	if (d->partial == EBB_PARTIAL_WHOLE)
		return EBB_OK;
	for (unsigned i = 0; i < 2; i++) {
		level[i] = partial_leaf(f, policy, d, edge[i], first, last);
		if (level[i] < 0)
			continue;
		if (d->partial == EBB_PARTIAL_REFUSE) {
			g->error_iova.v = ebb_entry_first(edge[i], (unsigned)level[i]);
			return EBB_ERR_LARGE_LEAF;
		}
		for (int l = level[i]; l > 0; l = (int)lower_leaf_level(d, (unsigned)l))
			want += split_tables(d, (unsigned)l);
	}
	ret = want ? ebb_spares_fill(g, want) : EBB_OK;
	for (unsigned i = 0; i < 2 && !ret; i++)
		while ((level[i] = partial_leaf(f, policy, d, edge[i], first, last)) > 0)
			split(f, policy, g, edge[i], (unsigned)level[i]);
	ebb_spares_shed(g, EBB_SPARES_MAX);
	return ret;
}

int ebb_settle_edges(struct ebb_gather *g, uint64_t first, uint64_t last)
{
	return EBB_SPECIALISE(g->domain, settle_edges, g, first, last);
}
