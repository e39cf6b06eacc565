/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Runs a cell: its threads, each on a CPU of its own, go through rounds, engines and slices in
 * step. A slice begins when all threads are there, and its time is from the first start to the last
 * end. What other programs do to it shows as an involuntary context switch of one of the threads;
 * such a slice counts for nothing.
 */
#include "bench.h"
#include "ebb_hosted.h"
#include "tool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <urcu/arch.h>

#define SPINS	    4096u /* at a barrier, before the CPU is offered to others */
#define WARMUP_PART 8u /* of a chunk's pairs are done before its first slice */

struct crew {
	const struct bench_cell *cell;
	struct bench_result *results;
	struct worker *workers;
	struct bench_slice *slices; /* BENCH_SLICES of each worker */
	void *domain; /* of the chunk */
	unsigned nslices, slice_pairs;
	_Alignas(64) atomic_uint waiting; /* threads at the barrier... */
	_Alignas(64) atomic_uint passed; /* ...which have met there so often */
	_Alignas(64) atomic_uint awake; /* counts them once more behind it */
	_Alignas(64) atomic_int error; /* one of those that have happened */
	_Alignas(64) atomic_int go; /* 1: all threads have come; -1: one has not, so leave */
};

struct worker {
	struct crew *crew;
	pthread_t thread;
	unsigned number;
	int cpu, counter;
	bool warming_up, online;
};

/* ---- in step --------------------------------------------------------------------------------- */

/* The thread's read sections are as the engine's chunk wants them. */
static void come_online(const struct worker *worker)
{
	if (worker->online)
		ebb_hosted_online();
}

/* Not online meanwhile: one that has yet to come may wait for a grace period. */
static void meet(const struct worker *worker)
{
	struct crew *crew = worker->crew;
	unsigned passed = atomic_load(&crew->passed), spins = 0;

	if (atomic_fetch_add(&crew->waiting, 1) + 1 == crew->cell->threads) {
		atomic_store(&crew->waiting, 0);
		atomic_fetch_add(&crew->passed, 1);
		return;
	}
	ebb_hosted_offline();
	while (atomic_load(&crew->passed) == passed) {
		if (++spins < SPINS)
			caa_cpu_relax();
		else
			sched_yield();
	}
	come_online(worker);
}

/*
 * As meet(), for threads that have just met: leaves nobody behind for as long as it takes to be
 * scheduled again.
 */
static void meet_awake(struct crew *crew)
{
	atomic_fetch_add(&crew->awake, 1);
	while (atomic_load(&crew->awake) % crew->cell->threads != 0)
		caa_cpu_relax();
}

/* The n-th of the CPUs that this process may use. */
static int nth_cpu(unsigned n)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && n-- == 0)
			return cpu;
	return -1;
}

static void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void note_error(struct crew *crew, int error)
{
	if (error != EBB_OK)
		atomic_store(&crew->error, error);
}

/* ---- slices ---------------------------------------------------------------------------------- */

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/*
 * What is measured, and nothing else: `make bench-instructions` has instructions counted in this
 * function.
 */
static __attribute__((noinline)) int bench_measured(struct bench_walk *walk, unsigned pairs)
{
	return bench_walk_pairs(walk, pairs);
}

static void measure(struct worker *worker, struct bench_walk *walk, struct bench_slice *slice)
{
	struct rusage before, after;
	uint64_t instructions;
	int error;

	meet(worker);
	getrusage(RUSAGE_THREAD, &before);
	meet_awake(worker->crew);
	instructions = bench_counter_read(worker->counter);
	slice->started = now();
	error = worker->warming_up ? bench_walk_pairs(walk, worker->crew->slice_pairs) :
				     bench_measured(walk, worker->crew->slice_pairs);
	slice->ended = now();
	slice->instructions = bench_counter_read(worker->counter) - instructions;
	getrusage(RUSAGE_THREAD, &after);
	slice->preempted = after.ru_nivcsw != before.ru_nivcsw;
	slice->slept = after.ru_nvcsw != before.ru_nvcsw;
	note_error(worker->crew, error);
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static void chunk_begin(struct crew *crew, const struct bench_engine *engine)
{
	struct ebb_platform platform = bench_pages_platform(crew->cell->pages);

	bench_pages_reset(crew->cell->pages);
	crew->domain = engine->domain_open(engine, &platform);
	if (crew->domain == NULL)
		note_error(crew, EBB_ERR_NO_MEMORY);
}

/* `result` is NULL in the round that only warms up. */
static void chunk_end(struct crew *crew, const struct bench_engine *engine,
		      struct bench_result *result, unsigned round)
{
	struct bench_tables tables = { 0, 0 };
	struct bench_pages_count pages;

	if (crew->domain == NULL)
		return;
	engine->settle(crew->domain, &tables);
	pages = bench_pages_count(crew->cell->pages);
	if (tables.peak == 0)
		tables = (struct bench_tables){ (uint64_t)pages.peak, (uint64_t)pages.out };
	engine->domain_close(crew->domain);
	if (result == NULL || atomic_load(&crew->error) != 0)
		return;
	result->samples[round] = bench_sum_up(crew->slices, crew->cell->threads, crew->nslices,
					      crew->slice_pairs, result);
	if (tables.peak > result->tables.peak)
		result->tables.peak = tables.peak;
	if (tables.final > result->tables.final)
		result->tables.final = tables.final;
	if ((uint64_t)pages.peak > result->pages_peak)
		result->pages_peak = (uint64_t)pages.peak;
}

static void run_slices(struct worker *worker, const struct bench_engine *engine)
{
	struct crew *crew = worker->crew;
	const struct bench_cell *cell = crew->cell;
	struct bench_walk walk = {
		.pattern = cell->pattern,
		.engine = engine,
		.caller = engine->caller_open(crew->domain),
		.thread = worker->number,
		.threads = cell->threads,
	};

	if (walk.caller == NULL) {
		/* The others wait at each slice. */
		for (unsigned s = 0; s < crew->nslices; s++)
			meet(worker);
		note_error(crew, EBB_ERR_NO_MEMORY);
		return;
	}
	note_error(crew, bench_walk_begin(&walk));
	note_error(crew, bench_walk_pairs(&walk, crew->nslices * crew->slice_pairs / WARMUP_PART));
	for (unsigned s = 0; s < crew->nslices; s++)
		measure(worker, &walk, &crew->slices[worker->number * BENCH_SLICES + s]);
	note_error(crew, bench_walk_end(&walk));
	engine->caller_close(walk.caller);
}

static void run_chunk(struct worker *worker, unsigned e, unsigned round)
{
	struct crew *crew = worker->crew;
	const struct bench_engine *engine = crew->cell->engines[e];

	/* Round 0 is for the allocator, the caches, the branch predictor. */
	worker->warming_up = round == 0;
	worker->online = engine->sections && !crew->cell->offline;
	come_online(worker);
	if (worker->number == 0)
		chunk_begin(crew, engine);
	meet(worker);
	if (crew->domain != NULL)
		run_slices(worker, engine);
	meet(worker);
	if (worker->number == 0)
		chunk_end(crew, engine, worker->warming_up ? NULL : &crew->results[e], round - 1);
	meet(worker);
	ebb_hosted_offline();
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct crew *crew = worker->crew;

	pin(worker->cpu);
	if (crew->cell->realtime)
		sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
	bench_pages_thread(worker->number);
	worker->counter = bench_counter_open();
	while (atomic_load(&crew->go) == 0)
		sched_yield();
	for (unsigned round = 0; round <= crew->cell->rounds && atomic_load(&crew->go) > 0;
	     round++) {
		for (unsigned e = 0; e < crew->cell->nengines; e++) {
			run_chunk(worker, e, round);
			if (atomic_load(&crew->error) != 0)
				goto out; /* all see it: the last barrier is behind its store */
		}
	}
out:
	bench_counter_close(worker->counter);
	return NULL;
}

/* ---- the cell -------------------------------------------------------------------------------- */

static int run_crew(struct crew *crew)
{
	unsigned threads = crew->cell->threads, started;

	for (started = 0; started < threads; started++) {
		struct worker *worker = &crew->workers[started];

		worker->crew = crew;
		worker->number = started;
		worker->cpu = nth_cpu(started);
		if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
			break;
	}
	atomic_store(&crew->go, started == threads ? 1 : -1);
	for (unsigned i = 0; i < started; i++)
		pthread_join(crew->workers[i].thread, NULL);
	if (started != threads)
		return tool_fail("only %u of %u threads can be started", started, threads);
	if (atomic_load(&crew->error) != 0)
		return tool_fail("%s failed with %u threads: %s", crew->cell->pattern->name,
				 threads, ebb_strerror(atomic_load(&crew->error)));
	return TOOL_OK;
}

int bench_run(const struct bench_cell *cell, struct bench_result *results)
{
	struct crew crew = { .cell = cell, .results = results };
	int status;

	crew.nslices = cell->pairs < BENCH_SLICES ? cell->pairs : BENCH_SLICES;
	crew.slice_pairs = cell->pairs / crew.nslices;
	crew.workers = calloc(cell->threads, sizeof(*crew.workers));
	crew.slices = calloc(cell->threads, BENCH_SLICES * sizeof(*crew.slices));
	if (crew.workers != NULL && crew.slices != NULL)
		status = run_crew(&crew);
	else
		status = tool_fail("not enough memory for %u threads", cell->threads);
	free(crew.slices);
	free(crew.workers);
	return status;
}
