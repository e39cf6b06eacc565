/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The hosted platform's cold half: the arena, grace periods, and a device that has no caches to
 * invalidate.
 *
 * The arena is address space, reserved in chunks. Its pages become accessible in steps as tables
 * are first used, and every table that is freed to it is handed back to the operating system at
 * once: the next user finds it zeroed, as it must be. Hysteresis is the business of the pools
 * above.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "ebb_hot.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COMMIT_STEP (64ull << 20)
#define DESCS_SIZE  (EBB_CHUNK_SIZE / EBB_TABLE_SIZE * EBB_HOSTED_DESC_SIZE)
#define CHUNKS_MAX  (EBB_HOSTED_BYTES_MAX / EBB_CHUNK_SIZE)

struct ebb_hosted {
	pthread_mutex_t lock;
	char *chunks[CHUNKS_MAX]; /* descriptors first, tables behind them */
	unsigned nchunks;
	uint64_t used; /* bytes of the last chunk that were ever used, descriptors included... */
	uint64_t accessible; /* ...and that are accessible */
	struct ebb_table *free;
	uint64_t tables, tables_peak, limit, allocations, fail_in;
};

#ifdef EBB_TSAN
char ebb_hosted_tsan_ended, ebb_hosted_tsan_began;
static uint64_t ebb_hosted_tsan_fence;
#endif

/* ---- threads ---- */

__thread bool ebb_hosted_registered;

static __thread bool reports; /* it is registered as a thread that is online at times */

/*
 * How many threads are in each flavour, so that a grace period need not ask a flavour that no other
 * thread is in. Counted before a thread's first section and fenced, as the beginning of a grace
 * period is: either it sees the thread, or the thread's section sees what came before it.
 */
static unsigned registered_threads, reporting_threads;

static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;

static void full_fence(void)
{
#ifdef EBB_TSAN
	/*
	 * ThreadSanitizer knows no fences; a sequentially consistent read-modify-write is one for
	 * the hardware.
	 */
	__atomic_fetch_add(&ebb_hosted_tsan_fence, 1, __ATOMIC_SEQ_CST);
#elif defined(__x86_64__)
	/* half the cost of mfence */
	__asm__ __volatile__("lock; addl $0, -4(%%rsp)" ::: "memory", "cc");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static void unregister(void)
{
	if (!ebb_hosted_registered)
		return;
	EBB_RCU(unregister_thread)();
	ebb_hosted_registered = false;
	__atomic_fetch_sub(&registered_threads, 1, __ATOMIC_SEQ_CST);
}

static void thread_gone(void *unused)
{
	(void)unused;
	unregister();
	if (!reports)
		return;
	urcu_qsbr_unregister_thread();
	reports = false;
	__atomic_fetch_sub(&reporting_threads, 1, __ATOMIC_SEQ_CST);
}

static void thread_key_make(void)
{
	if (pthread_key_create(&thread_key, thread_gone))
		/*
		 * no key, no way to unregister: a grace period would wait for a dead thread for
		 * ever
		 */
		abort();
}

static void thread_known(void)
{
	pthread_once(&thread_once, thread_key_make);
	if (pthread_setspecific(thread_key, &thread_key))
		abort();
}

void ebb_hosted_register_thread(void)
{
	if (ebb_hosted_registered || ebb_hosted_is_online())
		return;
	thread_known();
	__atomic_fetch_add(&registered_threads, 1, __ATOMIC_SEQ_CST);
	full_fence(); /* before what the first section loads; QSBR's registration has one */
	EBB_RCU(register_thread)();
	ebb_hosted_registered = true;
}

void ebb_hosted_online(void)
{
	if (ebb_hosted_is_online())
		return;
	/* While one thread is registered, each grace period interrupts all. */
	unregister();
	if (!reports) {
		thread_known();
		__atomic_fetch_add(&reporting_threads, 1, __ATOMIC_SEQ_CST);
		urcu_qsbr_register_thread(); /* and is online */
		reports = true;
	} else {
		urcu_qsbr_thread_online();
	}
}

void ebb_hosted_offline(void)
{
	if (ebb_hosted_is_online())
		urcu_qsbr_thread_offline();
}

void ebb_hosted_report(void)
{
	urcu_qsbr_quiescent_state();
}

/* ---- the arena ---- */

/* Reserves one chunk: twice as much, then what sticks out is given back. */
static char *chunk_reserve(void)
{
	char *p = mmap(NULL, 2 * EBB_CHUNK_SIZE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)p & (EBB_CHUNK_SIZE - 1);
	if (before)
		munmap(p, before);
	munmap(p + before + EBB_CHUNK_SIZE, EBB_CHUNK_SIZE - before);
	if (mprotect(p + before, DESCS_SIZE, PROT_READ | PROT_WRITE)) {
		munmap(p + before, EBB_CHUNK_SIZE);
		return NULL;
	}
	return p + before;
}

static bool chunk_add(struct ebb_hosted *h)
{
	char *p = h->nchunks < CHUNKS_MAX ? chunk_reserve() : NULL;

	if (!p)
		return false;
	h->chunks[h->nchunks++] = p;
	h->used = h->accessible = DESCS_SIZE;
	return true;
}

#ifndef EBB_RCU_MB
#undef urcu_memb_has_sys_membarrier
/* The library's own answer; not there if it was built to take it for granted. */
extern int urcu_memb_has_sys_membarrier __attribute__((weak));

static bool has_membarrier(void)
{
	return !&urcu_memb_has_sys_membarrier || urcu_memb_has_sys_membarrier;
}
#else
static bool has_membarrier(void)
{
	return true; /* is not used */
}
#endif

struct ebb_hosted *ebb_hosted_create(uint64_t limit_tables)
{
	struct ebb_hosted *h;

	if (!has_membarrier()) {
		errno = ENOSYS;
		return NULL;
	}
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	if (!chunk_add(h)) {
		free(h);
		return NULL;
	}
	pthread_mutex_init(&h->lock, NULL);
	h->limit = limit_tables;
	return h;
}

void ebb_hosted_destroy(struct ebb_hosted *h)
{
	for (unsigned i = 0; i < h->nchunks; i++)
		munmap(h->chunks[i], EBB_CHUNK_SIZE);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* A table that was never used before. */
static struct ebb_table *arena_grow(struct ebb_hosted *h)
{
	struct ebb_table *t;
	char *chunk;

	if (h->used == EBB_CHUNK_SIZE && !chunk_add(h))
		return NULL;
	chunk = h->chunks[h->nchunks - 1];
	if (h->used == h->accessible) {
		uint64_t step = EBB_CHUNK_SIZE - h->used;

		if (step > COMMIT_STEP)
			step = COMMIT_STEP;
		if (mprotect(chunk + h->used, step, PROT_READ | PROT_WRITE))
			return NULL;
		h->accessible += step;
	}
	t = (struct ebb_table *)(chunk + h->used);
	h->used += EBB_TABLE_SIZE;
	return t;
}

static struct ebb_table *hosted_alloc_table(void *ctx, int node)
{
	struct ebb_hosted *h = ctx;
	struct ebb_table *t = NULL;

	(void)node; /* the kernel places a page near the thread that touches it first */
	pthread_mutex_lock(&h->lock);
	h->allocations++;
	if (h->fail_in && !--h->fail_in)
		goto out;
	if (h->limit && h->tables >= h->limit)
		goto out;
	t = h->free;
	if (t)
		h->free = ebb_hot_desc(t)->next;
	else
		t = arena_grow(h);
	if (t && ++h->tables > h->tables_peak)
		h->tables_peak = h->tables;
out:
	pthread_mutex_unlock(&h->lock);
	return t;
}

/* Gives the pages of neighbouring tables back to the operating system. */
static void run_release(char *first, char *end)
{
	if (first == end)
		return;
	/* What cannot be given back (locked memory) must be zeroed all the same. */
	if (madvise(first, (size_t)(end - first), MADV_DONTNEED))
		memset(first, 0, (size_t)(end - first));
}

static void hosted_free_tables(void *ctx, struct ebb_table *list)
{
	struct ebb_hosted *h = ctx;
	char *first = (char *)list, *end = first;
	struct ebb_table *last = list, *t;
	uint64_t n = 0;

	for (t = list; t; t = ebb_hot_desc(t)->next, n++) {
		char *p = (char *)t;

		if (p == end) {
			end += EBB_TABLE_SIZE;
		} else if (p + EBB_TABLE_SIZE == first) {
			first = p;
		} else {
			run_release(first, end);
			first = p;
			end = p + EBB_TABLE_SIZE;
		}
		last = t;
	}
	run_release(first, end);

	pthread_mutex_lock(&h->lock);
	ebb_hot_desc(last)->next = h->free;
	h->free = list;
	h->tables -= n;
	pthread_mutex_unlock(&h->lock);
}

/* ---- grace periods and invalidation ---- */

static void hosted_grace_wait(void *ctx)
{
	bool online = ebb_hosted_is_online(), registered, reporting;

	(void)ctx;
	EBB_TSAN_RELEASE(&ebb_hosted_tsan_began);
	full_fence();
	/* this thread is in no section */
	registered = __atomic_load_n(&registered_threads, __ATOMIC_SEQ_CST) > ebb_hosted_registered;
	reporting = __atomic_load_n(&reporting_threads, __ATOMIC_SEQ_CST) > reports;
	if (registered || reporting) {
		/* Others need not wait for one that waits. */
		if (online)
			ebb_hosted_offline();
		if (registered)
			EBB_RCU(synchronize_rcu)();
		if (reporting)
			urcu_qsbr_synchronize_rcu();
		if (online)
			ebb_hosted_online();
	}
	EBB_TSAN_ACQUIRE(&ebb_hosted_tsan_ended);
}

/*
 * Without a device an invalidation is what its register or queue access is for the CPU: a full
 * fence.
 */
static ebb_token hosted_invalidate(void *ctx, const struct ebb_span *spans, unsigned n)
{
	(void)ctx;
	(void)spans;
	(void)n;
	full_fence();
	return (ebb_token){ 1 };
}

/*
 * CPUs snoop each other: nothing to write back. Here so that non-snooping domains can be made, and
 * watched by tests.
 */
static void hosted_write_back(void *ctx, const void *addr, size_t len)
{
	(void)ctx;
	(void)addr;
	(void)len;
}

struct ebb_platform ebb_hosted_platform(struct ebb_hosted *h)
{
	return (struct ebb_platform){
		.ctx = h,
		.alloc_table = hosted_alloc_table,
		.free_tables = hosted_free_tables,
		.grace_wait = hosted_grace_wait,
		.invalidate = hosted_invalidate,
		.write_back = hosted_write_back,
	};
}

/* ---- limits and statistics ---- */

void ebb_hosted_set_limit(struct ebb_hosted *h, uint64_t limit_tables)
{
	pthread_mutex_lock(&h->lock);
	h->limit = limit_tables;
	pthread_mutex_unlock(&h->lock);
}

void ebb_hosted_fail_nth(struct ebb_hosted *h, uint64_t n)
{
	pthread_mutex_lock(&h->lock);
	h->fail_in = n;
	pthread_mutex_unlock(&h->lock);
}

static uint64_t resident(char *p, uint64_t len)
{
	unsigned char vec[4096];
	uint64_t pages = 0;

	for (uint64_t at = 0; at < len; at += sizeof(vec) * EBB_TABLE_SIZE) {
		uint64_t chunk = len - at < sizeof(vec) * EBB_TABLE_SIZE ?
					 len - at :
					 sizeof(vec) * EBB_TABLE_SIZE;

		if (mincore(p + at, chunk, vec))
			continue;
		for (uint64_t i = 0; i < chunk / EBB_TABLE_SIZE; i++)
			pages += vec[i] & 1;
	}
	return pages * EBB_TABLE_SIZE;
}

void ebb_hosted_stats(struct ebb_hosted *h, struct ebb_hosted_stats *out)
{
	pthread_mutex_lock(&h->lock);
	out->tables = h->tables;
	out->tables_peak = h->tables_peak;
	out->allocations = h->allocations;
	out->resident_bytes = 0;
	for (unsigned i = 0; i < h->nchunks; i++)
		out->resident_bytes +=
			resident(h->chunks[i] + DESCS_SIZE,
				 (i + 1 < h->nchunks ? EBB_CHUNK_SIZE : h->used) - DESCS_SIZE);
	pthread_mutex_unlock(&h->lock);
}
