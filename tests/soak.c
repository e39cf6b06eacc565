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
	static const uint32_t leaf_levels[] = { 0, 7, 3, 1, 5 };

	return (struct shape){
		.policy = rng_chance(&seed, 2) ? EBB_DEFERRED :
						 (enum ebb_policy)rng_below(&seed, EBB_POLICIES),
		.levels = 3 + (unsigned)rng_below(&seed, 3),
		.partial = (enum ebb_partial)rng_below(&seed, 3),
		.batch = batches[rng_below(&seed, 5)],
		.flags = (uint32_t)rng_below(&seed, EBB_FLAGS + 1),
		.leaf_levels = leaf_levels[rng_below(&seed, 5)],
		.plain = rng_chance(&seed, 4),
		.device_thread = true,
	};
}

static struct crowd random_crowd(void)
{
	return (struct crowd){
		.workers = 2 + (unsigned)rng_below(&seed, CROWD_WORKERS_MAX - 1),
		.reclaimers = 1 + (unsigned)rng_below(&seed, rng_chance(&seed, 8) ? 20 : 3),
		/* so that no crowd goes on long after the time is over */
		.operations = (200 + (unsigned)rng_below(&seed, 2000)) / (UNDER_TSAN ? 10 : 1),
		.narrow = rng_chance(&seed, 3),
	};
}

/* Progress, on a terminal alone; nothing is left of it in the end. */
static void show(time_t left, uint64_t domains)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%" PRIu64 " domains, %lld s left", domains,
			(long long)left);
}

static void show_no_more(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}

struct total {
	uint64_t domains, operations, freed, thawed, revived, dmas, most_held;
};

static void add(struct total *t, struct fixture *f, const struct crowd *crowd)
{
	struct ebb_stats stats = stats_of(f);

	t->domains++;
	t->operations += (uint64_t)crowd->workers * crowd->operations;
	t->freed += stats.freed;
	t->thawed += stats.thawed;
	t->revived += stats.revived;
	t->dmas += f->device ? soft_counts(f->device).dmas : 0;
	t->most_held = stats.held_peak > t->most_held ? stats.held_peak : t->most_held;
}

/* A line for programs. */
static void print_total(const struct total *t)
{
	printf("soak: seconds=%lld domains=%" PRIu64 " operations=%" PRIu64 " tables_freed=%" PRIu64
	       " tables_thawed=%" PRIu64 " tables_revived=%" PRIu64 " dmas=%" PRIu64
	       " most_tables_held=%" PRIu64 " tables_left_in_each=1\n",
	       (long long)seconds, t->domains, t->operations, t->freed, t->thawed, t->revived,
	       t->dmas, t->most_held);
}

static void every_crowd_leaves_the_root(void **state)
{
	time_t end = now() + seconds;
	struct total total = { 0 };

	(void)state;
	while (now() < end) {
		struct shape shape = random_shape();
		struct crowd crowd = random_crowd();
		struct fixture f;

		show(end - now(), total.domains);
		fixture_open(&f, &shape);
		run_crowd(&f, crowd, &seed);
		assert_only_root_left(&f);
		add(&total, &f, &crowd);
		fixture_close(&f);
	}
	show_no_more();
	print_total(&total);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_crowd_leaves_the_root),
	};
	char *rest = NULL;

	if (argc > 1)
		seconds = strtol(argv[1], &rest, 10);
	if (argc > 2 || seconds <= 0 || (rest && *rest)) {
		fprintf(stderr, "usage: soak [SECONDS]\n");
		return 2;
	}
	seed = seed_from_environment();
	return cmocka_run_group_tests_name("soak", tests, NULL, NULL);
}
