/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * No assertion of cmocka's is used outside the main thread: the first thing that goes wrong is
 * noted and ends the run.
 */
#include <inttypes.h>
#include <sched.h>
#include "crowd.h"

#define SLOTS_MAX   64u
#define SENTINELS   5u
#define DMA_THREADS 2u

enum state {
	FREE,
	MAPPED,
	PENDING
};

struct slot { /* a range that belongs to one worker */
	uint64_t base, span;
	enum state state;
	uint64_t iova, pa, len; /* of the mapping in it */
	uint64_t gone, gone_len; /* what was asked to be unmapped */
};

struct arena; /* what all threads of a run share */

struct worker {
	struct arena *arena;
	pthread_t thread;
	unsigned index, nslots, pending;
	uint64_t rng, sequence;
	struct ebb_gather gather;
	struct slot slots[SLOTS_MAX];
};

struct bystander {
	struct arena *arena;
	pthread_t thread;
	uint64_t rng;
	uint64_t rounds;
};

struct arena {
	struct fixture *f;
	unsigned workers, reclaimers, operations;
	bool narrow; /* two slots each, in tables that nothing else keeps */
	bool done;
	uint64_t steps; /* of all workers */
	const char *failure;
	pthread_barrier_t start;
	uint64_t sentinels[SENTINELS];
	struct worker worker[CROWD_WORKERS_MAX];
	struct bystander reclaimer[CROWD_RECLAIMERS_MAX], looker, dma[DMA_THREADS];
};

static struct arena arena; /* outlives a failed assertion */
static uint64_t *seed;

static bool note_failure(struct arena *a, const char *what)
{
	const char *none = NULL;

	__atomic_compare_exchange_n(&a->failure, &none, what, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
	return false;
}

#define EXPECT(a, condition)                                  \
	do {                                                  \
		if (!(condition))                             \
			return note_failure((a), #condition); \
	} while (0)

static bool failed(struct arena *a)
{
	return __atomic_load_n(&a->failure, __ATOMIC_ACQUIRE) != NULL;
}

static bool is_done(struct arena *a)
{
	return __atomic_load_n(&a->done, __ATOMIC_ACQUIRE) || failed(a);
}

/* ---- who owns what ---- */

static void add_slot(struct worker *w, uint64_t base, uint64_t span)
{
	if (w->nslots == SLOTS_MAX || base + span > w->arena->f->aperture)
		return;
	w->slots[w->nslots++] = (struct slot){ .base = base, .span = span };
}

/*
 * Every n-th entry of the same tables, from level 0 up: pages, 2 MiB, 1 GiB, 512 GiB and 256 TiB.
 */
static void assign_slots(struct worker *w)
{
	unsigned n = w->arena->workers, i = w->index;

	if (w->arena->narrow) {
		add_slot(w, 5 * GIB + i * PAGE, PAGE);
		add_slot(w, 5 * GIB + (i + 1) * MIB_2, PAGE);
		return;
	}
	for (unsigned j = 0; j < 8; j++) {
		add_slot(w, (i + n * j) * PAGE, PAGE);
		add_slot(w, GIB - MIB_2 + (i + n * j) * PAGE, PAGE);
		add_slot(w, 3 * GIB + (i + n * j) * MIB_2, MIB_2);
	}
	for (unsigned j = 0; j < 4; j++) {
		add_slot(w, (8 + i + n * j) * GIB, GIB);
		add_slot(w, (2 + i + n * j) * vtd_span(3), vtd_span(3));
	}
	for (unsigned j = 0; j < 2; j++)
		add_slot(w, (1 + i + n * j) * vtd_span(4), vtd_span(4));
}

/* Pages that stay mapped throughout, in the same tables. */
static void map_sentinels(struct arena *a)
{
	struct fixture *f = a->f;
	const uint64_t at[SENTINELS] = { 511 * PAGE, GIB - PAGE, 3 * GIB + 511 * MIB_2, 7 * GIB,
					 f->aperture - PAGE };

	if (f->device)
		soft_expect_unmapped(f->device, 0, f->aperture);
	for (unsigned i = 0; i < SENTINELS; i++) {
		a->sentinels[i] = at[i];
		if (f->device)
			soft_expect_any(f->device, at[i], PAGE);
		do_map(f, at[i], (i + 1) * PAGE, PAGE);
		if (f->device)
			soft_expect_mapped(f->device, at[i], (i + 1) * PAGE, PAGE, RW);
	}
}

static void unmap_sentinels(struct arena *a)
{
	for (unsigned i = 0; i < SENTINELS; i++) {
		assert_maps_to(a->f, a->sentinels[i], (i + 1) * PAGE, 12, RW);
		if (a->f->device)
			soft_expect_any(a->f->device, a->sentinels[i], PAGE);
		do_unmap(a->f, a->sentinels[i], PAGE);
	}
	do_sync(a->f);
}

/* ---- a worker ---- */

static bool check_mapped_at(struct worker *w, uint64_t iova, uint64_t pa)
{
	struct fixture *f = w->arena->f;
	struct ebb_mapping m;
	struct soft_walk walk;

	EXPECT(w->arena, ebb_translate(&f->domain, EBB_IOVA(iova), &m) == EBB_OK);
	EXPECT(w->arena, m.pa.v == pa);
	if (!f->device)
		return true;
	soft_dma(f->device, iova, SOFT_PROBE, &walk);
	EXPECT(w->arena, walk.present);
	EXPECT(w->arena, walk.pa == pa);
	return true;
}

static bool check_mapped(struct worker *w, const struct slot *s)
{
	return check_mapped_at(w, s->iova, s->pa) &&
	       check_mapped_at(w, s->iova + s->len - 1, s->pa + s->len - 1);
}

static bool check_gone(struct worker *w, const struct slot *s)
{
	struct fixture *f = w->arena->f;
	struct ebb_mapping m;
	struct soft_walk walk;

	EXPECT(w->arena, ebb_translate(&f->domain, EBB_IOVA(s->iova), &m) == EBB_ERR_NOT_MAPPED);
	EXPECT(w->arena,
	       ebb_translate(&f->domain, EBB_IOVA(s->iova + s->len - 1), &m) == EBB_ERR_NOT_MAPPED);
	if (!f->device)
		return true;
	soft_dma(f->device, s->iova, SOFT_PROBE, &walk);
	EXPECT(w->arena, !walk.present);
	return true;
}

/* A large page, a small one, or a run of small ones that may need a few tables. */
static void choose_mapping(struct worker *w, struct slot *s)
{
	unsigned level = (unsigned)rng_below(&w->rng, 3);
	uint64_t size = vtd_span(level);

	while (size > s->span)
		size = vtd_span(--level);
	s->iova = s->base + rng_below(&w->rng, s->span / size) * size;
	s->pa = (uint64_t)(w->index + 1) << 40 | (w->sequence++ % 256) << 30 |
		(s->iova & (GIB - 1));
	s->len = size;
	if (level == 0 && s->span > PAGE && rng_chance(&w->rng, 3)) {
		s->len = (1 + rng_below(&w->rng, 600)) * PAGE;
		if (s->len > s->base + s->span - s->iova)
			s->len = s->base + s->span - s->iova;
		s->pa += PAGE;
	}
}

static bool map_slot(struct worker *w, struct slot *s)
{
	struct soft_iommu *device = w->arena->f->device;

	choose_mapping(w, s);
	if (device)
		soft_expect_any(device, s->iova, s->len);
	EXPECT(w->arena,
	       ebb_map(&w->gather, EBB_IOVA(s->iova), EBB_PA(s->pa), s->len, RW) == EBB_OK);
	if (device)
		soft_expect_mapped(device, s->iova, s->pa, s->len, RW);
	s->state = MAPPED;
	return check_mapped(w, s);
}

static void ignore_run(void *arg, ebb_iova first, uint64_t len, unsigned bits)
{
	(void)first;
	(void)bits;
	*(uint64_t *)arg += len;
}

static bool read_slot_log(struct worker *w, const struct slot *s)
{
	uint64_t logged = 0;
	int error;

	error = ebb_read_dirty(&w->gather, EBB_IOVA(s->base), s->span,
			       EBB_LOG_ACCESSED | EBB_LOG_DIRTY, ignore_run, &logged);
	EXPECT(w->arena, error == EBB_OK);
	EXPECT(w->arena, logged <= s->len);
	return true;
}

/* One page of a large leaf first, where that splits it. */
static bool unmap_page_of_slot(struct worker *w, const struct slot *s, uint64_t *unmapped)
{
	uint64_t at = s->iova + rng_below(&w->rng, s->len / PAGE) * PAGE;

	EXPECT(w->arena, ebb_unmap(&w->gather, EBB_IOVA(at), PAGE, unmapped) == EBB_OK);
	EXPECT(w->arena, *unmapped == PAGE);
	return true;
}

/* Exactly what was mapped, or all that the worker owns there, so that tables are taken whole. */
static bool unmap_slot(struct worker *w, struct slot *s)
{
	bool all = rng_chance(&w->rng, 2);
	bool splits = w->arena->f->shape.partial == EBB_PARTIAL_SPLIT && s->len > PAGE &&
		      rng_chance(&w->rng, 4);
	uint64_t unmapped = 0, before = 0;
	int error;

	if ((w->arena->f->shape.flags & EBB_ACCESSED_DIRTY) && rng_chance(&w->rng, 2) &&
	    !read_slot_log(w, s))
		return false;
	s->gone = all ? s->base : s->iova;
	s->gone_len = all ? s->span : s->len;
	if (w->arena->f->device)
		soft_expect_any(w->arena->f->device, s->gone, s->gone_len);
	if (splits && !unmap_page_of_slot(w, s, &before))
		return false;
	error = ebb_unmap(&w->gather, EBB_IOVA(s->gone), s->gone_len, &unmapped);
	EXPECT(w->arena, error == EBB_OK);
	EXPECT(w->arena, before + unmapped == s->len);
	s->state = PENDING;
	w->pending++;
	return true;
}

static bool sync_slots(struct worker *w)
{
	ebb_sync(&w->gather);
	w->pending = 0;
	for (unsigned i = 0; i < w->nslots; i++) {
		struct slot *s = &w->slots[i];

		if (s->state != PENDING)
			continue;
		s->state = FREE;
		if (w->arena->f->device)
			soft_expect_unmapped(w->arena->f->device, s->gone, s->gone_len);
		if (!check_gone(w, s))
			return false;
	}
	return true;
}

static bool use_slot(struct worker *w, struct slot *s)
{
	switch (s->state) {
	case FREE:
		return map_slot(w, s);
	case MAPPED:
		return check_mapped(w, s) && unmap_slot(w, s) &&
		       (rng_chance(&w->rng, 2) || sync_slots(w));
	case PENDING:
		break;
	}
	return sync_slots(w);
}

static bool unmap_all(struct worker *w)
{
	for (unsigned i = 0; i < w->nslots; i++)
		if (w->slots[i].state == MAPPED &&
		    !(check_mapped(w, &w->slots[i]) && unmap_slot(w, &w->slots[i])))
			return false;
	return sync_slots(w);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	bool well = true;

	if (w->index % 4 == 2) /* those who are neither are registered when they need it */
		ebb_hosted_register_thread();
	pthread_barrier_wait(&w->arena->start);
	if (w->index % 2)
		ebb_hosted_online();
	ebb_gather_init(&w->gather, &w->arena->f->domain);
	for (unsigned i = 0; i < w->arena->operations && well && !failed(w->arena); i++) {
		well = use_slot(w, &w->slots[rng_below(&w->rng, w->nslots)]);
		__atomic_fetch_add(&w->arena->steps, 1, __ATOMIC_RELAXED);
	}
	if (well)
		unmap_all(w);
	ebb_gather_fini(&w->gather);
	return NULL;
}

/* ---- the others ---- */

/*
 * False: the run is over. As many rounds as the workers have done operations, and some: those who
 * take the same locks again and again would keep the workers from them where CPUs are few.
 */
static bool next_round(struct bystander *b)
{
	ebb_hosted_offline(); /* those whom it waits for may wait for it */
	while (b->rounds > __atomic_load_n(&b->arena->steps, __ATOMIC_RELAXED) + 64 &&
	       !is_done(b->arena))
		sched_yield();
	b->rounds++;
	return !is_done(b->arena);
}

static void *reclaim(void *arg)
{
	struct bystander *b = arg;
	struct ebb_gather g;

	pthread_barrier_wait(&b->arena->start);
	ebb_gather_init(&g, &b->arena->f->domain);
	while (next_round(b)) {
		if (rng_chance(&b->rng, 2)) /* offline they are registered again */
			ebb_hosted_online();
		ebb_reclaim(&g, rng_chance(&b->rng, 2) ? 1 : UINT_MAX);
		if (rng_chance(&b->rng, 20))
			ebb_trim(&g);
	}
	ebb_gather_fini(&g);
	return NULL;
}

struct pass { /* of a looker over the aperture */
	struct arena *arena;
	uint64_t next; /* all leaves end after it from now on */
	unsigned sentinels;
};

static int see(void *arg, const struct ebb_visit *v)
{
	struct pass *p = arg;

	if (v->is_table)
		return v->used > EBB_TABLE_ENTRIES || v->level >= p->arena->f->shape.levels;
	/*
	 * A large leaf may come where small ones were seen, and so begin before the last of them.
	 */
	if (v->last.v < p->next || v->last.v - v->first.v + 1 != vtd_span(v->level))
		return 1;
	p->next = v->last.v + 1;
	/*
	 * All that is mapped here has these addresses. What is read in a table that is used
	 * elsewhere by now has not.
	 */
	if (v->pa.v >> 40 && ((v->pa.v - v->first.v) & (GIB - 1) & ~PAGE))
		return 1;
	for (unsigned i = 0; i < SENTINELS; i++)
		p->sentinels += v->first.v == p->arena->sentinels[i];
	return 0;
}

static bool look_once(struct bystander *b)
{
	struct pass p = { .arena = b->arena };
	struct fixture *f = b->arena->f;
	struct ebb_stats stats;
	struct ebb_mapping m;

	EXPECT(b->arena, ebb_for_each(&f->domain, EBB_IOVA(0), f->aperture,
				      EBB_VISIT_LEAVES | EBB_VISIT_TABLES, see, &p) == 0);
	EXPECT(b->arena, p.sentinels == SENTINELS);
	for (unsigned i = 0; i < 100; i++) {
		struct worker *w = &b->arena->worker[rng_below(&b->rng, b->arena->workers)];
		const struct slot *s = &w->slots[rng_below(&b->rng, w->nslots)];
		int error = ebb_translate(&f->domain, EBB_IOVA(s->base), &m);

		EXPECT(b->arena, error == EBB_OK || error == EBB_ERR_NOT_MAPPED);
	}
	ebb_stats(&f->domain, &stats);
	EXPECT(b->arena, stats.held >= 1);
	return true;
}

static void *look(void *arg)
{
	struct bystander *b = arg;

	pthread_barrier_wait(&b->arena->start);
	while (next_round(b) && look_once(b))
		;
	return NULL;
}

/* The device judges what it finds. */
static void *do_dma(void *arg)
{
	struct bystander *b = arg;
	struct soft_iommu *device = b->arena->f->device;
	struct soft_walk walk;

	pthread_barrier_wait(&b->arena->start);
	while (next_round(b)) {
		struct worker *w = &b->arena->worker[rng_below(&b->rng, b->arena->workers)];
		const struct slot *s = &w->slots[rng_below(&b->rng, w->nslots)];
		uint64_t iova = s->base + rng_below(&b->rng, s->span / PAGE) * PAGE;

		soft_dma(device, iova, (enum soft_access)rng_below(&b->rng, 3), &walk);
		if (rng_chance(&b->rng, 8))
			soft_dma_uncached(device, iova, SOFT_WRITE, &walk);
		if (soft_fault_text(device))
			note_failure(b->arena, soft_fault_text(device));
	}
	return NULL;
}

/* ---- a run ---- */

static void start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	assert_int_equal(pthread_create(thread, NULL, fn, arg), 0);
}

static void start_bystander(struct arena *a, struct bystander *b, void *(*fn)(void *))
{
	b->arena = a;
	b->rng = rng_next(seed);
	start(&b->thread, fn, b);
}

static void start_all(struct arena *a)
{
	unsigned dma = a->f->device ? DMA_THREADS : 0;

	assert_int_equal(
		pthread_barrier_init(&a->start, NULL, a->workers + a->reclaimers + 1 + dma), 0);
	for (unsigned i = 0; i < a->workers; i++) {
		struct worker *w = &a->worker[i];

		w->arena = a;
		w->index = i;
		w->rng = rng_next(seed);
		assign_slots(w);
	}
	for (unsigned i = 0; i < a->workers; i++)
		start(&a->worker[i].thread, work, &a->worker[i]);
	for (unsigned i = 0; i < a->reclaimers; i++)
		start_bystander(a, &a->reclaimer[i], reclaim);
	start_bystander(a, &a->looker, look);
	for (unsigned i = 0; i < dma; i++)
		start_bystander(a, &a->dma[i], do_dma);
}

static void join_all(struct arena *a)
{
	for (unsigned i = 0; i < a->workers; i++)
		pthread_join(a->worker[i].thread, NULL);
	__atomic_store_n(&a->done, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < a->reclaimers; i++)
		pthread_join(a->reclaimer[i].thread, NULL);
	pthread_join(a->looker.thread, NULL);
	for (unsigned i = 0; a->f->device && i < DMA_THREADS; i++)
		pthread_join(a->dma[i].thread, NULL);
	pthread_barrier_destroy(&a->start);
}

void run_crowd(struct fixture *f, struct crowd crowd, uint64_t *rng)
{
	seed = rng;
	memset(&arena, 0, sizeof(arena));
	arena.f = f;
	arena.workers = crowd.workers;
	arena.reclaimers = crowd.reclaimers;
	arena.operations = crowd.operations;
	arena.narrow = crowd.narrow;
	if (f->device)
		soft_set_jitter(f->device, f->shape.policy == EBB_DEFERRED);
	map_sentinels(&arena);
	start_all(&arena);
	join_all(&arena);
	assert_no_fault(arena.failure);
	check_tree(f);
	unmap_sentinels(&arena);
}
