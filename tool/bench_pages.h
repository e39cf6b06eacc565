/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_BENCH_PAGES_H
#define EBB_BENCH_PAGES_H
/*
 * Where all engines of a benchmark get their pages: as from a kernel's page allocator. A page comes
 * from a list of the thread's own and is cleared when it is handed out; what the list lacks or has
 * too much of is exchanged with a common list, in lots, under a lock. Pages never go back to the
 * operating system before the end, so that after the warm-up none is a page fault, and they lie in
 * huge pages where the system has them, as a kernel's do.
 */
#include "ebb.h"

#define BENCH_THREADS_MAX 64u

struct bench_pages;

/* NULL if there is no memory. */
struct bench_pages *bench_pages_new(void);
void bench_pages_delete(struct bench_pages *pages);

/* Which of the lists the calling thread uses: 0 to BENCH_THREADS_MAX - 1; no two at a time. */
void bench_pages_thread(unsigned thread);

/* Pages from here, and an invalidation that is a full fence. */
struct ebb_platform bench_pages_platform(struct bench_pages *pages);

/* Pages that are out now, and the sum of what each thread had out at most since the last reset. */
struct bench_pages_count {
	int64_t out, peak;
};

/*
 * All pages have come back, and no thread allocates or frees meanwhile. The counts begin anew, and
 * so do the lists, in the order of the pages' addresses: whoever comes next finds what everybody
 * finds.
 */
void bench_pages_reset(struct bench_pages *pages);
struct bench_pages_count bench_pages_count(const struct bench_pages *pages);

#endif
