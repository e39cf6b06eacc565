/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* ebb bench: what a pair of map and unmap costs under each policy, and with the peers. */
#include "bench.h"
#include "bench_report.h"
#include "ebb_hosted.h"
#include "plot.h"
#include "tool.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS	    9u
#define PAIRS_MAX   (1u << 24)
#define THREADS_SET 8u

struct bench {
	struct common_options common;
	bool patterns[BENCH_PATTERNS];
	unsigned threads[THREADS_SET], nthreads;
	unsigned rounds, pairs; /* pairs: 0: as the pattern says */
	const char *peers[BENCH_ENGINES_MAX - EBB_POLICIES];
	unsigned npeers;
	bool realtime, offline;
	const char *plot, *instructions;
};

/* ---- the run --------------------------------------------------------------------------------- */

struct run {
	const struct bench *bench;
	const struct bench_engine *engines[BENCH_ENGINES_MAX];
	unsigned nengines;
	struct bench_pages *pages;
	struct bench_report report;
};

static int run_cell(struct run *run, const struct bench_pattern *pattern, unsigned threads)
{
	const struct bench *bench = run->bench;
	const struct bench_cell cell = {
		.pattern = pattern,
		.engines = run->engines,
		.nengines = run->nengines,
		.threads = threads,
		.pairs = bench->pairs != 0 ? bench->pairs : pattern->pairs,
		.rounds = bench->rounds,
		.realtime = bench->realtime,
		.offline = bench->offline,
		.pages = run->pages,
	};
	struct bench_result *results = calloc(run->nengines, sizeof(*results));
	int status;

	if (results == NULL)
		return tool_fail("not enough memory for the results");
	status = bench_run(&cell, results);
	if (status == TOOL_OK)
		status = bench_report_cell(&run->report, &cell, results);
	free(results);
	return status;
}

static int run_cells(struct run *run)
{
	const struct bench *bench = run->bench;
	int status = TOOL_OK;

	/* A registered thread that sleeps would have each grace period interrupt the others. */
	ebb_hosted_online();
	for (unsigned e = 0; e < run->nengines && status == TOOL_OK; e++)
		status = bench_verify(run->engines[e], run->pages);
	ebb_hosted_offline();
	if (status == TOOL_OK)
		bench_report_begin(&run->report, run->engines, run->nengines);
	for (unsigned p = 0; p < BENCH_PATTERNS; p++)
		for (unsigned t = 0; t < bench->nthreads; t++)
			if (status == TOOL_OK && bench->patterns[p])
				status = run_cell(run, &bench_patterns[p], bench->threads[t]);
	return status;
}

static int load_engines(struct run *run)
{
	for (unsigned p = 0; p < EBB_POLICIES; p++)
		if ((run->bench->common.policies & (1u << p)) != 0)
			run->engines[run->nengines++] = bench_policies[p];
	for (unsigned i = 0; i < run->bench->npeers; i++) {
		const struct bench_engine *peer = bench_peer_load(run->bench->peers[i]);

		if (peer == NULL)
			return TOOL_FAILED;
		run->engines[run->nengines++] = peer;
	}
	return TOOL_OK;
}

static int run_all(struct run *run, struct plot *plot)
{
	const struct bench *bench = run->bench;
	int status = load_engines(run);

	if (status == TOOL_OK && bench->instructions != NULL)
		status = bench_report_instructions(&run->report, bench->instructions);
	if (status == TOOL_OK) {
		run->pages = bench_pages_new();
		if (run->pages == NULL)
			return tool_fail("cannot set up memory for tables: %s", strerror(errno));
		status = run_cells(run);
		bench_pages_delete(run->pages);
	}
	if (status == TOOL_OK && plot != NULL) {
		bench_report_plot(&run->report, plot);
		status = plot_draw(plot);
	}
	return status;
}

/* Tries it, and goes back. */
static bool may_be_realtime(void)
{
	const struct sched_param first = { .sched_priority = 1 }, none = { 0 };

	return sched_setscheduler(0, SCHED_FIFO, &first) == 0 &&
	       sched_setscheduler(0, SCHED_OTHER, &none) == 0;
}

static int run(const struct bench *bench)
{
	struct run run = { .bench = bench, .report.json = bench->common.json };
	struct plot plot;
	int status;

	if (bench->realtime && !may_be_realtime())
		return tool_fail("--realtime: no permission to set a real-time priority");
	if (bench->plot != NULL) {
		status = plot_open(&plot, bench->plot);
		if (status != TOOL_OK)
			return status;
	}
	status = run_all(&run, bench->plot != NULL ? &plot : NULL);
	if (bench->plot != NULL)
		plot_close(&plot);
	bench_report_end(&run.report);
	return status;
}

/* ---- options --------------------------------------------------------------------------------- */

static unsigned parse_count(const char *text, unsigned max, const char *option,
			    const struct argp_state *state)
{
	uint64_t number = 0;

	if (!parse_number(text, max, &number) || number == 0)
		argp_error(state, "%s takes numbers from 1 to %u, not '%s'", option, max, text);
	return (unsigned)number;
}

static void parse_threads(struct bench *bench, char *list, const struct argp_state *state)
{
	char *rest = NULL;

	for (char *word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		if (bench->nthreads == THREADS_SET)
			argp_error(state, "--threads takes at most %u numbers", THREADS_SET);
		bench->threads[bench->nthreads++] =
			parse_count(word, BENCH_THREADS_MAX, "--threads", state);
	}
	if (bench->nthreads == 0)
		argp_error(state, "--threads takes numbers from 1 to %u", BENCH_THREADS_MAX);
}

/* A name stands for all patterns that have it, NAME:SIZE for one. */
static bool is_named(const struct bench_pattern *pattern, const char *word)
{
	size_t length = strlen(pattern->name);

	if (strncmp(word, pattern->name, length) != 0)
		return false;
	return word[length] == '\0' ||
	       (word[length] == ':' && strcmp(word + length + 1, pattern->size) == 0);
}

static void parse_patterns(struct bench *bench, char *list, const struct argp_state *state)
{
	char *rest = NULL;
	bool any = false;

	for (char *word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		bool found = false;

		for (unsigned p = 0; p < BENCH_PATTERNS; p++) {
			if (is_named(&bench_patterns[p], word))
				bench->patterns[p] = found = true;
		}
		if (!found)
			argp_error(state, "unknown pattern '%s'", word);
		any = true;
	}
	if (!any)
		argp_error(state, "--pattern takes names of patterns");
}

/* One thread, and one on each CPU. */
static void default_threads(struct bench *bench)
{
	cpu_set_t set;
	unsigned cpus =
		sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;

	bench->threads[bench->nthreads++] = 1;
	if (cpus > 1)
		bench->threads[bench->nthreads++] =
			cpus < BENCH_THREADS_MAX ? cpus : BENCH_THREADS_MAX;
	else
		tool_warn("there is one CPU: nothing is measured with several threads");
}

static void finish_options(struct bench *bench, const struct argp_state *state)
{
	bool any = false;

	for (unsigned p = 0; p < BENCH_PATTERNS; p++)
		any = any || bench->patterns[p];
	for (unsigned p = 0; p < BENCH_PATTERNS && !any; p++)
		bench->patterns[p] = true;
	if (bench->nthreads == 0)
		default_threads(bench);
	if (bench->common.policies == 0 && bench->npeers == 0)
		argp_error(state, "--peers-only, and there is no --peer");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct bench *bench = state->input;

	switch (key) {
	case OPTION_PATTERN:
		parse_patterns(bench, arg, state);
		return 0;
	case OPTION_THREADS:
		parse_threads(bench, arg, state);
		return 0;
	case OPTION_ROUNDS:
		bench->rounds = parse_count(arg, BENCH_ROUNDS_MAX, "--rounds", state);
		return 0;
	case OPTION_PAIRS:
		bench->pairs = parse_count(arg, PAIRS_MAX, "--pairs", state);
		return 0;
	case OPTION_PEER:
		if (bench->npeers == sizeof(bench->peers) / sizeof(bench->peers[0]))
			argp_error(state, "too many peers");
		bench->peers[bench->npeers++] = arg;
		return 0;
	case OPTION_REALTIME:
		bench->realtime = true;
		return 0;
	case OPTION_OFFLINE:
		bench->offline = true;
		return 0;
	case OPTION_PEERS_ONLY:
		bench->common.policies = 0;
		return 0;
	case OPTION_INSTRUCTIONS:
		bench->instructions = arg;
		return 0;
	case OPTION_PLOT:
		if (!plot_file_ok(arg))
			argp_error(state, "--plot draws FILE.svg or FILE.png, not '%s'", arg);
		bench->plot = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	case ARGP_KEY_END:
		finish_options(bench, state);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &bench->common;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int bench_main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "pattern", OPTION_PATTERN, "NAME,...", 0, "patterns (all)", 0 },
		{ "threads", OPTION_THREADS, "N,...", 0,
		  "numbers of threads (1, and the number of CPUs)", 0 },
		{ "rounds", OPTION_ROUNDS, "N", 0, "rounds that are measured (9)", 0 },
		{ "pairs", OPTION_PAIRS, "N", 0,
		  "pairs of each thread in a round (depends on the pattern)", 0 },
		{ "peer", OPTION_PEER, "FILE.so", 0,
		  "another implementation to compare with; may be repeated", 0 },
		{ "realtime", OPTION_REALTIME, NULL, 0,
		  "keep other programs off the CPUs while a cell is measured (as root)", 0 },
		{ "offline", OPTION_OFFLINE, NULL, 0,
		  "threads do not report when they hold nothing, their read sections store", 0 },
		{ "peers-only", OPTION_PEERS_ONLY, NULL, 0, "leave the policies out", 0 },
		{ "instructions", OPTION_INSTRUCTIONS, "FILE", 0,
		  "counted before, for where they cannot be counted now", 0 },
		{ "plot", OPTION_PLOT, "FILE", 0, "draw the times (.svg, .png)", 0 },
		{ 0 },
	};
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Measures pairs of map and unmap, each pair synced, under all policies in "
		       "turn.\v"
		       "Patterns: sweep, pingpong, pingpong2, ring256, random, shared, edge and "
		       "sizes; ebb-bench(1) describes them.",
		.children = children,
	};
	struct bench bench = {
		.common.policies = (1u << EBB_POLICIES) - 1,
		.rounds = ROUNDS,
	};

	if (argp_parse(&argp, argc, argv, 0, NULL, &bench) != 0)
		return TOOL_USAGE;
	return run(&bench);
}
