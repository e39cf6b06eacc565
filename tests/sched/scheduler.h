/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_SCHED_H
#define EBB_TESTS_SCHED_H
/*
 * A deterministic scheduler for the real core. Callers are coroutines of one thread. They can be
 * interrupted at points, and nowhere else: before each access to an entry and to what else callers
 * share, at both ends of a read section, and at each call of the platform. At a point with more
 * than one way to go on the scheduler asks a function, so that a run is its answers, and the same
 * answers are the same run.
 *
 * Points that cannot matter are left out. A word that one caller alone touches, or that nobody
 * writes, is no place to interrupt: going on to the next point and being interrupted there leads to
 * the same states. Which are shared is not known beforehand. Each run notes what each caller
 * touches; if two touched something that was not taken for shared, and one of them wrote,
 * sched_learnt() says so, and the search has to begin anew (the set only grows). Of tables the unit
 * is the line. What no decision is taken on, statistics, needs no point: sched_ignore().
 *
 * Grace periods are exact: one ends when the read sections that were open when it began have ended.
 *
 * Memory is sequentially consistent, or, if asked, a caller's plain stores to entries wait in its
 * store buffer as long as total store order allows: until its own next atomic read-modify-write,
 * invalidation or grace period, or store to what is watched, the beginning or end of anybody's
 * grace period (liburcu's membarrier), or sched_fence(). Its own loads see them. With the two
 * extremes, at once and as late as possible, both sides of each store-load race are taken; what
 * lies between is left to the models.
 */
#include "ebb.h"

#define SCHED_CALLERS 4u
#define SCHED_DEVICE  SCHED_CALLERS /* who completes the oldest invalidation */
#define SCHED_ACTORS  (SCHED_CALLERS + 1)
#define SCHED_NOBODY  SCHED_ACTORS

enum sched_end {
	SCHED_DONE, /* every caller has returned */
	SCHED_FAILED, /* sched_fail() was called */
	SCHED_STUCK, /* nobody can go on */
	SCHED_ENDLESS, /* too many points: callers wait for each other in circles */
};

struct sched_run {
	unsigned callers;
	void (*body[SCHED_CALLERS])(void *arg);
	void *arg;
	/* Completes the oldest invalidation; false: none is queued. */
	bool (*device)(void *arg);
	/*
	 * Who goes on: one of `able` (bit n: actor n), SCHED_DEVICE included. `current` is who was
	 * interrupted; its bit is not set if it has to wait or has returned.
	 */
	unsigned (*choose)(void *arg, unsigned current, unsigned able);
	uint64_t points_max; /* more are SCHED_ENDLESS */
	bool buffered; /* stores wait */
	bool sections; /* entries may be touched in read sections only: policy deferred */
	bool everywhere; /* every access is a point, as if all lines were shared */
	bool trace; /* print each access and each point */
	/* results */
	enum sched_end end;
	const char *failure;
	uint64_t points;
	/* accesses that are no points count too: the same with and without `everywhere` */
	uint64_t ticks;
};

/* Forgets what is shared, and what is watched. */
void sched_reset(void);
/* Memory that the core accesses by atomic built-ins. */
void sched_watch(const void *start, size_t len);
/* Never mind this word of it: statistics. */
void sched_ignore(const void *word);
/* Before each run: all tables are free, and no caller has touched anything. */
void sched_begin(void);
enum sched_end sched_run(struct sched_run *run);
/* What is wrong with how it ended, or NULL. */
const char *sched_end_text(const struct sched_run *run);
/* Lines were shared that were not known to be, since the last call. */
bool sched_learnt(void);

/* The platform's cold half. Outside of a run it works too, without points. */
struct ebb_platform sched_platform(void);
unsigned sched_tables_out(void);
/* The next allocation but n fails; ~0: none. */
void sched_fail_allocation(unsigned n);

/* ---- from inside a caller ---- */

/* Who is running; SCHED_NOBODY outside of a run. */
unsigned sched_current(void);
/* A point of the test's own. */
void sched_point(const char *what);
/* Waits until the device has completed an invalidation. */
void sched_wait_for_device(void);
/* Empties the caller's store buffer, as telling a device to begin does. */
void sched_fence(void);
/* Ends the run. Does not return if called from a caller. */
void sched_fail(const char *failure);

#endif
