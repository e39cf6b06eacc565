/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Crowds of threads for as long as is wanted, each on a domain of a random shape, that ends with
 * the root as its only table. Not among the tests that a build runs: `make soak`.
 * Usage: soak [SECONDS], an hour unless told. EBB_SEED chooses the same shapes again.
 */
#include <inttypes.h>
#include <time.h>
#include <unistd.h>
#include "crowd.h"

static uint64_t seed;
static time_t seconds = 3600;

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static struct shape random_shape(void)
{
	static const unsigned batches[] = { 0, 1, 3, 17, 64 };
	static const uint32_t leaf_levels[] = { 0, 7, 3, 1 };

	return (struct shape){
		.policy = rng_chance(&seed, 2) ? EBB_DEFERRED :
						 (enum ebb_policy)rng_below(&seed, EBB_POLICIES),
		.levels = 3 + (unsigned)rng_below(&seed, 3),
		.partial = (enum ebb_partial)rng_below(&seed, 3),
		.batch = batches[rng_below(&seed, 5)],
		.flags = (uint32_t)rng_below(&seed, EBB_FLAGS + 1),
		.leaf_levels = leaf_levels[rng_below(&seed, 4)],
		.plain = rng_chance(&seed, 4),
		.device_thread = true,
	};
}

static struct crowd random_crowd(void)
{
	return (struct crowd){
		.workers = 2 + (unsigned)rng_below(&seed, CROWD_WORKERS_MAX - 1),
		.reclaimers = 1 + (unsigned)rng_below(&seed, rng_chance(&seed, 8) ? 20 : 3),
		.operations = 200 + (unsigned)rng_below(&seed, 2000),
		.narrow = rng_chance(&seed, 3),
	};
}

/* Progress, on a terminal alone. */
static void show(time_t left, uint64_t rounds)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%" PRIu64 " rounds, %lld s left ", rounds, (long long)left);
}

static void every_crowd_leaves_the_root(void **state)
{
	time_t end = now() + seconds;
	uint64_t rounds = 0, operations = 0, freed = 0, thawed = 0, revived = 0, dmas = 0;

	(void)state;
	for (; now() < end; rounds++) {
		struct shape shape = random_shape();
		struct crowd crowd = random_crowd();
		struct ebb_stats stats;
		struct fixture f;

		fixture_open(&f, &shape);
		run_crowd(&f, crowd, &seed);
		assert_only_root_left(&f);
		stats = stats_of(&f);
		operations += (uint64_t)crowd.workers * crowd.operations;
		freed += stats.freed;
		thawed += stats.thawed;
		revived += stats.revived;
		dmas += f.device ? soft_counts(f.device).dmas : 0;
		fixture_close(&f);
		show(end - now(), rounds);
	}
	print_message("soak: %lld s, %" PRIu64 " domains, %" PRIu64 " operations, %" PRIu64
		      " tables freed, %" PRIu64 " thawed, %" PRIu64 " revived, %" PRIu64
		      " DMA accesses; tables left in each: the root\n",
		      (long long)seconds, rounds, operations, freed, thawed, revived, dmas);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_crowd_leaves_the_root),
	};

	if (argc > 1)
		seconds = strtol(argv[1], NULL, 0);
	seed = seed_from_environment();
	return cmocka_run_group_tests_name("soak", tests, NULL, NULL);
}
