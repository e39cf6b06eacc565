/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The gather: what one caller has unmapped and not yet invalidated, and the candidates that came of
 * it.
 *
 * Candidates stand in g->slots, a small open hash table of words. Only the owner of the gather
 * stores there, and only into a word that is 0; reclaimers, the owner among them, take a candidate
 * by exchanging the word for 0, and then set g->taken. So a candidate is processed once, nothing is
 * locked, and the hot path, one page mapped and unmapped again and again, finds with one load that
 * its candidate is still there: nobody has taken any. It need not even remember which table it was,
 * if it is one of the two in g->recent: once something was taken, sync looks for these, whether
 * they were touched or not.
 *
 * That load is enough. If the owner does not see g->taken set after the fence of step 6, whoever
 * takes the candidate scans the table after the owner's last store to it: there is a full fence
 * between setting g->taken and scanning, too (collect() in reclaim.c). The same holds for a slot in
 * which the owner still sees the candidate.
 */
#include "internal.h"

void ebb_recent_forget(struct ebb_gather *g)
{
	g->recent[0] = g->recent[1] = EBB_TABLE_NO_NUMBER;
}

void ebb_gather_init(struct ebb_gather *g, struct ebb_domain *d)
{
	__builtin_memset(g, 0, sizeof(*g));
	g->domain = d;
	ebb_recent_forget(g);
	ebb_spin_lock(&d->gathers_lock);
	g->next = d->gathers;
	d->gathers = g;
	ebb_spin_unlock(&d->gathers_lock);
}

static void counters_add(struct ebb_counters *sum, const struct ebb_counters *c)
{
	for (unsigned l = 0; l < EBB_LEVELS_MAX; l++)
		sum->live[l] += __atomic_load_n(&c->live[l], __ATOMIC_RELAXED);
	sum->frozen += __atomic_load_n(&c->frozen, __ATOMIC_RELAXED);
	sum->dead += __atomic_load_n(&c->dead, __ATOMIC_RELAXED);
	sum->thawed += __atomic_load_n(&c->thawed, __ATOMIC_RELAXED);
	sum->revived += __atomic_load_n(&c->revived, __ATOMIC_RELAXED);
	sum->freed += __atomic_load_n(&c->freed, __ATOMIC_RELAXED);
	sum->leaf_invalidations += __atomic_load_n(&c->leaf_invalidations, __ATOMIC_RELAXED);
	sum->wide_invalidations += __atomic_load_n(&c->wide_invalidations, __ATOMIC_RELAXED);
}

void ebb_gather_fini(struct ebb_gather *g)
{
	struct ebb_domain *d = g->domain;
	struct ebb_gather **link;
	unsigned looked, spins = 0;

	ebb_sync(g);
	while (g->nslots) {
		ebb_reclaim_batch(g, false, &looked);
		if (!looked && g->nslots) /* no owner number was free */
			ebb_hot_pause(spins++);
	}
	ebb_pending_free(g, false);
	ebb_spares_shed(g, 0);
	ebb_held_tell(g);

	ebb_spin_lock(&d->gathers_lock);
	for (link = &d->gathers; *link != g; link = &(*link)->next)
		;
	*link = g->next;
	counters_add(&d->retired, &g->counters);
	ebb_spin_unlock(&d->gathers_lock);
}

ebb_iova ebb_error_iova(const struct ebb_gather *g)
{
	return g->error_iova;
}

/* ---- ranges to invalidate ---- */

void ebb_gather_span_more(struct ebb_gather *g, uint64_t first, uint64_t last,
			  enum ebb_invalidation kind)
{
	struct ebb_span *s = &g->spans[g->nspans - 1];

	/*
	 * Neighbours become one. Adding one to a last address cannot wrap: apertures are shorter
	 * than 64 bits.
	 */
	if (first <= s->last.v + 1 && s->first.v <= last + 1) {
		s->first.v = first < s->first.v ? first : s->first.v;
		s->last.v = last > s->last.v ? last : s->last.v;
		if (kind == EBB_LEAF || s->kind == EBB_WIDE)
			return;
		s->kind = EBB_WIDE;
	} else {
		g->spans[g->nspans++] = (struct ebb_span){ { first }, { last }, kind };
	}
	g->nwide += kind == EBB_WIDE;
}

EBB_INLINE ebb_token flush(struct ebb_gather *g)
{
	struct ebb_domain *d = g->domain;
	ebb_token token = d->platform.invalidate(d->platform.ctx, g->spans, g->nspans);
	struct ebb_table *list;

	ebb_count(&g->counters.leaf_invalidations, (uint64_t)(g->nspans - g->nwide));
	g->nspans = 0;
	if (ebb_likely(!g->nwide))
		return token;
	ebb_count(&g->counters.wide_invalidations, (uint64_t)g->nwide);
	g->nwide = 0;
	list = g->unlinked;
	if (list) {
		g->unlinked = NULL;
		ebb_tables_flushed(g, list, token);
	}
	return token;
}

ebb_token ebb_gather_flush(struct ebb_gather *g)
{
	return flush(g);
}

/* ---- candidates ---- */

/* Neighbouring tables get neighbouring slots, so that a batch comes out nearly sorted. */
EBB_INLINE unsigned slot_hash(uint64_t cand)
{
	unsigned level = ebb_cand_level(cand);
	uint64_t n = cand >> ebb_table_span_lg2(level);

	return (unsigned)(n + 37 * (n / EBB_GATHER_SLOTS) + 64 * level);
}

EBB_INLINE uint64_t *slot_add(struct ebb_gather *g, uint64_t cand)
{
	unsigned h = slot_hash(cand);

	for (unsigned i = 0; i < EBB_GATHER_SLOTS; i++) {
		uint64_t *slot = &g->slots[(h + i) % EBB_GATHER_SLOTS];
		uint64_t s = __atomic_load_n(slot, __ATOMIC_RELAXED);

		if (s && s != cand)
			continue;
		/*
		 * Release: who takes it sees our stores to the table (step 6); pairs with the
		 * exchange in reclaim.c.
		 */
		if (!s) {
			__atomic_store_n(slot, cand, __ATOMIC_RELEASE);
			g->nslots++;
		}
		return slot;
	}
	return NULL;
}

/*
 * Batch 0: the next sync reclaims what is listed, whatever is unmapped until then. It only looks if
 * something was touched, or taken. An exchange, as in take_slots() in reclaim.c.
 */
static void ask_next_sync(struct ebb_gather *g)
{
	if (!g->domain->batch)
		__atomic_exchange_n(&g->taken, 1, __ATOMIC_RELEASE);
}

uint64_t *ebb_slot_add(struct ebb_gather *g, uint64_t cand)
{
	ask_next_sync(g);
	return slot_add(g, cand);
}

EBB_COLD uint64_t *ebb_slot_add_wait(struct ebb_gather *g, uint64_t cand)
{
	unsigned looked, spins = 0;
	uint64_t *slot;

	while (!(slot = ebb_slot_add(g, cand))) {
		ebb_reclaim_batch(g, false, &looked);
		ebb_hot_pause(spins++);
	}
	return slot;
}

/* ---- sync ---- */

/* A full batch, and what it may lead to: tables above may follow, a level a round. */
static int reclaim_full(struct ebb_gather *g)
{
	unsigned looked = 1;
	int freed = 0;

	for (unsigned l = 0; l < g->domain->levels && looked; l++) {
		if (g->nslots < g->domain->batch || (g->few_empty && !ebb_sift(g)))
			break;
		freed += ebb_reclaim_batch(g, false, &looked); /* no owner number free: later */
	}
	ebb_recent_forget(g);
	return freed;
}

/* Step 6: a table that has lost leaves is a candidate. */
EBB_INLINE int list(struct ebb_gather *g, uint64_t cand)
{
	uint64_t number = ebb_table_number(cand, ebb_cand_level(cand));
	uint64_t *slot = slot_add(g, cand);

	if (ebb_unlikely(!slot))
		slot = ebb_slot_add_wait(g, cand);
	g->recent_slot[number & 1] = slot;
	g->recent[number & 1] = number;
	if (ebb_unlikely(g->nslots >= g->domain->batch && g->domain->batch))
		return reclaim_full(g);
	return 0;
}

/* The recent candidate if it is not listed any more, or 0. */
static uint64_t recent_gone(const struct ebb_gather *g, unsigned i)
{
	uint64_t number = g->recent[i], cand;
	unsigned level = (unsigned)(number >> EBB_TABLE_LEVEL_SHIFT);

	if (number == EBB_TABLE_NO_NUMBER)
		return 0;
	/* the level is shifted out */
	cand = ebb_cand(number << ebb_table_span_lg2(level), level);
	return __atomic_load_n(g->recent_slot[i], __ATOMIC_RELAXED) != cand ? cand : 0;
}

/* Lists the recent candidates anew that were taken. */
EBB_NOINLINE int list_recent(struct ebb_gather *g)
{
	uint64_t again[2];
	int freed = 0;

	/*
	 * First cleared, then looked. Acquire: who has set it until now emptied slots before, and
	 * we see them empty; who sets it later is seen by the next sync. Pairs with take_slots() in
	 * reclaim.c.
	 */
	__atomic_exchange_n(&g->taken, 0, __ATOMIC_ACQUIRE);
	for (unsigned i = 0; i < 2; i++)
		again[i] = recent_gone(g, i);
	/* Listing may reclaim, and then none is recent any more. */
	for (unsigned i = 0; i < 2; i++)
		if (again[i])
			freed += list(g, again[i]);
	return freed;
}

/*
 * Batch 0: the tables above follow, a level a round; the bound is for those that others keep busy.
 */
static EBB_COLD int reclaim_now(struct ebb_gather *g)
{
	unsigned looked = 1;
	int freed = 0;

	for (unsigned i = 0; i < 2 * g->domain->levels && looked && g->nslots; i++)
		freed += ebb_reclaim_batch(g, false, &looked);
	ebb_recent_forget(g);
	if (g->nslots)
		ask_next_sync(g);
	return freed;
}

/* After the fence; what is still listed is looked at later. */
EBB_NOINLINE int list_touched(struct ebb_gather *g)
{
	unsigned n = g->ntouched;
	int freed = 0;

	g->ntouched = 0;
	if (__atomic_load_n(&g->taken, __ATOMIC_RELAXED))
		freed = list_recent(g);
	for (unsigned i = 0; i < n; i++)
		freed += list(g, g->touched[i]);
	if (ebb_unlikely(!g->domain->batch))
		freed += reclaim_now(g);
	return freed;
}

EBB_ALIGNED int ebb_sync(struct ebb_gather *g)
{
	int freed = 0;

	if (g->nspans)
		flush(g);
	if (g->domain->policy == EBB_DEFERRED) {
		if (ebb_unlikely(g->ntouched | __atomic_load_n(&g->taken, __ATOMIC_RELAXED)))
			freed = list_touched(g);
	} else {
		ebb_hot_outside();
	}
	/*
	 * A batch may wait for the grace period of the next; what unmaps of whole spans add may
	 * not.
	 */
	if (ebb_unlikely(g->npending > g->domain->batch))
		freed += ebb_pending_free(g, false);
	return freed;
}

void ebb_stats(struct ebb_domain *d, struct ebb_stats *out)
{
	struct ebb_counters sum;
	int64_t held = 0, above, most = 0; /* as gathers have not told yet */

	__builtin_memset(out, 0, sizeof(*out));
	ebb_spin_lock(&d->gathers_lock);
	sum = d->retired;
	for (const struct ebb_gather *g = d->gathers; g; g = g->next) {
		counters_add(&sum, &g->counters);
		held += __atomic_load_n(&g->held, __ATOMIC_RELAXED);
		above = __atomic_load_n(&g->held_most, __ATOMIC_RELAXED) -
			__atomic_load_n(&g->held, __ATOMIC_RELAXED);
		most = above > most ? above : most;
		out->pooled += __atomic_load_n(&g->nspare, __ATOMIC_RELAXED);
		for (unsigned i = 0; i < EBB_GATHER_SLOTS; i++)
			out->candidates += __atomic_load_n(&g->slots[i], __ATOMIC_RELAXED) != 0;
	}
	ebb_spin_unlock(&d->gathers_lock);

	for (unsigned l = 0; l < EBB_LEVELS_MAX; l++)
		out->live[l] = (uint64_t)sum.live[l];
	/* One that is being told may be seen twice or not at all; the root is there always. */
	held += (int64_t)__atomic_load_n(&d->held, __ATOMIC_RELAXED);
	out->held = held > 0 ? (uint64_t)held : 1;
	out->held_peak = __atomic_load_n(&d->held_peak, __ATOMIC_RELAXED);
	if (out->held_peak < out->held + (uint64_t)most)
		out->held_peak = out->held + (uint64_t)most;
	out->pooled += __atomic_load_n(&d->pooled, __ATOMIC_RELAXED);
	out->frozen = sum.frozen;
	out->dead = sum.dead;
	out->thawed = sum.thawed;
	out->revived = sum.revived;
	out->freed = sum.freed;
	out->leaf_invalidations = sum.leaf_invalidations;
	out->wide_invalidations = sum.wide_invalidations;
}
