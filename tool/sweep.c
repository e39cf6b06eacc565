/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "sweep.h"
#include "tool.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PA_MASK		 (((uint64_t)1 << 52) - 1)
#define LEAF_LEVEL_MAX	 2u /* 1 GiB */
#define TOTAL_MAX	 ((uint64_t)1 << 57)
#define PROGRESS_PAIRS	 4096u
#define PROGRESS_WAIT_NS 100000000l

uint64_t sweep_pairs(const struct sweep *sweep)
{
	return sweep->total / sweep->step;
}

unsigned sweep_levels(const struct sweep *sweep)
{
	return sweep->total <= (uint64_t)1 << 48 ? 4 : 5;
}

/* Tables of one level that one pair needs where no neighbour shares them. */
static uint64_t tables_per_pair(const struct sweep *sweep, unsigned level, uint64_t span)
{
	/*
	 * Where a page of the table's span can be used there is no table, except at the ends of the
	 * range.
	 */
	uint64_t full = level < LEAF_LEVEL_MAX ? 0 : sweep->size / span;

	if (sweep->step % span == 0)
		return full + (sweep->size % span != 0);
	return full + (sweep->size <= span && span % sweep->step == 0 ? 1 : 2);
}

uint64_t sweep_tables(const struct sweep *sweep)
{
	unsigned levels = sweep_levels(sweep);
	uint64_t pairs = sweep_pairs(sweep);
	uint64_t last = (pairs - 1) * sweep->step + sweep->size - 1;
	uint64_t tables = 1; /* the root */

	for (unsigned level = 0; level < levels - 1; level++) {
		uint64_t span = (uint64_t)1 << (21 + 9 * level);
		uint64_t spans = last / span + 1;
		uint64_t wanted = pairs * tables_per_pair(sweep, level, span);

		tables += wanted < spans ? wanted : spans;
	}
	return tables;
}

/* ---- options --------------------------------------------------------------------------------- */

static void check(struct sweep *sweep, const struct argp_state *state)
{
	if (sweep->size == 0 || sweep->size % (4 * KIB) != 0 || sweep->step % (4 * KIB) != 0)
		argp_error(state, "--size and --step must be multiples of 4K, and not 0");
	if (sweep->size > sweep->step)
		argp_error(state, "--size must not be more than --step");
	if (sweep->total < sweep->step || sweep->total > TOTAL_MAX)
		argp_error(
			state,
			"-s must be at least one --step and at most 128P, the space of 5 levels");
	if (sweep->threads > sweep_pairs(sweep))
		argp_error(state, "more --threads than pairs to map (%" PRIu64 ")",
			   sweep_pairs(sweep));
	sweep->total -= sweep->total % sweep->step;
}

static void parse_size_option(const char *text, uint64_t unit, uint64_t *bytes,
			      const struct argp_state *state)
{
	if (!parse_size(text, unit, bytes))
		argp_error(state, "'%s' is not a size such as 4096, 4K, 2M or 0.5T", text);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct sweep *sweep = state->input;

	switch (key) {
	case 's':
		parse_size_option(arg, TIB, &sweep->total, state);
		return 0;
	case OPTION_STEP:
		parse_size_option(arg, 1, &sweep->step, state);
		return 0;
	case OPTION_SIZE:
		parse_size_option(arg, 1, &sweep->size, state);
		return 0;
	case ARGP_KEY_END:
		check(sweep, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ NULL, 's', "TIB", 0, "IOVA space to go through, in TiB or with a suffix: 0.5, 16G", 0 },
	{ "step", OPTION_STEP, "SIZE", 0, "distance from one mapping to the next (2M)", 0 },
	{ "size", OPTION_SIZE, "SIZE", 0, "size of each mapping (4K)", 0 },
	{ 0 },
};

const struct argp sweep_argp = { .options = options, .parser = parse };

/* ---- threads --------------------------------------------------------------------------------- */

struct crew {
	struct space *space;
	const struct sweep *sweep;
	pthread_rwlock_t gate; /* opened by the main thread when no more threads come */
	pthread_barrier_t start;
	atomic_uint finished; /* threads */
	atomic_bool failed; /* the others stop, too */
};

struct worker {
	struct crew *crew;
	pthread_t thread;
	uint64_t first, end; /* pairs */
	struct timespec started, ended;
	int error;
	_Alignas(64) atomic_uint_least64_t done; /* pairs, for the progress line */
};

static int sweep_pair(struct ebb_gather *gather, uint64_t iova, uint64_t size)
{
	uint64_t unmapped;
	int error =
		ebb_map(gather, EBB_IOVA(iova), EBB_PA(iova & PA_MASK), size, EBB_READ | EBB_WRITE);

	if (error == EBB_OK)
		error = ebb_unmap(gather, EBB_IOVA(iova), size, &unmapped);
	if (error == EBB_OK)
		ebb_sync(gather);
	return error;
}

static int sweep_part(struct worker *worker, struct ebb_gather *gather)
{
	uint64_t step = worker->crew->sweep->step, size = worker->crew->sweep->size;

	for (uint64_t pair = worker->first; pair < worker->end; pair++) {
		int error = sweep_pair(gather, pair * step, size);

		if (error != EBB_OK)
			return error;
		if ((pair - worker->first) % PROGRESS_PAIRS == 0) {
			atomic_store_explicit(&worker->done, pair - worker->first,
					      memory_order_relaxed);
			if (atomic_load_explicit(&worker->crew->failed, memory_order_relaxed))
				return EBB_OK;
		}
	}
	return EBB_OK;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct crew *crew = worker->crew;
	struct ebb_gather gather;

	ebb_gather_init(&gather, &crew->space->domain);
	pthread_rwlock_rdlock(&crew->gate);
	pthread_rwlock_unlock(&crew->gate);
	if (atomic_load(&crew->failed))
		goto out;
	pthread_barrier_wait(&crew->start);
	ebb_hosted_online();
	clock_gettime(CLOCK_MONOTONIC, &worker->started);
	worker->error = sweep_part(worker, &gather);
	clock_gettime(CLOCK_MONOTONIC, &worker->ended);
	if (worker->error != EBB_OK)
		atomic_store(&crew->failed, true);
out:
	ebb_gather_fini(&gather);
	ebb_hosted_offline();
	atomic_fetch_add(&crew->finished, 1);
	return NULL;
}

/* ---- progress -------------------------------------------------------------------------------- */

static void show_progress(struct crew *crew, struct worker *workers, const char *label)
{
	const struct timespec wait = { .tv_nsec = PROGRESS_WAIT_NS };
	uint64_t pairs = sweep_pairs(crew->sweep);

	fprintf(stderr, "\r%s:   0 %%", label); /* however soon it is over */
	while (atomic_load(&crew->finished) < crew->sweep->threads) {
		uint64_t done = 0;

		for (unsigned i = 0; i < crew->sweep->threads; i++)
			done += atomic_load_explicit(&workers[i].done, memory_order_relaxed);
		fprintf(stderr, "\r%s: %3u %%", label,
			(unsigned)(100 * (double)done / (double)pairs));
		fflush(stderr);
		nanosleep(&wait, NULL);
	}
	fputs("\r\033[K", stderr);
}

/* ---- the run --------------------------------------------------------------------------------- */

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
	return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) / 1e9;
}

/* Starts the threads, behind the gate. Returns how many. */
static unsigned start_workers(struct crew *crew, struct worker *workers)
{
	uint64_t pairs = sweep_pairs(crew->sweep);
	unsigned threads = crew->sweep->threads;
	uint64_t next = 0;

	for (unsigned i = 0; i < threads; i++) {
		workers[i].crew = crew;
		workers[i].first = next;
		next += pairs / threads + (i < pairs % threads);
		workers[i].end = next;
		if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0)
			return i;
	}
	return threads;
}

static int collect(const struct sweep *sweep, const struct worker *workers,
		   struct sweep_result *result)
{
	const struct worker *first = &workers[0], *last = &workers[0];

	for (unsigned i = 0; i < sweep->threads; i++) {
		if (workers[i].error != EBB_OK)
			return tool_fail("the sweep failed: %s", ebb_strerror(workers[i].error));
		if (seconds_between(&workers[i].started, &first->started) > 0)
			first = &workers[i];
		if (seconds_between(&last->ended, &workers[i].ended) > 0)
			last = &workers[i];
	}
	result->seconds = seconds_between(&first->started, &last->ended);
	result->ns_per_pair = result->seconds * 1e9 * sweep->threads / (double)sweep_pairs(sweep);
	return TOOL_OK;
}

static int run_crew(struct crew *crew, struct worker *workers, const char *label,
		    struct sweep_result *result)
{
	unsigned threads = crew->sweep->threads, started;

	pthread_rwlock_wrlock(&crew->gate);
	started = start_workers(crew, workers);
	atomic_store(&crew->failed, started != threads);
	pthread_rwlock_unlock(&crew->gate);
	if (started == threads && isatty(STDERR_FILENO))
		show_progress(crew, workers, label);
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	if (started != threads)
		return tool_fail("only %u of %u threads can be started", started, threads);
	return collect(crew->sweep, workers, result);
}

int sweep_run(struct space *space, const struct sweep *sweep, const char *label,
	      struct sweep_result *result)
{
	struct worker *workers = aligned_alloc(64, sweep->threads * sizeof(*workers));
	struct crew crew = { .space = space, .sweep = sweep };
	int status;

	if (workers == NULL)
		return tool_fail("not enough memory for %u threads", sweep->threads);
	memset(workers, 0, sweep->threads * sizeof(*workers));
	pthread_rwlock_init(&crew.gate, NULL);
	pthread_barrier_init(&crew.start, NULL, sweep->threads);
	status = run_crew(&crew, workers, label, result);
	pthread_barrier_destroy(&crew.start);
	pthread_rwlock_destroy(&crew.gate);
	free(workers);
	return status;
}
