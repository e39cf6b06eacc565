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
#include "run.h"

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
		ret = ebb_settle_edges(g, iova, last);
		if (ret)
			return ret;
	}
	while (clear_all(f, policy, &c) == STEP_PARTIAL) {
		ret = ebb_settle_edges(g, iova, last);
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

EBB_ALIGNED EBB_NOINLINE int unmap_page_inside(struct ebb_gather *g, uint64_t iova,
					       uint64_t *unmapped)
{
	return unmap_page(&ebb_vtdss, EBB_DEFERRED, EBB_PAGE_NONE, g, iova, unmapped);
}

EBB_ALIGNED EBB_NOINLINE int unmap_page_ready(struct ebb_gather *g, uint64_t iova,
					      uint64_t *unmapped)
{
	return unmap_page(&ebb_vtdss, EBB_DEFERRED, EBB_PAGE_READY, g, iova, unmapped);
}

EBB_ALIGNED EBB_NOINLINE int unmap_page_none(struct ebb_gather *g, uint64_t iova,
					     uint64_t *unmapped)
{
	return unmap_page(&ebb_vtdss, EBB_NONE, EBB_PAGE_NONE, g, iova, unmapped);
}

EBB_ALIGNED EBB_NOINLINE int unmap_page_rwlock(struct ebb_gather *g, uint64_t iova,
					       uint64_t *unmapped)
{
	return unmap_page(&ebb_vtdss, EBB_RWLOCK, EBB_PAGE_RWLOCK, g, iova, unmapped);
}

/* The same for one larger leaf. False: nothing was done. */
EBB_INLINE bool unmap_large(const struct ebb_format *f, enum ebb_policy policy,
			    struct ebb_gather *g, uint64_t iova, unsigned level)
{
	struct ebb_domain *d = g->domain;
	struct prune prune = { 0 };
	struct ebb_table *t;
	bool done = false;
	uint64_t e, *slot;

	ebb_section_enter(policy, d);
	if (ebb_likely(ebb_walk_plain_to(f, d, iova, level, &t, &e))) {
		slot = &t->entry[ebb_index(iova, level)];
		if (ebb_likely(f->is_leaf(ebb_load(slot), level))) {
			ebb_store(slot, 0); /* step 5 */
			entries_gone(policy, g, &prune, t, level, 1, iova,
				     ebb_entry_last(iova, level), EBB_LEAF);
			done = true;
		}
	}
	ebb_section_leave(policy, d);
	if (policy == EBB_RWLOCK && prune.wanted)
		prune_after(g, &prune);
	return done;
}

/* Anything but a page of the smallest size. */
EBB_NOINLINE int unmap_other(struct ebb_gather *g, uint64_t iova, uint64_t len, uint64_t *unmapped)
{
	const struct ebb_domain *d = g->domain;
	unsigned level = large_level(d, len);

	if (level && !(iova & (len - 1)) && iova <= d->iova_last && ebb_gather_has_room(g) &&
	    d->unmap_page != EBB_POLICIES && EBB_SPECIALISE(d, unmap_large, g, iova, level)) {
		if (unmapped)
			*unmapped = len;
		return EBB_OK;
	}
	return unmap_checked(g, iova, len, unmapped);
}

EBB_ALIGNED int ebb_unmap(struct ebb_gather *g, ebb_iova iova, uint64_t len, uint64_t *unmapped)
{
	const struct ebb_domain *d = g->domain;

	_Static_assert(EBB_GATHER_SPANS == EBB_GATHER_TOUCHED, "one test for the room in both");

	if (ebb_unlikely(len != EBB_TABLE_SIZE || (iova.v & (EBB_TABLE_SIZE - 1)) ||
			 iova.v > d->iova_last || g->nspans + g->ntouched + 2 > EBB_GATHER_SPANS))
		return unmap_other(g, iova.v, len, unmapped);
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
