/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "bench_engine.h"
#include "bench_pages.h"
#include "memory.h"
#include "space.h"

#include <ebb_hot.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* NOLINTNEXTLINE(misc-redundant-expression) */
_Static_assert(BENCH_CHUNK_SIZE == EBB_CHUNK_SIZE && BENCH_DESC_SIZE == EBB_HOSTED_DESC_SIZE,
	       "peers look for descriptors elsewhere");

#define LOT 64u /* pages that go from list to list at a time */

/* One thread's own. */
struct list {
	_Alignas(64) struct ebb_table *first;
	unsigned length;
	int64_t out, peak;
};

struct bench_pages {
	struct ebb_hosted *arena;
	struct ebb_platform arena_platform;
	pthread_mutex_t lock;
	struct ebb_table *common;
	struct ebb_table **all; /* that the arena has ever given */
	size_t nall, room;
	struct list lists[BENCH_THREADS_MAX];
};

static __thread unsigned own_list;

void bench_pages_thread(unsigned thread)
{
	own_list = thread;
}

struct bench_pages *bench_pages_new(void)
{
	struct bench_pages *pages = aligned_alloc(64, sizeof(*pages));

	if (pages == NULL)
		return NULL;
	memset(pages, 0, sizeof(*pages));
	pages->arena = ebb_hosted_create(memory_room_for(TABLE_COST));
	if (pages->arena == NULL) {
		free(pages);
		return NULL;
	}
	pages->arena_platform = ebb_hosted_platform(pages->arena);
	pthread_mutex_init(&pages->lock, NULL);
	return pages;
}

void bench_pages_delete(struct bench_pages *pages)
{
	ebb_hosted_destroy(pages->arena);
	pthread_mutex_destroy(&pages->lock);
	free(pages->all);
	free(pages);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static char *chunk_of(const struct ebb_table *page)
{
	return (char *)((uintptr_t)page & ~(uintptr_t)(EBB_CHUNK_SIZE - 1));
}

static void push(struct ebb_table **first, struct ebb_table *page)
{
	ebb_hot_desc(page)->next = *first;
	*first = page;
}

static struct ebb_table *pop(struct ebb_table **first)
{
	struct ebb_table *page = *first;

	if (page != NULL)
		*first = ebb_hot_desc(page)->next;
	return page;
}

/* A page that was never used. */
static struct ebb_table *grow(struct bench_pages *pages)
{
	struct ebb_table *page;

	if (pages->nall == pages->room) {
		size_t room = pages->room != 0 ? 2 * pages->room : 1024;
		struct ebb_table **all = realloc(pages->all, room * sizeof(struct ebb_table *));

		if (all == NULL)
			return NULL;
		pages->all = all;
		pages->room = room;
	}
	page = pages->arena_platform.alloc_table(pages->arena, -1);
	if (page == NULL)
		return NULL;
	/* Where the system cannot do it, small pages have to do. */
	if (pages->nall == 0 || chunk_of(page) != chunk_of(pages->all[pages->nall - 1]))
		madvise(chunk_of(page), EBB_CHUNK_SIZE, MADV_HUGEPAGE);
	pages->all[pages->nall++] = page;
	return page;
}

static void refill(struct bench_pages *pages, struct list *list)
{
	struct ebb_table *page;

	pthread_mutex_lock(&pages->lock);
	while (list->length < LOT) {
		page = pop(&pages->common);
		if (page == NULL)
			page = grow(pages);
		if (page == NULL)
			break;
		push(&list->first, page);
		list->length++;
	}
	pthread_mutex_unlock(&pages->lock);
}

static void spill(struct bench_pages *pages, struct list *list)
{
	pthread_mutex_lock(&pages->lock);
	for (unsigned i = 0; i < LOT; i++)
		push(&pages->common, pop(&list->first));
	pthread_mutex_unlock(&pages->lock);
	list->length -= LOT;
}

static struct ebb_table *alloc_table(void *ctx, int node)
{
	struct bench_pages *pages = ctx;
	struct list *list = &pages->lists[own_list];
	struct ebb_table *page;

	(void)node;
	if (list->length == 0)
		refill(pages, list);
	page = pop(&list->first);
	if (page == NULL)
		return NULL;
	list->length--;
	if (++list->out > list->peak)
		list->peak = list->out;
	return memset(page, 0, EBB_TABLE_SIZE);
}

static void free_tables(void *ctx, struct ebb_table *first)
{
	struct bench_pages *pages = ctx;
	struct list *list = &pages->lists[own_list];
	struct ebb_table *page;

	while ((page = pop(&first)) != NULL) {
		push(&list->first, page);
		list->out--;
		if (++list->length == 2 * LOT)
			spill(pages, list);
	}
}

/* ---- the platform ---------------------------------------------------------------------------- */

static void grace_wait(void *ctx)
{
	struct bench_pages *pages = ctx;

	pages->arena_platform.grace_wait(pages->arena);
}

static ebb_token invalidate(void *ctx, const struct ebb_span *spans, unsigned n)
{
	struct bench_pages *pages = ctx;

	return pages->arena_platform.invalidate(pages->arena, spans, n);
}

struct ebb_platform bench_pages_platform(struct bench_pages *pages)
{
	return (struct ebb_platform){
		.ctx = pages,
		.alloc_table = alloc_table,
		.free_tables = free_tables,
		.grace_wait = grace_wait,
		.invalidate = invalidate,
	};
}

/* ---- counts ---------------------------------------------------------------------------------- */

void bench_pages_reset(struct bench_pages *pages)
{
	memset(pages->lists, 0, sizeof(pages->lists));
	pages->common = NULL;
	for (size_t i = pages->nall; i-- > 0;)
		push(&pages->common, pages->all[i]);
}

struct bench_pages_count bench_pages_count(const struct bench_pages *pages)
{
	struct bench_pages_count count = { 0, 0 };

	for (unsigned i = 0; i < BENCH_THREADS_MAX; i++) {
		count.out += pages->lists[i].out;
		count.peak += pages->lists[i].peak;
	}
	return count;
}
