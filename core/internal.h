/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_CORE_INTERNAL_H
#define EBB_CORE_INTERNAL_H
/*
 * What the core's files share: tables and entries, index arithmetic, read sections, and the
 * functions that one file offers to the others. "Step n" refers to the numbered argument at the top
 * of reclaim.c.
 */
#include "ebb.h"
#include "format.h"
#include "formats/vtdss.h"
#include <ebb_hot.h>

struct ebb_table {
	uint64_t entry[EBB_TABLE_ENTRIES];
};

/* The table that an entry is in. */
static inline struct ebb_table *ebb_table_of(uint64_t *ep)
{
	return (struct ebb_table *)((uintptr_t)ep & ~(uintptr_t)(EBB_TABLE_SIZE - 1));
}

#define EBB_LINE_ENTRIES 8u /* entries in a 64-byte cache line */
#define EBB_PAGE_LG2	 12u
#define EBB_INDEX_LG2	 9u
#define EBB_SPARES_MAX	 (2 * EBB_BATCH_MAX) /* spare tables that a gather keeps */
#define EBB_POOL_MAX	 256u /* spare tables that a domain keeps besides */
#define EBB_HELD_SLACK	 16 /* of a domain: held_slack */

#define EBB_INLINE   static inline __attribute__((always_inline))
#define EBB_COLD     __attribute__((noinline, cold))
#define EBB_NOINLINE static __attribute__((noinline))
/* The way of a single page begins a cache line, whatever else is linked before it. */
#define EBB_ALIGNED __attribute__((aligned(64)))
#ifdef __clang__
#define EBB_UNROLL /* does it by itself, and warns where it cannot */
#else
#define EBB_UNROLL _Pragma("GCC unroll 8")
#endif
#define ebb_likely(x)	__builtin_expect(!!(x), 1)
#define ebb_unlikely(x) __builtin_expect(!!(x), 0)

/*
 * Calls fn(format, policy, ...) with both as constants, so that each combination gets its own
 * specialised code. A new format adds a case here.
 */
#define EBB_SPECIALISE(d, fn, ...)                                                 \
	((d)->policy == EBB_DEFERRED ? fn(&ebb_vtdss, EBB_DEFERRED, __VA_ARGS__) : \
	 (d)->policy == EBB_NONE     ? fn(&ebb_vtdss, EBB_NONE, __VA_ARGS__) :     \
				       fn(&ebb_vtdss, EBB_RWLOCK, __VA_ARGS__))

/* ---- spans and indices ---- */

EBB_INLINE unsigned ebb_entry_span_lg2(unsigned level)
{
	return EBB_PAGE_LG2 + EBB_INDEX_LG2 * level;
}

EBB_INLINE uint64_t ebb_entry_span(unsigned level)
{
	return 1ull << ebb_entry_span_lg2(level);
}

EBB_INLINE unsigned ebb_table_span_lg2(unsigned level)
{
	return ebb_entry_span_lg2(level + 1);
}

EBB_INLINE unsigned ebb_index(uint64_t iova, unsigned level)
{
	return (iova >> ebb_entry_span_lg2(level)) & (EBB_TABLE_ENTRIES - 1);
}

EBB_INLINE uint64_t ebb_entry_first(uint64_t iova, unsigned level)
{
	return iova & ~(ebb_entry_span(level) - 1);
}

EBB_INLINE uint64_t ebb_entry_last(uint64_t iova, unsigned level)
{
	return iova | (ebb_entry_span(level) - 1);
}

EBB_INLINE uint64_t ebb_table_first(uint64_t iova, unsigned level)
{
	return ebb_entry_first(iova, level + 1);
}

EBB_INLINE uint64_t ebb_table_last(uint64_t iova, unsigned level)
{
	return ebb_entry_last(iova, level + 1);
}

EBB_INLINE unsigned ebb_top(const struct ebb_domain *d)
{
	return d->levels - 1;
}

/* ---- entries ---- */

/*
 * All accesses to entries that others may access at the same time. A platform may supply its own:
 * the tests' scheduler does, to stop before each of them and to keep stores back.
 */
#ifndef EBB_HOT_ACCESS
#define ebb_hot_load(ep)	__atomic_load_n(ep, __ATOMIC_ACQUIRE)
#define ebb_hot_store(ep, e)	__atomic_store_n(ep, e, __ATOMIC_RELAXED)
#define ebb_hot_exchange(ep, e) __atomic_exchange_n(ep, e, __ATOMIC_ACQ_REL)
#define ebb_hot_clear(ep, bits) __atomic_fetch_and(ep, ~(bits), __ATOMIC_RELAXED)
#define ebb_hot_cas(ep, old, new) \
	__atomic_compare_exchange_n(ep, old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#endif

/*
 * A walk's load: pairs with the release of the CAS that installed the entry, or one above it, or
 * thawed it (steps 1 and 2).
 */
EBB_INLINE uint64_t ebb_load(const uint64_t *ep)
{
	return ebb_hot_load(ep);
}

/*
 * A leaf's store (steps 3 and 5); what orders it is the end of the read section and the fence in
 * the invalidation.
 */
EBB_INLINE void ebb_store(uint64_t *ep, uint64_t e)
{
	ebb_hot_store(ep, e);
}

/*
 * Every claim on a table entry. Release: what the new state refers to is complete; acquire: so is
 * what we go on with.
 */
EBB_INLINE bool ebb_cas(uint64_t *ep, uint64_t *old, uint64_t new)
{
	return ebb_hot_cas(ep, old, new);
}

/*
 * The claim of the whole span's owner: pairs with the CASes of mappers and reclaimers; exactly one
 * of all who remove C from E gets it.
 */
EBB_INLINE uint64_t ebb_exchange(uint64_t *ep, uint64_t e)
{
	return ebb_hot_exchange(ep, e);
}

/*
 * A look at one word must not come before what we did to another, as in step 6, but where nothing
 * is invalidated. An acquire-release CAS or exchange does not see to that: its store may become
 * visible after a later load. On x86 none needs more; this is for off the hot path.
 */
EBB_INLINE void ebb_full_fence(void)
{
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
}

/* Clears bits that hardware sets; the invalidation that follows orders it. */
EBB_INLINE void ebb_clear(uint64_t *ep, uint64_t bits)
{
	ebb_hot_clear(ep, bits);
}

/* Statistics: written by one thread, read by any. */
#define ebb_count(p, n) \
	__atomic_store_n((p), __atomic_load_n((p), __ATOMIC_RELAXED) + (n), __ATOMIC_RELAXED)

EBB_INLINE struct ebb_table *ebb_child(const struct ebb_format *f, uint64_t e)
{
	return ebb_hot_va((ebb_pa){ e & f->pa_bits });
}

EBB_INLINE bool ebb_line_is_zero(const uint64_t *line)
{
#ifdef EBB_HOT_LINE_IS_ZERO
	return ebb_hot_line_is_zero(line);
#else
	uint64_t any = 0;

	for (unsigned i = 0; i < EBB_LINE_ENTRIES; i++)
		any |= __atomic_load_n(&line[i], __ATOMIC_RELAXED);
	return any == 0;
#endif
}

/* Whether all of a line is zero but for entry i of it. */
EBB_INLINE bool ebb_line_is_zero_but(const uint64_t *line, unsigned i)
{
#ifdef EBB_HOT_LINE_IS_ZERO_BUT
	return ebb_hot_line_is_zero_but(line, i);
#else
	uint64_t any = 0;

	EBB_UNROLL
	for (unsigned k = 0; k < EBB_LINE_ENTRIES; k++)
		any |= k == i ? 0 : __atomic_load_n(&line[k], __ATOMIC_RELAXED);
	return any == 0;
#endif
}

/* The bits that all entries of a line have. */
EBB_INLINE uint64_t ebb_line_common(const uint64_t *line)
{
#ifdef EBB_HOT_LINE_COMMON
	return ebb_hot_line_common(line);
#else
	uint64_t all = ~0ull;

	EBB_UNROLL
	for (unsigned i = 0; i < EBB_LINE_ENTRIES; i++)
		all &= ebb_load(&line[i]);
	return all;
#endif
}

/* A store as in steps 3 and 5, or into a table that nobody else knows yet (`fresh`). */
EBB_INLINE void ebb_put(uint64_t *ep, uint64_t e, bool fresh)
{
	if (fresh)
		*ep = e;
	else
		ebb_store(ep, e);
}

/* The same for the leaves e, e + step, ... of a line, or its clearing (0, 0). */
EBB_INLINE void ebb_line_put(uint64_t *line, uint64_t e, uint64_t step, bool fresh)
{
#ifdef EBB_HOT_LINE_STORE
	(void)fresh;
	ebb_hot_line_store(line, e, step);
#else
	EBB_UNROLL
	for (unsigned i = 0; i < EBB_LINE_ENTRIES; i++, e += step)
		ebb_put(&line[i], e, fresh);
#endif
}

/* How many of n entries from `slot` on come before the first line that begins among them. */
EBB_INLINE unsigned ebb_line_head(const uint64_t *slot, unsigned n)
{
	unsigned head = -((uintptr_t)slot / sizeof(*slot)) % EBB_LINE_ENTRIES;

	return head < n ? head : n;
}

/* An empty table is 512 zero words. */
static inline bool ebb_table_is_zero(const struct ebb_table *t)
{
	for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i += EBB_LINE_ENTRIES)
		if (!ebb_line_is_zero(&t->entry[i]))
			return false;
	return true;
}

/*
 * Where walks do not snoop: makes entries visible to the device. Always inside the section that
 * stored them (step 3).
 */
EBB_INLINE void ebb_write_back(const struct ebb_domain *d, const uint64_t *ep, unsigned entries)
{
	if (ebb_unlikely(d->flags & EBB_NONSNOOPING))
		d->platform.write_back(d->platform.ctx, ep, entries * sizeof(*ep));
}

/*
 * The entry that refers to the table at `level` on the way to iova, or NULL if the way there is
 * broken. Needs level < top. Passes FROZEN entries, as unmap may (step 4). *up: the entry that
 * refers to the table that it is in, NULL where that is the root.
 */
EBB_INLINE uint64_t *ebb_walk_to_pair(const struct ebb_format *f, const struct ebb_domain *d,
				      uint64_t iova, unsigned level, uint64_t **up)
{
	struct ebb_table *t = d->root;

	*up = NULL;
	for (unsigned l = ebb_top(d); l > level + 1; l--) {
		uint64_t *ep = &t->entry[ebb_index(iova, l)], e = ebb_load(ep);

		if (ebb_unlikely(!ebb_is_plain(f, e)) && !ebb_is_table(f, e, l))
			return NULL;
		t = ebb_child(f, e);
		*up = ep;
	}
	return &t->entry[ebb_index(iova, level + 1)];
}

EBB_INLINE uint64_t *ebb_walk_to(const struct ebb_format *f, const struct ebb_domain *d,
				 uint64_t iova, unsigned level)
{
	uint64_t *up;

	return ebb_walk_to_pair(f, d, iova, level, &up);
}

/*
 * The lowest linked table on the way to iova, its level in *level, and the entry for iova in it
 * (empty, dead or a leaf) in *e.
 */
EBB_INLINE struct ebb_table *ebb_walk_down(const struct ebb_format *f, const struct ebb_domain *d,
					   uint64_t iova, unsigned *level, uint64_t *e)
{
	struct ebb_table *t = d->root;
	unsigned l = ebb_top(d);

	for (;;) {
		*e = ebb_load(&t->entry[ebb_index(iova, l)]);
		if (!ebb_is_table(f, *e, l))
			break;
		t = ebb_child(f, *e);
		l--;
	}
	*level = l;
	return t;
}

/* One level down from *t; *e: the entry there. False: it is not a plain one. */
EBB_INLINE bool ebb_step_plain(const struct ebb_format *f, struct ebb_table **t, uint64_t iova,
			       unsigned level, uint64_t *e)
{
	*e = ebb_load(&(*t)->entry[ebb_index(iova, level)]);
	*t = ebb_child(f, *e);
	return ebb_likely(ebb_is_plain(f, *e));
}

/*
 * Whether every entry on the way to the leaf table for iova is a plain one: the walk of the hot
 * path, without a loop. Then *t is that table, and *e the entry that refers to it.
 */
EBB_INLINE bool ebb_walk_plain(const struct ebb_format *f, const struct ebb_domain *d,
			       uint64_t iova, struct ebb_table **t, uint64_t *e)
{
	_Static_assert(EBB_LEVELS_MAX == 6, "a step for each");

	*t = d->root;
	if (f->levels_max > 5 && d->levels > 5 && !ebb_step_plain(f, t, iova, 5, e))
		return false;
	if (ebb_unlikely(d->levels > 4) && !ebb_step_plain(f, t, iova, 4, e))
		return false;
	if (ebb_likely(d->levels > 3) && !ebb_step_plain(f, t, iova, 3, e))
		return false;
	return ebb_step_plain(f, t, iova, 2, e) && ebb_step_plain(f, t, iova, 1, e);
}

/*
 * The same to the table at `level`, which may be the root: then *e is 0.
 */
EBB_INLINE bool ebb_walk_plain_to(const struct ebb_format *f, const struct ebb_domain *d,
				  uint64_t iova, unsigned level, struct ebb_table **t, uint64_t *e)
{
	*t = d->root;
	*e = 0;
	for (unsigned l = ebb_top(d); l > level; l--)
		if (!ebb_step_plain(f, t, iova, l, e))
			return false;
	return true;
}

/* ---- read sections ---- */

void ebb_rw_write_lock(struct ebb_domain *d);
void ebb_rw_write_unlock(struct ebb_domain *d);
void ebb_rw_read_wait(struct ebb_domain *d);

#define EBB_RW_WRITER (1u << 31)

EBB_INLINE void ebb_rw_read_lock(struct ebb_domain *d)
{
	while (ebb_unlikely(__atomic_fetch_add(&d->rwlock, 1, __ATOMIC_ACQUIRE) & EBB_RW_WRITER))
		ebb_rw_read_wait(d);
}

EBB_INLINE void ebb_rw_read_unlock(struct ebb_domain *d)
{
	__atomic_fetch_sub(&d->rwlock, 1, __ATOMIC_RELEASE);
}

/*
 * A platform whose ebb_hot_read_lock() has something to prepare the first time may say whether that
 * is done, so that the hot path need not make room for that call.
 */
#ifndef EBB_HOT_READY
#define ebb_hot_ready()		    true
#define ebb_hot_read_lock_ready()   ebb_hot_read_lock()
#define ebb_hot_read_unlock_ready() ebb_hot_read_unlock()
#endif

/*
 * A platform may say that the thread counts as inside a section until it next ends one. Then a page
 * needs none of its own.
 */
#ifndef EBB_HOT_INSIDE
#define ebb_hot_inside() false
#endif

/*
 * Such a platform has to be told now and then that the thread holds nothing, where no section ends.
 */
#ifndef EBB_HOT_OUTSIDE
#define ebb_hot_outside() ((void)0)
#endif

/* How the path of a single page has its section; a function of its own for each. */
enum ebb_page_section {
	EBB_PAGE_NONE, /* policy none, or the thread is inside one */
	EBB_PAGE_RWLOCK,
	EBB_PAGE_READY, /* deferred, where ebb_hot_ready() has said yes */
};

/*
 * The section of map and unmap. Policy none needs none: nobody else frees a table on the way to a
 * caller's own range.
 */
EBB_INLINE void ebb_section_enter(enum ebb_policy policy, struct ebb_domain *d)
{
	if (policy == EBB_DEFERRED)
		ebb_hot_read_lock();
	else if (policy == EBB_RWLOCK)
		ebb_rw_read_lock(d);
}

EBB_INLINE void ebb_section_leave(enum ebb_policy policy, struct ebb_domain *d)
{
	if (policy == EBB_DEFERRED)
		ebb_hot_read_unlock();
	else if (policy == EBB_RWLOCK)
		ebb_rw_read_unlock(d);
}

EBB_INLINE void ebb_page_enter(enum ebb_page_section section, struct ebb_domain *d)
{
	if (section == EBB_PAGE_READY)
		ebb_hot_read_lock_ready();
	else if (section == EBB_PAGE_RWLOCK)
		ebb_rw_read_lock(d);
}

EBB_INLINE void ebb_page_leave(enum ebb_page_section section, struct ebb_domain *d)
{
	if (section == EBB_PAGE_READY)
		ebb_hot_read_unlock_ready();
	else if (section == EBB_PAGE_RWLOCK)
		ebb_rw_read_unlock(d);
}

/* The section of those that look at ranges that they do not own. */
EBB_INLINE void ebb_look_enter(enum ebb_policy policy, struct ebb_domain *d)
{
	ebb_section_enter(policy == EBB_NONE ? EBB_DEFERRED : policy, d);
}

EBB_INLINE void ebb_look_leave(enum ebb_policy policy, struct ebb_domain *d)
{
	ebb_section_leave(policy == EBB_NONE ? EBB_DEFERRED : policy, d);
}

/*
 * The section of those that unlink tables: the same but for rwlock, where it excludes all others.
 */
EBB_INLINE void ebb_unlink_enter(enum ebb_policy policy, struct ebb_domain *d)
{
	if (policy == EBB_RWLOCK)
		ebb_rw_write_lock(d);
	else
		ebb_section_enter(policy, d);
}

EBB_INLINE void ebb_unlink_leave(enum ebb_policy policy, struct ebb_domain *d)
{
	if (policy == EBB_RWLOCK)
		ebb_rw_write_unlock(d);
	else
		ebb_section_leave(policy, d);
}

/* ---- candidates: an IOVA with level + 1 in its low bits, so that none is 0 ---- */

EBB_INLINE uint64_t ebb_cand(uint64_t iova, unsigned level)
{
	return (iova & ~(uint64_t)(EBB_TABLE_SIZE - 1)) | (level + 1);
}

EBB_INLINE unsigned ebb_cand_level(uint64_t cand)
{
	return (cand & (EBB_TABLE_SIZE - 1)) - 1;
}

/* The number of a table among those of its level, with the level in the bits above. */
#define EBB_TABLE_LEVEL_SHIFT 60
#define EBB_TABLE_NO_NUMBER   (~0ull)

EBB_INLINE uint64_t ebb_table_number(uint64_t iova, unsigned level)
{
	return iova >> ebb_table_span_lg2(level) | (uint64_t)level << EBB_TABLE_LEVEL_SHIFT;
}

/* Whether a table is one of the two candidates that this caller has listed last. */
EBB_INLINE bool ebb_is_recent(const struct ebb_gather *g, uint64_t iova, unsigned level)
{
	uint64_t number = ebb_table_number(iova, level);

	return g->recent[number & 1] == number;
}

/* ---- gather.c ---- */

/* The rest of ebb_gather_span(), below. */
void ebb_gather_span_more(struct ebb_gather *g, uint64_t first, uint64_t last,
			  enum ebb_invalidation kind);
/*
 * Invalidates what is remembered, at least one span, and passes the unlinked tables on. The token
 * covers all invalidations of this gather before it.
 */
ebb_token ebb_gather_flush(struct ebb_gather *g);

/* The same when nothing is remembered yet. */
EBB_INLINE void ebb_gather_span_first(struct ebb_gather *g, uint64_t first, uint64_t last,
				      enum ebb_invalidation kind)
{
	g->spans[0].first.v = first;
	g->spans[0].last.v = last;
	g->spans[0].kind = kind;
	g->nspans = 1;
	if (kind == EBB_WIDE)
		g->nwide = 1;
}

/*
 * Remembers to invalidate [first, last]. There must be room: ebb_gather_room() before, outside
 * sections.
 */
EBB_INLINE void ebb_gather_span(struct ebb_gather *g, uint64_t first, uint64_t last,
				enum ebb_invalidation kind)
{
	if (ebb_unlikely(g->nspans))
		ebb_gather_span_more(g, first, last, kind);
	else
		ebb_gather_span_first(g, first, last, kind);
}

/* Whether a step of unmap finds room for what it has to remember. */
EBB_INLINE bool ebb_gather_has_room(const struct ebb_gather *g)
{
	return g->nspans + 2 <= EBB_GATHER_SPANS && g->ntouched + 2 <= EBB_GATHER_TOUCHED;
}

/* Syncs if it might not. Outside sections. */
EBB_INLINE void ebb_gather_room(struct ebb_gather *g)
{
	if (ebb_unlikely(!ebb_gather_has_room(g)))
		ebb_sync(g);
}

/* Lists a candidate. Returns its slot, NULL if none is free. */
uint64_t *ebb_slot_add(struct ebb_gather *g, uint64_t cand);
/* The same, reclaiming for as long as there is no free slot. Outside sections. */
uint64_t *ebb_slot_add_wait(struct ebb_gather *g, uint64_t cand);
/* Unmap has to remember every table again. Only right after a sync. */
void ebb_recent_forget(struct ebb_gather *g);

/* ---- table.c: the life of a table ---- */

/* Tells the domain what the gather has counted since it last did. */
void ebb_held_tell(struct ebb_gather *g);

/*
 * Counts what the domain holds: n tables more. In the gather, so that callers share no line; only
 * now and then the domain is told.
 */
EBB_INLINE void ebb_held_add(struct ebb_gather *g, int n)
{
	int64_t held = g->held + n, slack = g->domain->held_slack;

	__atomic_store_n(&g->held, held, __ATOMIC_RELAXED);
	if (held > g->held_most)
		__atomic_store_n(&g->held_most, held, __ATOMIC_RELAXED);
	if (ebb_unlikely(held >= slack || held <= -slack))
		ebb_held_tell(g);
}

/*
 * Makes sure that the gather has `want` spare tables: EBB_OK, EBB_ERR_NO_MEMORY or
 * EBB_ERR_PA_WIDTH. Outside sections.
 */
int ebb_spares_fill(struct ebb_gather *g, unsigned long want);
/* Gives away the spares that the gather should not keep: all but `keep`. */
void ebb_spares_shed(struct ebb_gather *g, unsigned keep);

/* Takes a spare table. There must be one. */
EBB_INLINE struct ebb_table *ebb_spare_take(struct ebb_gather *g)
{
	struct ebb_table *t = g->spare;

	g->spare = ebb_hot_desc(t)->next;
	ebb_count(&g->nspare, -1u);
	return t;
}

EBB_INLINE void ebb_spare_put(struct ebb_gather *g, struct ebb_table *t)
{
	ebb_hot_desc(t)->next = g->spare;
	g->spare = t;
	ebb_count(&g->nspare, 1u);
}

/*
 * Accounts for a table that is about to be linked at `level`, or was just unlinked from there. It
 * is held from before the one until it is free: ebb_held_add().
 */
EBB_INLINE void ebb_table_linked(struct ebb_gather *g, struct ebb_table *t, unsigned level)
{
	ebb_hot_desc(t)->level = level + 1;
	ebb_count(&g->counters.live[level], 1);
}

EBB_INLINE void ebb_table_unlinked(struct ebb_gather *g, struct ebb_table *t, unsigned level)
{
	ebb_hot_desc(t)->level = 0;
	ebb_count(&g->counters.live[level], -1);
}

/*
 * unlinked -> flushed: the tables wait for a grace period now (policy rwlock: are free). The token
 * is the proof.
 */
void ebb_tables_flushed(struct ebb_gather *g, struct ebb_table *list, ebb_token token);
/* Takes the tables that wait for a grace period; `all`: those of every gather. */
struct ebb_table *ebb_pending_take(struct ebb_gather *g, bool all);
/*
 * After the grace period: they become spares, go to the pool or to the platform. Returns how many.
 */
int ebb_tables_free(struct ebb_gather *g, struct ebb_table *list);
/* Waits for a grace period and frees what waits for it. */
int ebb_pending_free(struct ebb_gather *g, bool all);

/* ---- map.c ---- */

/*
 * Where walks do not snoop: makes sure that an entry that refers to a table is in memory, for
 * another caller may have stored it and not written it back yet, and what we do below relies on it
 * (steps 2 and 6). Inside a section.
 */
void ebb_settle_known(const struct ebb_format *f, const struct ebb_domain *d, uint64_t *ep,
		      uint64_t e);

/* ---- unmap.c ---- */

/* Removes every leaf and every wholly covered table in the range; returns the bytes unmapped. */
uint64_t ebb_clear_range(struct ebb_gather *g, uint64_t iova, uint64_t last);

/* ---- split.c ---- */

/*
 * Sees to it that no leaf sticks out of the range, as the domain's setting says: an error, or a
 * split.
 */
int ebb_settle_edges(struct ebb_gather *g, uint64_t first, uint64_t last);

/* ---- visit.c ---- */

/* Whether anything is mapped in the range; its first IOVA in *where. */
bool ebb_any_leaf(struct ebb_domain *d, uint64_t iova, uint64_t last, uint64_t *where);

/* ---- reclaim.c ---- */

/*
 * One batch of candidates, of every gather if `steal`. Returns tables freed; *looked: candidates
 * processed.
 */
int ebb_reclaim_batch(struct ebb_gather *g, bool steal, unsigned *looked);
/*
 * For when the last batch had few empty tables: drops the gather's candidates that are in use, as
 * the look of step 7 would. Whether the rest is worth a grace period.
 */
bool ebb_sift(struct ebb_gather *g);

/* ---- rwlock.c ---- */

/*
 * Unlinks and frees the empty tables on the way to iova. False: there are none. Outside sections.
 */
bool ebb_rw_prune(struct ebb_gather *g, uint64_t iova);

/* ---- locks of the cold paths ---- */

void ebb_spin_lock(uint32_t *lock);
void ebb_spin_unlock(uint32_t *lock);

#endif
