/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Map: steps 1 to 3 of the protocol.
 *
 * A range is mapped in runs: neighbouring leaves of one size in one table. A run is one walk from
 * the root in one read section, which thaws frozen tables and stores the leaves. Where tables are
 * missing it fills spare ones and links them, with the leaves in them, at once. It changes nothing
 * if it cannot be finished: the spare tables that it needs are there before it begins.
 *
 * A range of one run is mapped at once. A longer one is walked twice. The first pass, which changes
 * nothing, finds what is in the way and counts the missing tables, and these are all allocated
 * before the second pass begins. So under policy none, whose shared tables do not vanish in
 * between, the second pass cannot fail. Under deferred and rwlock a table that was
 * counted as present may be freed by then; the second pass then allocates again and, if that fails,
 * undoes what it did.
 */
#include "run.h"

/*
 * The CAS leaves alone whatever else has happened to the entry meanwhile; the table itself cannot
 * have been replaced, for we are in a section.
 */
EBB_COLD void ebb_settle_known(const struct ebb_format *f, const struct ebb_domain *d, uint64_t *ep,
			       uint64_t e)
{
	uint64_t pa = e & f->pa_bits;

	if (!(d->flags & EBB_NONSNOOPING))
		return;
	ebb_write_back(d, ep, 1);
	while ((e & f->pa_bits) == pa && (e & f->present_bits) == f->present_bits &&
	       !(e & f->known))
		if (ebb_cas(ep, &e, e | f->known))
			return;
}

/*
 * Before something is stored into the table below e, in entries i to i + n - 1 that were zero: does
 * a hint in e stop being true? What is not zero there is in the line of the hint, so walking
 * through never needs this test.
 */
EBB_INLINE bool hint_misses(const struct ebb_format *f, uint64_t e, unsigned i, unsigned n)
{
	return (e & f->sparse) && (i / EBB_LINE_ENTRIES != ebb_hint_line(f, e) ||
				   (i + n - 1) / EBB_LINE_ENTRIES != ebb_hint_line(f, e));
}

/*
 * The same where n leaves are going to be stored. A table that this caller keeps emptying and
 * filling loses its hint anyway, so that its pages need no test.
 */
EBB_INLINE bool hint_is_over(const struct ebb_format *f, const struct ebb_gather *g, uint64_t e,
			     uint64_t iova, unsigned level, unsigned n)
{
	return ebb_unlikely(e & f->sparse) &&
	       (hint_misses(f, e, ebb_index(iova, level), n) || ebb_is_recent(g, iova, level));
}

/* Argument g in reclaim.c: the hint goes before the store, in the same section. */
static EBB_COLD void hint_clear(const struct ebb_format *f, uint64_t *ep)
{
	uint64_t e = ebb_load(ep);

	while ((e & f->sparse) && !ebb_cas(ep, &e, e & ~ebb_hint_bits(f)))
		;
}

/* Something is in slot i of a run whose table is t. */
static EBB_COLD int run_blocked(const struct ebb_format *f, struct job *j, const struct run *r,
				struct ebb_table *t, unsigned i)
{
	if (!f->is_leaf(ebb_load(&t->entry[ebb_index(r->iova, r->level) + i]), r->level))
		return RUN_DISPLACE;
	j->at = r->iova + ((uint64_t)i << ebb_entry_span_lg2(r->level));
	return EBB_ERR_MAPPED;
}

/* The entry that refers to t, whose mapper has written it back if that is `known`. */
EBB_INLINE uint64_t entry_for(const struct ebb_format *f, enum ebb_policy policy,
			      const struct run *r, const struct ebb_table *t, unsigned level,
			      bool known)
{
	return ebb_state_table(f, ebb_hot_pa(t).v) | (known ? f->known : 0) |
	       (policy == EBB_DEFERRED ? run_hint(f, r, level - 1) : 0);
}

/*
 * The tables that a run lacks, from the one below `level` down to that of its leaves, linked to
 * each other and with the leaves in them. Nobody else knows them yet, so these are plain stores.
 */
static struct ebb_table *chain_build(const struct ebb_format *f, enum ebb_policy policy,
				     struct job *j, const struct run *r, unsigned level)
{
	struct ebb_gather *g = j->g;
	struct ebb_table *t = ebb_spare_take(g);
	unsigned i = ebb_index(r->iova, r->level);

	ebb_table_linked(g, t, r->level);
	leaves_store(f, policy, t, r, j->prot, true);
	ebb_write_back(g->domain, &t->entry[i], r->n);
	for (unsigned l = r->level + 1; l < level; l++) {
		struct ebb_table *above = ebb_spare_take(g);
		uint64_t *ep = &above->entry[ebb_index(r->iova, l)];

		ebb_table_linked(g, above, l);
		*ep = entry_for(f, policy, r, t, l, true);
		ebb_write_back(g->domain, ep, 1);
		if (policy == EBB_RWLOCK)
			ebb_hot_desc(above)->count = 1;
		t = above;
	}
	ebb_held_add(g, (int)(level - r->level));
	return t;
}

/* They become spares again. */
static EBB_COLD void chain_undo(const struct ebb_format *f, struct job *j, const struct run *r,
				struct ebb_table *t, unsigned level)
{
	struct ebb_gather *g = j->g;

	for (unsigned l = level - 1;; l--) {
		unsigned n = l == r->level ? r->n : 1;
		uint64_t *ep = &t->entry[ebb_index(r->iova, l)], e = *ep;

		__builtin_memset(ep, 0, n * sizeof(*ep));
		ebb_write_back(g->domain, ep, n);
		ebb_table_unlinked(g, t, l);
		ebb_spare_put(g, t);
		if (l == r->level)
			break;
		t = ebb_child(f, e);
	}
	ebb_held_add(g, -(int)(level - r->level));
}

/*
 * Step 1: installs all that the run lacks from here down, its leaves included. On failure the entry
 * as it is now is in *e.
 */
static bool install(const struct ebb_format *f, enum ebb_policy policy, struct job *j,
		    const struct run *r, uint64_t *ep, unsigned level, uint64_t *e)
{
	struct ebb_table *t = chain_build(f, policy, j, r, level);
	uint64_t new = entry_for(f, policy, r, t, level, !(j->g->domain->flags & EBB_NONSNOOPING));

	if (!ebb_cas(ep, e, new)) {
		chain_undo(f, j, r, t, level);
		return false;
	}
	if (policy == EBB_RWLOCK)
		__atomic_fetch_add(&ebb_hot_desc(ebb_table_of(ep))->count, 1, __ATOMIC_RELAXED);
	*e = new;
	return true;
}

/*
 * Step 2: makes a FROZEN or DEAD entry a plain one again. On failure the entry as it is now is in
 * *e.
 */
static bool thaw(const struct ebb_format *f, struct job *j, uint64_t *ep, uint64_t *e)
{
	bool dead = !(*e & f->present_bits);
	uint64_t keep = dead ? f->accessed : f->accessed | f->known | ebb_hint_bits(f);
	uint64_t new = (*e & (f->pa_bits | keep)) | f->present_bits;

	if (dead && !(j->g->domain->flags & EBB_NONSNOOPING))
		new |= f->known;
	if (!ebb_cas(ep, e, new))
		return false;
	ebb_count(dead ? &j->g->counters.revived : &j->g->counters.thawed, 1u);
	*e = new;
	return true;
}

/*
 * The entry that the walk met at `level` is not a plain one. Makes it refer to a table: EBB_OK and
 * the entry in *e, or RUN_STORED if that table has the leaves already; or RUN_SPARES with nothing
 * changed, or EBB_ERR_MAPPED. `up` refers to the table that ep is in, NULL for the root.
 */
EBB_NOINLINE int settle_entry(const struct ebb_format *f, enum ebb_policy policy, struct job *j,
			      const struct run *r, uint64_t *up, uint64_t *ep, unsigned level,
			      uint64_t *e)
{
	int ret = EBB_OK;

	for (;;) {
		if (ebb_owner(f, *e)) {
			if (!thaw(f, j, ep, e))
				continue;
		} else if (!*e) {
			/*
			 * All that the run can need from here down, so that it cannot fail
			 * half-way.
			 */
			j->need = level - r->level;
			if (j->g->nspare < j->need)
				return RUN_SPARES;
			if (policy == EBB_DEFERRED && up &&
			    hint_misses(f, ebb_load(up), ebb_index(r->iova, level), 1))
				hint_clear(f, up);
			if (!install(f, policy, j, r, ep, level, e))
				continue;
			ret = RUN_STORED;
		} else if (f->is_leaf(*e, level)) {
			return EBB_ERR_MAPPED;
		}
		if (!(*e & f->known))
			ebb_settle_known(f, j->g->domain, ep, *e);
		return ret;
	}
}

/* Maps one run, inside a section. Everything or nothing. */
EBB_INLINE int run_store(const struct ebb_format *f, enum ebb_policy policy, struct job *j,
			 const struct run *r)
{
	struct ebb_domain *d = j->g->domain;
	struct ebb_table *t = d->root;
	uint64_t *up = NULL, up_e = 0;
	unsigned i, n;
	int ret;

	j->at = r->iova;
	for (unsigned l = ebb_top(d); l > r->level; l--) {
		uint64_t *ep = &t->entry[ebb_index(r->iova, l)], e = ebb_load(ep);

		if (ebb_unlikely(!ebb_is_plain(f, e))) {
			ret = settle_entry(f, policy, j, r, up, ep, l, &e);
			if (ret)
				return ret == RUN_STORED ? EBB_OK : ret;
		}
		up = ep;
		up_e = e;
		t = ebb_child(f, e);
	}
	i = ebb_index(r->iova, r->level);
	if (policy == EBB_DEFERRED && hint_is_over(f, j->g, up_e, r->iova, r->level, r->n))
		hint_clear(f, up);
	n = leaves_store(f, policy, t, r, j->prot, false);
	if (n < r->n)
		return run_blocked(f, j, r, t, n);
	ebb_write_back(d, &t->entry[i], n);
	return EBB_OK;
}

EBB_INLINE int run_map(const struct ebb_format *f, enum ebb_policy policy, struct job *j,
		       const struct run *r)
{
	int ret;

	ebb_section_enter(policy, j->g->domain);
	ret = run_store(f, policy, j, r);
	ebb_section_leave(policy, j->g->domain);
	return ret;
}

/* ---- the first pass of a long map ---- */

struct survey {
	unsigned long missing; /* tables */
	bool displaces; /* tables stand where large leaves are to go */
	bool any; /* there was a run before... */
	uint64_t before; /* ...here... */
	unsigned before_level; /* ...with leaves at this level... */
	unsigned before_missing; /* ...which lacked the tables below this level */
};

/* Counts the tables that a run lacks and that the run before it did not lack as well. */
static void survey_missing(struct survey *s, const struct run *r, unsigned present)
{
	for (unsigned l = r->level; l < present; l++) {
		bool counted = s->any && l >= s->before_level && l < s->before_missing &&
			       ebb_table_first(s->before, l) == ebb_table_first(r->iova, l);

		s->missing += !counted;
	}
	s->any = true;
	s->before = r->iova;
	s->before_level = r->level;
	s->before_missing = present;
}

static int survey_run(const struct ebb_format *f, enum ebb_policy policy, struct job *j,
		      const struct run *r, struct survey *s)
{
	struct ebb_domain *d = j->g->domain;
	struct ebb_table *t = d->root;
	unsigned l = ebb_top(d);
	int ret = EBB_OK;

	j->at = r->iova;
	ebb_section_enter(policy, d);
	for (; l > r->level; l--) {
		uint64_t e = ebb_load(&t->entry[ebb_index(r->iova, l)]);

		if (f->is_leaf(e, l))
			ret = EBB_ERR_MAPPED;
		if (!ebb_is_table(f, e, l))
			break;
		t = ebb_child(f, e);
	}
	if (l == r->level)
		for (unsigned i = 0; i < r->n && !ret; i++)
			if (ebb_load(&t->entry[ebb_index(r->iova, l) + i]))
				ret = run_blocked(f, j, r, t, i);
	ebb_section_leave(policy, d);
	if (ret == RUN_DISPLACE) {
		s->displaces = true;
		ret = ebb_any_leaf(d, r->iova, r->iova + run_bytes(r) - 1, &j->at) ?
			      EBB_ERR_MAPPED :
			      EBB_OK;
	}
	survey_missing(s, r, l);
	return ret;
}

static int survey_range(const struct ebb_format *f, enum ebb_policy policy, struct job *j,
			struct survey *s)
{
	uint64_t iova = j->iova, pa = j->pa;

	while (iova <= j->last) {
		struct run r = next_run(j->g->domain, iova, j->last, pa);
		int ret = survey_run(f, policy, j, &r, s);

		if (ret)
			return ret;
		iova += run_bytes(&r);
		pa += run_bytes(&r);
	}
	return EBB_OK;
}

/*
 * Empty tables stand where large leaves are to go. They leave the tree before the leaves are
 * stored, and the device forgets them: it must not find an old, empty table in its walk cache when
 * the map is complete.
 */
static void displace(struct ebb_gather *g, uint64_t iova, uint64_t last)
{
	ebb_sync(g);
	ebb_clear_range(g, iova, last);
	ebb_sync(g);
}

/* Finds what is in the way and allocates what is missing. No mapping has changed if it fails. */
static int survey(const struct ebb_format *f, enum ebb_policy policy, struct job *j)
{
	struct survey s = { 0 };
	int ret = survey_range(f, policy, j, &s);

	if (ret)
		return ret;
	if (s.displaces) {
		/*
		 * Tables for small pages at the ends of the range may go as well: count once
		 * more.
		 */
		displace(j->g, j->iova, j->last);
		s = (struct survey){ 0 };
		ret = survey_range(f, policy, j, &s);
	}
	return ret ? ret : ebb_spares_fill(j->g, s.missing);
}

/* ---- failure ---- */

/*
 * An empty table may have lost its candidate when we thawed it: the lowest on the way is one again.
 */
static void remember_path(const struct ebb_format *f, enum ebb_policy policy, struct ebb_gather *g,
			  uint64_t iova)
{
	struct ebb_domain *d = g->domain;
	unsigned level;
	uint64_t e;

	if (policy == EBB_RWLOCK)
		ebb_rw_prune(g, iova);
	if (policy != EBB_DEFERRED)
		return;
	ebb_full_fence(); /* a candidate that is still listed is looked at after our thaw */
	ebb_section_enter(policy, d);
	ebb_walk_down(f, d, iova, &level, &e);
	ebb_section_leave(policy, d);
	if (level < ebb_top(d))
		ebb_slot_add_wait(g, ebb_cand(ebb_table_first(iova, level), level));
}

/* Undoes a failed map: `done` is the first IOVA that was not mapped. */
static EBB_COLD void undo(const struct ebb_format *f, enum ebb_policy policy, struct job *j,
			  uint64_t iova, uint64_t done)
{
	struct ebb_gather *g = j->g;
	unsigned looked = 1;

	if (done > iova)
		ebb_clear_range(g, iova, done - 1);
	remember_path(f, policy, g, done);
	ebb_sync(g);
	if (policy == EBB_DEFERRED) {
		/*
		 * A round for each level: tables allocated by the failed call do not stay linked.
		 */
		for (unsigned i = 0; i < 2 * g->domain->levels && looked && g->nslots; i++)
			ebb_reclaim_batch(g, false, &looked);
	}
	ebb_pending_free(g, false);
}

/* ---- entry points ---- */

/* The second pass. */
static int map_runs(const struct ebb_format *f, enum ebb_policy policy, struct job *j)
{
	int ret = EBB_OK;

	while (j->iova <= j->last) {
		struct run r = next_run(j->g->domain, j->iova, j->last, j->pa);

		ret = run_map(f, policy, j, &r);
		if (ret == RUN_SPARES) {
			ret = ebb_spares_fill(j->g, j->need);
			if (!ret)
				continue;
		}
		if (ret == RUN_DISPLACE) {
			/*
			 * The survey saw a dead table there. It was the upper one of a pair
			 * (reclaim.c, argument h), and is alive again.
			 */
			uint64_t last = r.iova + run_bytes(&r) - 1;

			/* only if the ownership rule was broken since the survey */
			if (ebb_any_leaf(j->g->domain, r.iova, last, &j->at))
				return EBB_ERR_MAPPED;
			displace(j->g, r.iova, last);
			continue;
		}
		if (ret)
			break;
		j->iova += run_bytes(&r);
		j->pa += run_bytes(&r);
	}
	return ret;
}

/* Everything that one run with the tables at hand could not do. */
static EBB_COLD int map_slow(const struct ebb_format *f, enum ebb_policy policy, struct job *j)
{
	uint64_t first = j->iova;
	int ret = survey(f, policy, j);

	if (!ret) {
		ret = map_runs(f, policy, j);
		if (ret)
			undo(f, policy, j, first, j->iova);
	} else if (ret != EBB_ERR_MAPPED) {
		undo(f, policy, j, first, first);
	}
	ebb_spares_shed(j->g, EBB_SPARES_MAX);
	return ret;
}

static EBB_COLD void map_notify(struct ebb_gather *g, uint64_t iova, uint64_t last)
{
	struct ebb_domain *d = g->domain;
	struct ebb_span span = { { iova }, { last }, EBB_WIDE };

	/*
	 * The device may have cached that entries on the way were not present, and another caller
	 * may have made them present a moment ago without having got here yet. So always wide
	 * (facts: VT-d CAP.CM, specification section 6.1).
	 */
	d->platform.invalidate(d->platform.ctx, &span, 1);
	ebb_count(&g->counters.wide_invalidations, 1u);
}

static int map_range(const struct ebb_format *f, enum ebb_policy policy, struct ebb_gather *g,
		     uint64_t iova, uint64_t last, uint64_t pa, unsigned prot)
{
	struct job j = { .g = g, .iova = iova, .last = last, .pa = pa, .prot = prot };
	struct run r = next_run(g->domain, iova, last, pa);
	int ret = RUN_SPARES;

	if (run_bytes(&r) == last - iova + 1)
		ret = run_map(f, policy, &j, &r);
	if (ret > 0)
		ret = map_slow(f, policy, &j);
	if (ret == EBB_ERR_MAPPED)
		g->error_iova.v = j.at;
	return ret;
}

/* The one cause that makes these arguments wrong. */
EBB_INLINE int map_error(const struct ebb_domain *d, uint64_t iova, uint64_t pa, uint64_t len,
			 unsigned prot)
{
	if (!len || !(prot & (EBB_READ | EBB_WRITE)) ||
	    (prot & ~(EBB_READ | EBB_WRITE | EBB_SNOOP)))
		return EBB_ERR_INVALID;
	if ((iova | pa | len) & (EBB_TABLE_SIZE - 1))
		return EBB_ERR_MISALIGNED;
	if (iova + len - 1 < iova || iova + len - 1 > d->iova_last)
		return EBB_ERR_APERTURE;
	if (pa + len - 1 < pa || ((pa + len - 1) & d->pa_wide))
		return EBB_ERR_PA_WIDTH;
	if ((prot & EBB_SNOOP) && !(d->flags & EBB_SNOOP_CONTROL))
		return EBB_ERR_UNSUPPORTED;
	return EBB_OK;
}

EBB_NOINLINE int map_checked(struct ebb_gather *g, uint64_t iova, uint64_t pa, uint64_t len,
			     unsigned prot)
{
	int ret = map_error(g->domain, iova, pa, len, prot);

	if (!ret)
		ret = EBB_SPECIALISE(g->domain, map_range, g, iova, iova + len - 1, pa, prot);
	if (!ret && (g->domain->flags & EBB_CACHING_MODE))
		map_notify(g, iova, iova + len - 1);
	return ret;
}

/* One page of the smallest size, inside a section, which it leaves. */
EBB_INLINE int map_unusual(const struct ebb_format *f, enum ebb_policy policy, struct ebb_gather *g,
			   uint64_t iova, uint64_t pa, unsigned prot)
{
	struct job j = { .g = g, .prot = prot };
	struct run r = { .iova = iova, .pa = pa, .n = 1 };
	int ret = run_store(f, policy, &j, &r);

	ebb_section_leave(policy, g->domain);
	return ebb_likely(!ret) ? EBB_OK : map_checked(g, iova, pa, EBB_TABLE_SIZE, prot);
}

EBB_NOINLINE int map_unusual_deferred(struct ebb_gather *g, uint64_t iova, uint64_t pa,
				      unsigned prot)
{
	return map_unusual(&ebb_vtdss, EBB_DEFERRED, g, iova, pa, prot);
}

EBB_NOINLINE int map_unusual_none(struct ebb_gather *g, uint64_t iova, uint64_t pa, unsigned prot)
{
	return map_unusual(&ebb_vtdss, EBB_NONE, g, iova, pa, prot);
}

EBB_NOINLINE int map_unusual_rwlock(struct ebb_gather *g, uint64_t iova, uint64_t pa, unsigned prot)
{
	return map_unusual(&ebb_vtdss, EBB_RWLOCK, g, iova, pa, prot);
}

/*
 * The common case by itself: one page of the smallest size with no special permission, to which
 * plain entries lead, and nothing is in the way. Anything else is for `unusual`, a call at the very
 * end, so that this needs no more registers than a call leaves free.
 */
EBB_INLINE int map_page(const struct ebb_format *f, enum ebb_policy policy,
			enum ebb_page_section section, struct ebb_gather *g, uint64_t iova,
			uint64_t pa, unsigned prot,
			int (*unusual)(struct ebb_gather *, uint64_t, uint64_t, unsigned))
{
	struct ebb_table *t;
	uint64_t e, *slot;

	ebb_page_enter(section, g->domain);
	if (ebb_unlikely(!ebb_walk_plain(f, g->domain, iova, &t, &e) ||
			 (policy == EBB_DEFERRED && hint_is_over(f, g, e, iova, 0, 1))))
		return unusual(g, iova, pa, prot);
	slot = &t->entry[ebb_index(iova, 0)];
	if (ebb_unlikely(ebb_load(slot) != 0))
		return unusual(g, iova, pa, prot);
	ebb_store(slot, f->leaf(pa, 0, prot & (EBB_READ | EBB_WRITE))); /* step 3 */
	if (policy == EBB_RWLOCK)
		__atomic_fetch_add(&ebb_hot_desc(t)->count, 1, __ATOMIC_RELAXED);
	ebb_page_leave(section, g->domain);
	return EBB_OK;
}

/* Inlined side by side in one function these would share its registers, and save them all. */
EBB_ALIGNED EBB_NOINLINE int map_page_inside(struct ebb_gather *g, uint64_t iova, uint64_t pa,
					     unsigned prot)
{
	return map_page(&ebb_vtdss, EBB_DEFERRED, EBB_PAGE_NONE, g, iova, pa, prot,
			map_unusual_deferred);
}

EBB_ALIGNED EBB_NOINLINE int map_page_ready(struct ebb_gather *g, uint64_t iova, uint64_t pa,
					    unsigned prot)
{
	return map_page(&ebb_vtdss, EBB_DEFERRED, EBB_PAGE_READY, g, iova, pa, prot,
			map_unusual_deferred);
}

EBB_ALIGNED EBB_NOINLINE int map_page_none(struct ebb_gather *g, uint64_t iova, uint64_t pa,
					   unsigned prot)
{
	return map_page(&ebb_vtdss, EBB_NONE, EBB_PAGE_NONE, g, iova, pa, prot, map_unusual_none);
}

EBB_ALIGNED EBB_NOINLINE int map_page_rwlock(struct ebb_gather *g, uint64_t iova, uint64_t pa,
					     unsigned prot)
{
	return map_page(&ebb_vtdss, EBB_RWLOCK, EBB_PAGE_RWLOCK, g, iova, pa, prot,
			map_unusual_rwlock);
}

/* The same for one larger leaf. False: nothing was done. */
EBB_INLINE bool map_large(const struct ebb_format *f, enum ebb_policy policy, struct ebb_gather *g,
			  uint64_t iova, uint64_t pa, unsigned prot, unsigned level)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *t;
	bool done = false;
	uint64_t e, *slot;

	ebb_section_enter(policy, d);
	if (ebb_likely(ebb_walk_plain_to(f, d, iova, level, &t, &e) &&
		       !(policy == EBB_DEFERRED && hint_is_over(f, g, e, iova, level, 1)))) {
		slot = &t->entry[ebb_index(iova, level)];
		if (ebb_likely(!ebb_load(slot))) {
			ebb_store(slot, f->leaf(pa, level, prot)); /* step 3 */
			if (policy == EBB_RWLOCK)
				__atomic_fetch_add(&ebb_hot_desc(t)->count, 1, __ATOMIC_RELAXED);
			done = true;
		}
	}
	ebb_section_leave(policy, d);
	return done;
}

/* Anything but a page of the smallest size. */
EBB_NOINLINE int map_other(struct ebb_gather *g, uint64_t iova, uint64_t pa, uint64_t len,
			   unsigned prot)
{
	const struct ebb_domain *d = g->domain;
	unsigned level = large_level(d, len);

	if (level && !((iova | pa) & (len - 1)) && iova <= d->iova_last && !(pa & d->pa_wide) &&
	    prot - 1 < (EBB_READ | EBB_WRITE) && d->map_page != EBB_POLICIES &&
	    EBB_SPECIALISE(d, map_large, g, iova, pa, prot, level))
		return EBB_OK;
	return map_checked(g, iova, pa, len, prot);
}

EBB_ALIGNED int ebb_map(struct ebb_gather *g, ebb_iova iova, ebb_pa pa, uint64_t len, unsigned prot)
{
	const struct ebb_domain *d = g->domain;

	if (ebb_unlikely(len != EBB_TABLE_SIZE || ((iova.v | pa.v) & (EBB_TABLE_SIZE - 1)) ||
			 iova.v > d->iova_last || (pa.v & d->pa_wide) ||
			 prot - 1 >= (EBB_READ | EBB_WRITE)))
		return map_other(g, iova.v, pa.v, len, prot);
	if (ebb_likely(d->map_page == EBB_DEFERRED)) {
		if (ebb_hot_inside())
			return map_page_inside(g, iova.v, pa.v, prot);
		if (ebb_hot_ready())
			return map_page_ready(g, iova.v, pa.v, prot);
	} else if (d->map_page == EBB_NONE) {
		return map_page_none(g, iova.v, pa.v, prot);
	} else if (d->map_page == EBB_RWLOCK) {
		return map_page_rwlock(g, iova.v, pa.v, prot);
	}
	return map_checked(g, iova.v, pa.v, EBB_TABLE_SIZE, prot);
}
