/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* The invariants of a quiet domain, as code. */
#include "internal.h"

#define VISITED (1u << 31) /* in a descriptor's level, while a check runs */

struct check {
	struct ebb_domain *d;
	const struct ebb_format *f;
	ebb_violation_fn fn;
	void *arg;
	unsigned bad;
	uint64_t found[EBB_LEVELS_MAX];
};

static void violation(struct check *c, enum ebb_violation what, uint64_t iova, unsigned level)
{
	c->bad++;
	if (c->fn)
		c->fn(c->arg, what, EBB_IOVA(iova), level);
}

/* An entry, present or not, by itself. */
static void check_entry(struct check *c, uint64_t e, uint64_t iova, unsigned level)
{
	const struct ebb_format *f = c->f;
	bool leaf = f->is_leaf(e, level), table = ebb_is_table(f, e, level);
	uint64_t wide = f->pa_bits & ~c->d->pa_mask;

	if (!leaf && !table && !ebb_is_dead(f, e)) {
		violation(c, EBB_BAD_ENTRY, iova, level);
		return;
	}
	if ((e & wide) || ((leaf || table) && (e & f->reserved(level, leaf, c->d->flags))))
		violation(c, EBB_BAD_ENTRY, iova, level);
	if (leaf && level > 0 && !(c->d->leaf_levels & (1u << level)))
		violation(c, EBB_BAD_ENTRY, iova, level);
	if (leaf)
		return;
	if (ebb_owner(f, e))
		violation(c, c->d->policy == EBB_DEFERRED ? EBB_UNSETTLED : EBB_BAD_ENTRY, iova,
			  level);
	if (table && !(c->d->flags & EBB_NONSNOOPING) && !(e & f->known))
		violation(c, EBB_BAD_ENTRY, iova, level);
}

/* A sparse hint is true: nothing outside its line. */
static bool hint_holds(const struct ebb_format *f, uint64_t e, const struct ebb_table *t)
{
	for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i++)
		if (ebb_load(&t->entry[i]) && i / EBB_LINE_ENTRIES != ebb_hint_line(f, e))
			return false;
	return true;
}

/* Recursion is as deep as the tree. */
static void check_table(struct check *c, struct ebb_table *t, uint64_t iova, unsigned level)
{
	struct ebb_desc *desc = ebb_hot_desc(t);
	bool root = level == ebb_top(c->d);
	unsigned used = 0;

	if (desc->level & VISITED) { /* a second link to it */
		violation(c, EBB_BAD_DESC, iova, level);
		return;
	}
	c->found[level]++;
	if (desc->level != level + 1)
		violation(c, EBB_BAD_DESC, iova, level);
	desc->level |= VISITED;
	for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i++, iova += ebb_entry_span(level)) {
		uint64_t e = ebb_load(&t->entry[i]);

		if (!e)
			continue;
		used++;
		check_entry(c, e, iova, level);
		if (!ebb_is_table(c->f, e, level))
			continue;
		if ((e & c->f->sparse) &&
		    (c->d->policy != EBB_DEFERRED || !hint_holds(c->f, e, ebb_child(c->f, e))))
			violation(c, EBB_BAD_ENTRY, iova, level);
		check_table(c, ebb_child(c->f, e), iova, level - 1);
	}
	iova -= ebb_entry_span(level + 1);
	if (c->d->policy != EBB_RWLOCK)
		return;
	if (desc->count != used)
		violation(c, EBB_BAD_COUNT, iova, level);
	if (!used && !root)
		violation(c, EBB_EMPTY_TABLE, iova, level);
}

static void forget_visit(const struct ebb_format *f, struct ebb_table *t, unsigned level)
{
	struct ebb_desc *desc = ebb_hot_desc(t);

	if (!(desc->level & VISITED))
		return;
	desc->level &= ~VISITED;
	for (unsigned i = 0; level > 0 && i < EBB_TABLE_ENTRIES; i++) {
		uint64_t e = ebb_load(&t->entry[i]);

		if (ebb_is_table(f, e, level))
			forget_visit(f, ebb_child(f, e), level - 1);
	}
}

unsigned ebb_check(struct ebb_domain *d, ebb_violation_fn fn, void *arg)
{
	struct check c = { .d = d, .f = d->format, .fn = fn, .arg = arg };
	struct ebb_stats s;
	uint64_t live = 0;

	check_table(&c, d->root, 0, ebb_top(d));
	forget_visit(c.f, d->root, ebb_top(d));
	ebb_stats(d, &s);
	for (unsigned l = 0; l < EBB_LEVELS_MAX; l++) {
		live += s.live[l];
		if (c.found[l] != s.live[l])
			violation(&c, EBB_BAD_STATS, 0, l);
	}
	if (s.held < live)
		violation(&c, EBB_BAD_STATS, 0, ebb_top(d));
	return c.bad;
}
