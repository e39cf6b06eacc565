/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_BENCH_ENGINE_H
#define EBB_BENCH_ENGINE_H
/*
 * What `ebb bench` measures: an engine is an implementation of page tables behind a few functions.
 * Each policy of the core is one; peers are others, loaded from shared objects. All are called
 * through these pointers, and all get their pages and their invalidations from the same platform.
 */
#include "ebb.h"

struct bench_tables {
	uint64_t peak, final; /* tables, the root included */
};

struct bench_engine {
	const char *name; /* letters, digits, '-' and '.' */
	bool sections; /* it has read sections, for which its threads are to be online */

	/*
	 * A domain of 4 levels with nothing in it, NULL if that cannot be. The platform's
	 * alloc_table, free_tables and invalidate are to be used as the core uses them.
	 */
	void *(*domain_open)(const struct bench_engine *engine,
			     const struct ebb_platform *platform);
	void (*domain_close)(void *domain); /* nobody calls it any more */

	/* What one thread needs to call the four below. */
	void *(*caller_open)(void *domain);
	void (*caller_close)(void *caller);

	/* Read and write, with the largest pages that fit. Both return an enum ebb_error. */
	int (*map)(void *caller, uint64_t iova, uint64_t pa, uint64_t len);
	int (*unmap)(void *caller, uint64_t iova, uint64_t len);
	/* Returns when the device has forgotten what was unmapped. */
	void (*sync)(void *caller);
	/* Returns EBB_OK or EBB_ERR_NOT_MAPPED. */
	int (*translate)(void *caller, uint64_t iova, uint64_t *pa);

	/*
	 * Frees what is empty and says how many tables there were and are. No caller is open. An
	 * engine that does not know leaves *tables alone: then pages are counted.
	 */
	void (*settle)(void *domain, struct bench_tables *tables);
};

/* What a peer's shared object exports, as `bench_peer`. */
struct bench_peer {
	uint32_t interface; /* BENCH_INTERFACE */
	struct bench_engine engine;
};

#define BENCH_INTERFACE 2u

/*
 * Where the platform keeps the struct ebb_desc of each table: in an array at the beginning of the
 * table's chunk, which is aligned to its size. Each has a cache line.
 */
#define BENCH_CHUNK_SIZE (1ull << 30)
#define BENCH_DESC_SIZE	 64u

#endif
