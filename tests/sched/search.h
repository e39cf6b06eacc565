/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_SEARCH_H
#define EBB_TESTS_SEARCH_H
/*
 * All schedules of a scenario with at most so many preemptions. A preemption takes a caller that
 * could go on off the processor; where a caller has to wait, or has returned, each of the others
 * may be next at no cost. Stateless: each schedule is run from the beginning, depth first, so that
 * two schedules differ first in their latest choice.
 *
 * A schedule is written as the choices in it that were not the obvious one (go on; or the lowest
 * number that can): "tick:actor,tick:actor".
 */
#include "world.h"

struct scenario {
	const char *name;
	unsigned callers;
	void (*setup)(struct world *w); /* before, outside of the run */
	void (*body[SCHED_CALLERS])(void *world);
	void (*teardown)(struct world *w); /* after, outside of the run; may be NULL */
	struct ebb_config config; /* policy, levels 3 and format are filled in if they are 0 */
	unsigned less; /* preemptions fewer than usual: callers are many or runs long */
};

struct search {
	const struct scenario *scenario;
	struct ebb_config config;
	unsigned preemptions;
	bool buffered;
	uint64_t limit; /* schedules, 0: no limit */
	/* results */
	uint64_t schedules, points_most;
	bool complete; /* all schedules within the bound were run */
	const char *wrong; /* NULL: nothing */
	char schedule[4096]; /* of the failure */
};

void search_run(struct search *search);
/* Runs one schedule, printing its steps to stderr. Returns what is wrong, or NULL. */
const char *search_replay(struct search *search, const char *schedule);

extern const struct scenario scenarios[];
extern const unsigned nscenarios;

#endif
