/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * All schedules of the scenarios within a preemption bound, under sequential consistency and with
 * store buffers.
 *
 *   explore                       each scenario as a test case
 *   explore --preemptions N       the same with another bound (2 unless told)
 *   explore --limit N             at most so many schedules of each; then the search is not
 *                                 complete, and says so
 *   explore --list
 *   explore --replay SCHEDULE [--tso] NAME
 *                                 one schedule, as a failure has printed it, with all its steps
 *
 * EBB_EXPLORE_TSV=FILE appends a line for each search.
 */
#include <argp.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "search.h"

#define NAME_SIZE 160

enum key {
	KEY_PREEMPTIONS = 'p',
	KEY_LIMIT = 'l',
	KEY_REPLAY = 'r',
	KEY_TSO = 't',
	KEY_LIST = 'L',
};

static struct {
	unsigned preemptions;
	uint64_t limit;
	const char *replay, *name;
	bool tso, list;
} options = { .preemptions = 2 };

static struct search search_of(const struct scenario *sc, bool buffered)
{
	struct search search = {
		.scenario = sc,
		.config = sc->config,
		.buffered = buffered,
		.limit = options.limit,
	};

	search.config.format = EBB_VTDSS;
	search.config.node = -1;
	if (!search.config.levels)
		search.config.levels = 3;
	if (options.preemptions > sc->less)
		search.preemptions = options.preemptions - sc->less;
	return search;
}

static void write_line(const struct search *search, double seconds)
{
	const char *path = getenv("EBB_EXPLORE_TSV");
	FILE *file = path ? fopen(path, "a") : NULL;

	if (!file)
		return;
	fprintf(file, "%s\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\t%s\t%.1f\n", search->scenario->name,
		search->buffered ? "TSO" : "SC", search->preemptions, search->schedules,
		search->points_most, search->complete ? "complete" : "cut", seconds);
	fclose(file);
}

static void explore(void **state)
{
	struct search *search = *state;
	clock_t began = clock();

	search_run(search);
	print_message("%" PRIu64 " schedules of at most %u preemptions and %" PRIu64 " points%s\n",
		      search->schedules, search->preemptions, search->points_most,
		      search->complete ? "" : "; not all");
	write_line(search, (double)(clock() - began) / CLOCKS_PER_SEC);
	if (search->wrong)
		fail_msg("%s\nto see it: explore %s--replay %s '%s'", search->wrong,
			 search->buffered ? "--tso " : "",
			 search->schedule[0] ? search->schedule : "''", search->scenario->name);
}

static int explore_all(void)
{
	struct search *searches = calloc(2 * nscenarios, sizeof(*searches));
	struct CMUnitTest *tests = calloc(2 * nscenarios, sizeof(*tests));
	char(*names)[NAME_SIZE] = calloc(2 * nscenarios, sizeof(*names));
	unsigned n = 0;
	int failed;

	if (!searches || !tests || !names)
		abort();
	for (unsigned i = 0; i < 2 * nscenarios; i++) {
		const struct scenario *sc = &scenarios[i / 2];

		if ((i % 2 && sc->config.policy != EBB_DEFERRED) ||
		    (options.name && strcmp(options.name, sc->name) != 0))
			continue;
		searches[n] = search_of(sc, i % 2);
		snprintf(names[n], sizeof(names[n]), "%s [%s]", sc->name, i % 2 ? "TSO" : "SC");
		tests[n].name = names[n];
		tests[n].test_func = explore;
		tests[n].initial_state = &searches[n];
		n++;
	}
	failed = _cmocka_run_group_tests("explore", tests, n, NULL, NULL);
	free(searches);
	free(tests);
	free(names);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int replay(void)
{
	for (unsigned i = 0; i < nscenarios; i++) {
		struct search search;
		const char *wrong;

		if (!options.name || strcmp(options.name, scenarios[i].name) != 0)
			continue;
		search = search_of(&scenarios[i], options.tso);
		wrong = search_replay(&search, options.replay);
		printf("%s\n", wrong ? wrong : "nothing is wrong");
		return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	fprintf(stderr, "explore: no scenario of that name; --list shows them\n");
	return 2;
}

static int list(void)
{
	for (unsigned i = 0; i < nscenarios; i++)
		printf("%s\n", scenarios[i].name);
	return EXIT_SUCCESS;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case KEY_PREEMPTIONS:
		options.preemptions = (unsigned)strtoul(arg, NULL, 10);
		return 0;
	case KEY_LIMIT:
		options.limit = strtoull(arg, NULL, 10);
		return 0;
	case KEY_REPLAY:
		options.replay = arg;
		return 0;
	case KEY_TSO:
		options.tso = true;
		return 0;
	case KEY_LIST:
		options.list = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options.name)
			argp_usage(state);
		options.name = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp_option known[] = {
		{ "preemptions", KEY_PREEMPTIONS, "N", 0, "the bound of the search", 0 },
		{ "limit", KEY_LIMIT, "N", 0, "schedules of each scenario", 0 },
		{ "replay", KEY_REPLAY, "SCHEDULE", 0, "one schedule of the scenario", 0 },
		{ "tso", KEY_TSO, NULL, 0, "with --replay: with store buffers", 0 },
		{ "list", KEY_LIST, NULL, 0, "the scenarios' names", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		known, parse, "[SCENARIO]", "All schedules of small scenarios of the real core.",
		NULL,  NULL,  NULL
	};

	if (argp_parse(&argp, argc, argv, 0, NULL, NULL))
		return 2;
	if (options.list)
		return list();
	return options.replay ? replay() : explore_all();
}
