/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The life of a table outside the tree.
 *
 *   platform -> spare -> linked -> unlinked -> flushed (a token proves it) -> [grace period] ->
 *   spare, pool or platform
 *
 * A spare table is zero, written back where walks do not snoop, and known to nobody but its gather
 * or the pool. Tables that are not linked are strung together by their descriptors, never by their
 * contents, which a late reader may still walk.
 */
#include "internal.h"

void ebb_spin_lock(uint32_t *lock)
{
	unsigned spins = 0;

	while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
		ebb_hot_pause(spins++);
}

void ebb_spin_unlock(uint32_t *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/*
 * ---- the domain's pool: a stack from which only everything is taken at once, so that there is no
 * ABA problem ----
 */

static void pool_push(struct ebb_domain *d, struct ebb_table *first, struct ebb_table *last,
		      unsigned n)
{
	struct ebb_table *head = __atomic_load_n(&d->pool, __ATOMIC_RELAXED);

	/* Release: the tables' contents and links; pairs with the acquire in pool_take(). */
	do
		ebb_hot_desc(last)->next = head;
	while (!__atomic_compare_exchange_n(&d->pool, &head, first, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED));
	__atomic_fetch_add(&d->pooled, n, __ATOMIC_RELAXED);
}

static void pool_take(struct ebb_gather *g, unsigned long want)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *t, *last;
	unsigned taken = 0, rest = 1;

	if (!__atomic_load_n(&d->pool, __ATOMIC_RELAXED))
		return;
	t = __atomic_exchange_n(&d->pool, NULL, __ATOMIC_ACQUIRE);
	while (t && g->nspare < want) {
		struct ebb_table *next = ebb_hot_desc(t)->next;

		ebb_spare_put(g, t);
		taken++;
		t = next;
	}
	__atomic_fetch_sub(&d->pooled, taken, __ATOMIC_RELAXED);
	if (!t)
		return;
	for (last = t; ebb_hot_desc(last)->next; last = ebb_hot_desc(last)->next)
		rest++;
	__atomic_fetch_sub(&d->pooled, rest, __ATOMIC_RELAXED);
	pool_push(d, t, last, rest);
}

/* ---- spares ---- */

static int spare_alloc(struct ebb_gather *g)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *t = d->platform.alloc_table(d->platform.ctx, d->node);

	if (!t)
		return EBB_ERR_NO_MEMORY;
	*ebb_hot_desc(t) = (struct ebb_desc){ 0 };
	if (ebb_hot_pa(t).v & ~d->pa_mask) {
		d->platform.free_tables(d->platform.ctx, t);
		return EBB_ERR_PA_WIDTH;
	}
	ebb_write_back(d, t->entry, EBB_TABLE_ENTRIES);
	ebb_spare_put(g, t);
	return EBB_OK;
}

int ebb_spares_fill(struct ebb_gather *g, unsigned long want)
{
	int ret;

	while (g->nspare < want) {
		pool_take(g, want);
		if (g->nspare >= want)
			break;
		ret = spare_alloc(g);
		/* Before giving up: what is empty now, anywhere, may be all that is needed. */
		if (ret == EBB_ERR_NO_MEMORY && ebb_reclaim(g, ~0u) > 0)
			continue;
		if (ret)
			return ret;
	}
	return EBB_OK;
}

void ebb_spares_shed(struct ebb_gather *g, unsigned keep)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *list = NULL;

	while (g->nspare > keep) {
		struct ebb_table *t = ebb_spare_take(g);

		if (__atomic_load_n(&d->pooled, __ATOMIC_RELAXED) < EBB_POOL_MAX) {
			pool_push(d, t, t, 1);
		} else {
			ebb_hot_desc(t)->next = list;
			list = t;
		}
	}
	if (list)
		d->platform.free_tables(d->platform.ctx, list);
}

int ebb_trim(struct ebb_gather *g)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *list;
	int n;

	pool_take(g, ~0ul);
	n = (int)g->nspare;
	list = g->spare;
	g->spare = NULL;
	ebb_count(&g->nspare, -(unsigned)n);
	if (list)
		d->platform.free_tables(d->platform.ctx, list);
	return n;
}

/* ---- what is held ---- */

/*
 * The domain's count is signed for as long as some have not told: what one has linked another may
 * have freed, and told first.
 */
void ebb_held_tell(struct ebb_gather *g)
{
	struct ebb_domain *d = g->domain;
	uint64_t peak = __atomic_load_n(&d->held_peak, __ATOMIC_RELAXED);
	int64_t most = g->held_most;

	most += (int64_t)__atomic_fetch_add(&d->held, (uint64_t)g->held, __ATOMIC_RELAXED);
	while (most > (int64_t)peak &&
	       !__atomic_compare_exchange_n(&d->held_peak, &peak, (uint64_t)most, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	__atomic_store_n(&g->held, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&g->held_most, 0, __ATOMIC_RELAXED);
}

/* ---- freeing ---- */

int ebb_tables_free(struct ebb_gather *g, struct ebb_table *list)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *back = NULL, *next;
	int n = 0;

	for (struct ebb_table *t = list; t; t = next, n++) {
		struct ebb_desc *desc = ebb_hot_desc(t);

		next = desc->next;
		if (g->nspare >= EBB_SPARES_MAX &&
		    __atomic_load_n(&d->pooled, __ATOMIC_RELAXED) >= EBB_POOL_MAX) {
			desc->next = back;
			back = t;
			continue;
		}
		if (g->nspare < EBB_SPARES_MAX)
			ebb_spare_put(g, t);
		else
			pool_push(d, t, t, 1);
	}
	if (back)
		d->platform.free_tables(d->platform.ctx, back);
	ebb_held_add(g, -n);
	ebb_count(&g->counters.freed, (uint64_t)n);
	return n;
}

void ebb_tables_flushed(struct ebb_gather *g, struct ebb_table *list, ebb_token token)
{
	struct ebb_table *head, *last;
	unsigned n = 1;

	(void)token;
	if (g->domain->policy == EBB_RWLOCK) {
		/* unlinked under the write side: nobody was left inside */
		ebb_tables_free(g, list);
		return;
	}
	for (last = list; ebb_hot_desc(last)->next; last = ebb_hot_desc(last)->next)
		n++;
	head = __atomic_load_n(&g->pending, __ATOMIC_RELAXED);
	/*
	 * Only we push, others only take all: a change in between means that the list is empty now.
	 * Release: the links.
	 */
	do
		ebb_hot_desc(last)->next = head;
	while (!__atomic_compare_exchange_n(&g->pending, &head, list, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED));
	g->npending = (head ? g->npending : 0) + n;
}

struct ebb_table *ebb_pending_take(struct ebb_gather *g, bool all)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *list = __atomic_exchange_n(&g->pending, NULL, __ATOMIC_ACQUIRE);

	g->npending = 0;
	if (!all)
		return list;
	ebb_spin_lock(&d->gathers_lock);
	for (struct ebb_gather *o = d->gathers; o; o = o->next) {
		struct ebb_table *t, *last;

		if (!__atomic_load_n(&o->pending, __ATOMIC_RELAXED))
			continue;
		t = __atomic_exchange_n(&o->pending, NULL, __ATOMIC_ACQUIRE);
		if (!t)
			continue;
		for (last = t; ebb_hot_desc(last)->next; last = ebb_hot_desc(last)->next)
			;
		ebb_hot_desc(last)->next = list;
		list = t;
	}
	ebb_spin_unlock(&d->gathers_lock);
	return list;
}

int ebb_pending_free(struct ebb_gather *g, bool all)
{
	struct ebb_table *list = ebb_pending_take(g, all);

	if (!list)
		return 0;
	g->domain->platform.grace_wait(g->domain->platform.ctx); /* step 12 */
	return ebb_tables_free(g, list);
}
