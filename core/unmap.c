/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Unmap: steps 4 and 5 of the protocol, and the removal of whole tables by a caller that owns their
 * whole span.
 *
 * A range is cleared in steps. Each is one walk from the root and one read section that deals with
 * one table: a run of leaves is set to zero, or one entry that refers to a wholly covered leaf
 * table is claimed. Tables above the leaf tables are claimed when the range has passed the end of
 * their span, and are empty by then.
 *
 * Claiming replaces the entry by 0 whatever its state is: a reclaimer that had frozen it or
 * declared it dead loses its next CAS and drops the candidate. Nobody can install a new table there
 * before our caller says so, because our caller owns the span; hence no DEAD state. The claimed
 * tables wait in g->unlinked for the wide invalidation of the next sync, and then for a grace
 * period, because reclaimers and those who merely look may still be inside.
 */
#include "internal.h"

enum step {
	STEP_DONE, /* the cursor has moved */
	STEP_EXCLUDE, /* policy rwlock: again, with the write side held */
	/* a leaf reaches beyond the range; it starts at the cursor's leaf, nothing was changed */
	STEP_PARTIAL,
};

/* Policy rwlock: what is left to do when the read side has been left. */
struct prune {
	bool wanted; /* a table's count came to zero... */
	/* ...here, and this remains to be invalidated if nothing is pruned */
	uint64_t iova, span_first, span_last;
};

struct clear {
	struct ebb_gather *g;
	uint64_t first, last; /* the whole range */
	uint64_t cursor; /* not yet cleared from here on; last + 1 at the end */
	uint64_t removed; /* bytes */
	bool exclusive; /* the write side is held */
	struct prune prune;
};

/* Step 5: remembers that a table lost entries, unless sync looks for it anyway. */
EBB_INLINE void touch(struct ebb_gather *g, uint64_t iova, unsigned level)
{
	uint64_t cand;

	if (ebb_likely(ebb_is_recent(g, iova, level)) || (level > 0 && level == ebb_top(g->domain)))
		return;
	cand = ebb_cand(ebb_table_first(iova, level), level);
	if (!g->ntouched || g->touched[g->ntouched - 1] != cand)
		g->touched[g->ntouched++] = cand;
}

/* `n` entries of a table became zero; [first, last] is what they covered. */
EBB_INLINE void entries_gone(enum ebb_policy policy, struct ebb_gather *g, struct prune *prune,
			     struct ebb_table *t, unsigned level, unsigned n, uint64_t first,
			     uint64_t last, enum ebb_invalidation kind)
{
	if (policy == EBB_RWLOCK) {
		uint32_t left = __atomic_sub_fetch(&ebb_hot_desc(t)->count, n, __ATOMIC_RELAXED);

		if (!left && level < ebb_top(g->domain)) {
			prune->wanted = true;
			prune->iova = first;
			if (kind == EBB_LEAF) {
				prune->span_first = first;
				prune->span_last = last;
				/* the wide invalidation of the pruned table will cover it */
				return;
			}
		}
	}
	if (policy == EBB_DEFERRED)
		touch(g, first, level);
	ebb_gather_span(g, first, last, kind);
}

/* How many of the entries of a line are leaves. */
EBB_INLINE unsigned line_leaves(const struct ebb_format *f, const uint64_t *line, unsigned level)
{
	unsigned n = 0;

	/* What all have in common makes a leaf: then each is one. */
	if (ebb_likely(f->is_leaf(ebb_line_common(line), level)))
		return EBB_LINE_ENTRIES;
	for (unsigned i = 0; i < EBB_LINE_ENTRIES; i++)
		n += f->is_leaf(ebb_load(&line[i]), level);
	return n;
}

/* Step 5 for up to n entries from `slot` on, as long as they are leaves. Returns how many were. */
EBB_INLINE unsigned clear_leaves(const struct ebb_format *f, uint64_t *slot, unsigned level,
				 unsigned n)
{
	unsigned head = ebb_line_head(slot, n), i = 0;

	for (; i < head && f->is_leaf(ebb_load(&slot[i]), level); i++)
		ebb_store(&slot[i], 0);
	if (i < head)
		return i;
	for (; n - i >= EBB_LINE_ENTRIES && line_leaves(f, &slot[i], level) == EBB_LINE_ENTRIES;
	     i += EBB_LINE_ENTRIES)
		ebb_line_put(&slot[i], 0, 0, false);
	for (; i < n && f->is_leaf(ebb_load(&slot[i]), level); i++)
		ebb_store(&slot[i], 0);
	return i;
}

/*
 * Clears the run of leaves that starts at the cursor, holes included, as far as table and range go.
 */
EBB_INLINE enum step clear_run(const struct ebb_format *f, enum ebb_policy policy, struct clear *c,
			       struct ebb_table *t, unsigned level)
{
	uint64_t size = ebb_entry_span(level), at = ebb_entry_first(c->cursor, level), first = 0,
		 last = 0;
	unsigned i = ebb_index(c->cursor, level), from = 0, n = 0;
	bool whole = c->g->domain->partial == EBB_PARTIAL_WHOLE;

	if (at == c->cursor) {
		/* entries that the range covers; mostly there is nothing else */
		uint64_t all = (c->last - at + 1) >> ebb_entry_span_lg2(level);
		unsigned room = EBB_TABLE_ENTRIES - i;

		n = clear_leaves(f, &t->entry[i], level, all < room ? (unsigned)all : room);
		from = i;
		first = at;
		i += n;
		at += n * size;
		last = at - 1;
	}
	for (; i < EBB_TABLE_ENTRIES && at <= c->last; i++, at += size) {
		uint64_t e = ebb_load(&t->entry[i]);

		if (!e)
			continue;
		if (ebb_is_dead(f, e)) {
			if (at > c->cursor)
				break; /* the next step decides whether to claim it */
			continue;
		}
		if (!f->is_leaf(e, level) ||
		    ((at < c->cursor || at + size - 1 > c->last) && !whole))
			break;
		ebb_store(&t->entry[i], 0); /* step 5 */
		if (!n++) {
			from = i;
			first = at;
		}
		last = at + size - 1;
	}
	if (n) {
		unsigned to = from + (unsigned)((last - first + 1) >> ebb_entry_span_lg2(level));

		ebb_write_back(c->g->domain, &t->entry[from], to - from);
		entries_gone(policy, c->g, &c->prune, t, level, n, first, last, EBB_LEAF);
		c->removed += n * size;
	} else if (i < EBB_TABLE_ENTRIES && at <= c->last &&
		   f->is_leaf(ebb_load(&t->entry[i]), level)) {
		return STEP_PARTIAL;
	}
	c->cursor = at > c->cursor ? at : c->cursor;
	return STEP_DONE;
}

/*
 * Counts and clears what the claimed table mapped: step 5, as in a table that stays, since the
 * device may still walk it. Its lines are in the cache now; when it is freed they may not be.
 */
static void claim_table(const struct ebb_format *f, struct clear *c, struct ebb_table *t,
			unsigned level)
{
	struct ebb_desc *desc = ebb_hot_desc(t);
	unsigned leaves = 0;

	for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i += EBB_LINE_ENTRIES) {
		unsigned n = line_leaves(f, &t->entry[i], level);

		if (n) {
			ebb_line_put(&t->entry[i], 0, 0, false);
			ebb_write_back(c->g->domain, &t->entry[i], EBB_LINE_ENTRIES);
		}
		leaves += n;
	}
	c->removed += leaves * ebb_entry_span(level);
	ebb_table_unlinked(c->g, t, level);
	desc->next = c->g->unlinked;
	c->g->unlinked = t;
}

/* A dead table may be the upper one of a pair (reclaim.c, argument h): takes the lower ones. */
static EBB_COLD void claim_below(const struct ebb_format *f, struct clear *c, struct ebb_table *t,
				 unsigned level)
{
	for (unsigned i = 0; level > 0 && i < EBB_TABLE_ENTRIES; i++) {
		uint64_t e = ebb_load(&t->entry[i]);

		if (!ebb_is_table(f, e, level) || !ebb_exchange(&t->entry[i], 0))
			continue;
		ebb_write_back(c->g->domain, &t->entry[i], 1);
		claim_table(f, c, ebb_child(f, e), level - 1);
	}
}

/*
 * Replaces the entry for `at` in t, at `level`, by 0 whatever its state, and takes the table below
 * it.
 */
EBB_INLINE void claim(const struct ebb_format *f, enum ebb_policy policy, struct clear *c,
		      struct ebb_table *t, unsigned level, uint64_t at)
{
	uint64_t *ep = &t->entry[ebb_index(at, level)];
	uint64_t e = ebb_exchange(ep, 0);

	if (!e)
		return; /* a reclaimer was faster, and frees it */
	ebb_write_back(c->g->domain, ep, 1);
	if (ebb_is_dead(f, e))
		claim_below(f, c, ebb_child(f, e), level - 1);
	claim_table(f, c, ebb_child(f, e), level - 1);
	entries_gone(policy, c->g, &c->prune, t, level, 1, ebb_entry_first(at, level),
		     ebb_entry_last(at, level), EBB_WIDE);
}

EBB_INLINE bool covered(const struct clear *c, uint64_t at, unsigned level)
{
	return ebb_entry_first(at, level) >= c->first && ebb_entry_last(at, level) <= c->last;
}

/* One step, inside a section. */
EBB_INLINE enum step clear_step(const struct ebb_format *f, enum ebb_policy policy, struct clear *c)
{
	struct ebb_table *t = c->g->domain->root;

	for (unsigned l = ebb_top(c->g->domain);; l--) {
		uint64_t *ep = &t->entry[ebb_index(c->cursor, l)], e = ebb_load(ep);
		bool table = ebb_is_table(f, e, l);

		if ((table && l == 1) || ebb_is_dead(f, e)) {
			/*
			 * The owner of a leaf table's whole span takes it; dead ones hold no leaves
			 * at any level.
			 */
			if (covered(c, c->cursor, l)) {
				if (policy == EBB_RWLOCK && !c->exclusive)
					return STEP_EXCLUDE;
				claim(f, policy, c, t, l, c->cursor);
				c->cursor = ebb_entry_last(c->cursor, l) + 1;
				return STEP_DONE;
			}
		}
		if (!table)
			return clear_run(f, policy, c, t, l);
		/* Another caller may just have split a large leaf of which this range is a part. */
		if (ebb_unlikely(!(e & f->known)))
			ebb_settle_known(f, c->g->domain, ep, e);
		t = ebb_child(f, e);
	}
}

/* Policy rwlock: frees what a step emptied. */
static void prune_after(struct ebb_gather *g, struct prune *prune)
{
	prune->wanted = false;
	if (!ebb_rw_prune(g, prune->iova) && prune->span_last)
		ebb_gather_span(g, prune->span_first, prune->span_last, EBB_LEAF);
	prune->span_last = 0;
}

/*
 * Takes the table at `level` that ends right before the cursor. It is empty, or dead with an empty
 * one below it: the range covers it and has passed it.
 */
EBB_INLINE void claim_passed(const struct ebb_format *f, enum ebb_policy policy, struct clear *c,
			     unsigned level)
{
	struct ebb_domain *d = c->g->domain;
	uint64_t at = ebb_table_first(c->cursor - 1, level);
	uint64_t *ep, e;

	ebb_gather_room(c->g);
	ebb_unlink_enter(policy, d);
	ep = ebb_walk_to(f, d, at, level);
	e = ep ? ebb_load(ep) : 0;
	/* Else not zero can only be if others broke the ownership rule; then the table stays. */
	if (ebb_is_dead(f, e) ||
	    (ebb_is_table(f, e, level + 1) && ebb_table_is_zero(ebb_child(f, e)))) {
		claim(f, policy, c, ebb_table_of(ep), level + 1, at);
	}
	ebb_unlink_leave(policy, d);
	if (policy == EBB_RWLOCK && c->prune.wanted)
		prune_after(c->g, &c->prune);
}

EBB_INLINE enum step clear_one(const struct ebb_format *f, enum ebb_policy policy, struct clear *c)
{
	struct ebb_domain *d = c->g->domain;
	enum step s;

	ebb_section_enter(policy, d);
	s = clear_step(f, policy, c);
	ebb_section_leave(policy, d);
	if (policy != EBB_RWLOCK)
		return s;
	if (s == STEP_EXCLUDE) {
		ebb_rw_write_lock(d);
		c->exclusive = true;
		s = clear_step(f, policy, c);
		c->exclusive = false;
		ebb_rw_write_unlock(d);
	}
	if (c->prune.wanted)
		prune_after(c->g, &c->prune);
	return s;
}

/* All steps. STEP_PARTIAL: stopped at a leaf that reaches beyond the range. */
EBB_INLINE enum step clear_all(const struct ebb_format *f, enum ebb_policy policy, struct clear *c)
{
	unsigned top = ebb_top(c->g->domain);

	while (c->cursor <= c->last) {
		enum step s;

		ebb_gather_room(c->g);
		s = clear_one(f, policy, c);
		if (ebb_unlikely(s != STEP_DONE))
			return s;
		for (unsigned l = 1; l < top && !(c->cursor & (ebb_entry_span(l + 1) - 1)); l++)
			if (c->cursor - ebb_entry_span(l + 1) >= c->first &&
			    c->cursor - 1 <= c->last)
				claim_passed(f, policy, c, l);
	}
	return STEP_DONE;
}

/* ---- leaves that the range covers only in part ---- */

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

/*
 * Sees to it that no leaf sticks out of the range, as the domain's setting says: an error, or a
 * split.
 */
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

/* ---- entry points ---- */

/*
 * Whether a leaf may reach beyond the end of the range that is not the leaf at its beginning: that
 * one the first step meets before it has changed anything.
 */
EBB_INLINE bool end_may_cut(const struct ebb_domain *d, uint64_t iova, uint64_t last)
{
	for (unsigned l = 1; d->leaf_levels >> l; l++)
		if (ebb_entry_last(last, l) != last && ebb_entry_first(last, l) > iova &&
		    (d->leaf_levels & (1u << l)))
			return true;
	return false;
}

static int unmap_range(const struct ebb_format *f, enum ebb_policy policy, struct ebb_gather *g,
		       uint64_t iova, uint64_t last, uint64_t *unmapped)
{
	struct clear c = { .g = g, .first = iova, .last = last, .cursor = iova };
	int ret;

	if (ebb_unlikely(end_may_cut(g->domain, iova, last))) {
		ret = settle_edges(f, policy, g, iova, last);
		if (ret)
			return ret;
	}
	while (clear_all(f, policy, &c) == STEP_PARTIAL) {
		ret = settle_edges(f, policy, g, iova, last);
		if (ret)
			return ret;
	}
	*unmapped = c.removed;
	if (c.removed)
		return EBB_OK;
	/*
	 * Nothing was mapped, so the caller has nothing to sync for, and may map there at once. The
	 * device must forget the empty tables that went.
	 */
	if (g->unlinked)
		ebb_sync(g);
	return EBB_ERR_NOT_MAPPED;
}

EBB_NOINLINE int unmap_checked(struct ebb_gather *g, uint64_t iova, uint64_t len,
			       uint64_t *unmapped)
{
	uint64_t last = iova + len - 1, bytes = 0;
	int ret;

	if (unmapped)
		*unmapped = 0;
	if (!len)
		return EBB_ERR_INVALID;
	if ((iova | len) & (EBB_TABLE_SIZE - 1))
		return EBB_ERR_MISALIGNED;
	if (last < iova || last > g->domain->iova_last)
		return EBB_ERR_APERTURE;
	ret = EBB_SPECIALISE(g->domain, unmap_range, g, iova, last, &bytes);
	if (!ret && unmapped)
		*unmapped = bytes;
	return ret;
}

/*
 * What unmap_page() leaves to calls at its very end, so that it needs no more registers than a call
 * leaves free. Each is inside a section, and leaves it.
 */

/* Other ranges wait for the sync. */
EBB_NOINLINE int page_joins(struct ebb_gather *g, uint64_t iova)
{
	ebb_gather_span_more(g, iova, iova + EBB_TABLE_SIZE - 1, EBB_LEAF);
	ebb_section_leave(g->domain->policy, g->domain);
	return EBB_OK;
}

static int page_counted(struct ebb_gather *g, struct ebb_table *t, uint64_t iova)
{
	struct prune prune = { 0 };

	entries_gone(EBB_RWLOCK, g, &prune, t, 0, 1, iova, iova + EBB_TABLE_SIZE - 1, EBB_LEAF);
	ebb_section_leave(EBB_RWLOCK, g->domain);
	if (prune.wanted)
		prune_after(g, &prune);
	return EBB_OK;
}

/* Nothing was done yet. */
EBB_NOINLINE int unmap_unusual(struct ebb_gather *g, uint64_t iova, uint64_t *unmapped)
{
	ebb_section_leave(g->domain->policy, g->domain);
	return unmap_checked(g, iova, EBB_TABLE_SIZE, unmapped);
}

/*
 * The common case by itself: one page of the smallest size, to which plain entries lead.
 */
EBB_INLINE int unmap_page(const struct ebb_format *f, enum ebb_policy policy,
			  enum ebb_page_section section, struct ebb_gather *g, uint64_t iova,
			  uint64_t *unmapped)
{
	struct ebb_table *t;
	uint64_t *slot, e;

	ebb_page_enter(section, g->domain);
	if (ebb_unlikely(!ebb_walk_plain(f, g->domain, iova, &t, &e)))
		return unmap_unusual(g, iova, unmapped);
	slot = &t->entry[ebb_index(iova, 0)];
	if (ebb_unlikely(!ebb_load(slot)))
		return unmap_unusual(g, iova, unmapped);
	ebb_store(slot, 0); /* step 5 */
	if (unmapped)
		*unmapped = EBB_TABLE_SIZE;
	if (policy == EBB_RWLOCK)
		return page_counted(g, t, iova);
	if (policy == EBB_DEFERRED)
		touch(g, iova, 0);
	if (ebb_unlikely(g->nspans))
		return page_joins(g, iova);
	ebb_gather_span_first(g, iova, iova + EBB_TABLE_SIZE - 1, EBB_LEAF);
	ebb_page_leave(section, g->domain);
	return EBB_OK;
}

EBB_NOINLINE int unmap_page_inside(struct ebb_gather *g, uint64_t iova, uint64_t *unmapped)
{
	return unmap_page(&ebb_vtdss, EBB_DEFERRED, EBB_PAGE_NONE, g, iova, unmapped);
}

EBB_NOINLINE int unmap_page_ready(struct ebb_gather *g, uint64_t iova, uint64_t *unmapped)
{
	return unmap_page(&ebb_vtdss, EBB_DEFERRED, EBB_PAGE_READY, g, iova, unmapped);
}

EBB_NOINLINE int unmap_page_none(struct ebb_gather *g, uint64_t iova, uint64_t *unmapped)
{
	return unmap_page(&ebb_vtdss, EBB_NONE, EBB_PAGE_NONE, g, iova, unmapped);
}

EBB_NOINLINE int unmap_page_rwlock(struct ebb_gather *g, uint64_t iova, uint64_t *unmapped)
{
	return unmap_page(&ebb_vtdss, EBB_RWLOCK, EBB_PAGE_RWLOCK, g, iova, unmapped);
}

int ebb_unmap(struct ebb_gather *g, ebb_iova iova, uint64_t len, uint64_t *unmapped)
{
	const struct ebb_domain *d = g->domain;

	_Static_assert(EBB_GATHER_SPANS == EBB_GATHER_TOUCHED, "one test for the room in both");

	if (ebb_unlikely(len != EBB_TABLE_SIZE || (iova.v & (EBB_TABLE_SIZE - 1)) ||
			 iova.v > d->iova_last || g->nspans + g->ntouched + 2 > EBB_GATHER_SPANS))
		return unmap_checked(g, iova.v, len, unmapped);
	if (ebb_likely(d->unmap_page == EBB_DEFERRED)) {
		if (ebb_hot_inside())
			return unmap_page_inside(g, iova.v, unmapped);
		if (ebb_hot_ready())
			return unmap_page_ready(g, iova.v, unmapped);
	} else if (d->unmap_page == EBB_NONE) {
		return unmap_page_none(g, iova.v, unmapped);
	} else if (d->unmap_page == EBB_RWLOCK) {
		return unmap_page_rwlock(g, iova.v, unmapped);
	}
	return unmap_checked(g, iova.v, EBB_TABLE_SIZE, unmapped);
}

static uint64_t clear_range(const struct ebb_format *f, enum ebb_policy policy,
			    struct ebb_gather *g, uint64_t iova, uint64_t last)
{
	struct clear c = { .g = g, .first = iova, .last = last, .cursor = iova };

	clear_all(f, policy, &c);
	return c.removed;
}

uint64_t ebb_clear_range(struct ebb_gather *g, uint64_t iova, uint64_t last)
{
	return EBB_SPECIALISE(g->domain, clear_range, g, iova, last);
}
