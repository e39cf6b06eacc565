/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* The policies of the core as engines. */
#include "bench.h"
#include "tool.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/*
 * A page to each: where in a page its fields lie decides with which entries of tables their
 * addresses collide (in the low 12 bits, by which loads are held to depend on stores), 3 ns a pair.
 */
#define GATHER_SIZE 4096

static enum ebb_policy policy_of(const struct bench_engine *engine)
{
	unsigned policy = 0;

	while (bench_policies[policy] != engine)
		policy++;
	return policy;
}

static void *domain_open(const struct bench_engine *engine, const struct ebb_platform *platform)
{
	const struct ebb_config config = {
		.format = EBB_VTDSS,
		.policy = policy_of(engine),
		.levels = BENCH_LEVELS,
		.batch = EBB_BATCH_MAX,
		.node = -1,
	};
	struct ebb_domain *domain = aligned_alloc(64, sizeof(*domain));

	if (domain != NULL && ebb_domain_init(domain, &config, platform) != EBB_OK) {
		free(domain);
		return NULL;
	}
	return domain;
}

static void domain_close(void *domain)
{
	ebb_domain_destroy(domain);
	free(domain);
}

static void *caller_open(void *domain)
{
	struct ebb_gather *gather = aligned_alloc(GATHER_SIZE, GATHER_SIZE);

	if (gather != NULL)
		ebb_gather_init(gather, domain);
	return gather;
}

static void caller_close(void *caller)
{
	ebb_gather_fini(caller);
	free(caller);
}

static int map(void *caller, uint64_t iova, uint64_t pa, uint64_t len)
{
	return ebb_map(caller, EBB_IOVA(iova), EBB_PA(pa), len, EBB_READ | EBB_WRITE);
}

static int unmap(void *caller, uint64_t iova, uint64_t len)
{
	return ebb_unmap(caller, EBB_IOVA(iova), len, NULL);
}

static void sync_unmapped(void *caller)
{
	ebb_sync(caller);
}

static int translate(void *caller, uint64_t iova, uint64_t *pa)
{
	struct ebb_gather *gather = caller;
	struct ebb_mapping mapping;
	int error = ebb_translate(gather->domain, EBB_IOVA(iova), &mapping);

	if (error == EBB_OK)
		*pa = mapping.pa.v;
	return error;
}

static void settle(void *domain, struct bench_tables *tables)
{
	struct ebb_gather gather;
	struct ebb_stats stats;

	ebb_gather_init(&gather, domain);
	ebb_reclaim(&gather, UINT_MAX);
	ebb_stats(domain, &stats);
	ebb_gather_fini(&gather);
	*tables = (struct bench_tables){ .peak = stats.held_peak, .final = stats.held };
}

#define ENGINE(text, reads)                                                                      \
	{                                                                                        \
		.name = (text), .sections = (reads), .domain_open = domain_open,                 \
		.domain_close = domain_close, .caller_open = caller_open,                        \
		.caller_close = caller_close, .map = map, .unmap = unmap, .sync = sync_unmapped, \
		.translate = translate, .settle = settle,                                        \
	}

static const struct bench_engine engines[EBB_POLICIES] = {
	[EBB_NONE] = ENGINE("none", false),
	[EBB_RWLOCK] = ENGINE("rwlock", false),
	[EBB_DEFERRED] = ENGINE("deferred", true),
};

const struct bench_engine *const bench_policies[EBB_POLICIES] = {
	[EBB_NONE] = &engines[EBB_NONE],
	[EBB_RWLOCK] = &engines[EBB_RWLOCK],
	[EBB_DEFERRED] = &engines[EBB_DEFERRED],
};
