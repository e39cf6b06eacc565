/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "search.h"

#define CHOICES_MAX 20000u
#define POINTS_MAX  200000u

struct choice {
	uint64_t tick;
	unsigned char able, current;
	unsigned char option; /* 0: the obvious one, then the others, ascending */
	unsigned char spent; /* preemptions before it */
};

static struct {
	struct search *search;
	struct sched_run *run;
	unsigned n, at; /* choices known, and made so far in this run */
	struct choice choices[CHOICES_MAX];
	const char *replay; /* what is left of a schedule */
} s;

static struct world world;

static unsigned obvious(unsigned current, unsigned able)
{
	if (current != SCHED_NOBODY && (able & (1u << current)))
		return current;
	return (unsigned)__builtin_ctz(able);
}

static unsigned actor_of(const struct choice *c)
{
	unsigned first = obvious(c->current, c->able), others = c->able & ~(1u << first);

	if (!c->option)
		return first;
	for (unsigned i = 1; i < c->option; i++)
		others &= others - 1;
	return (unsigned)__builtin_ctz(others);
}

static unsigned cost_of(const struct choice *c)
{
	return c->option && c->current != SCHED_NOBODY && (c->able & (1u << c->current));
}

static unsigned choose(void *arg, unsigned current, unsigned able)
{
	struct choice *c = &s.choices[s.at];

	(void)arg;
	if (s.at == CHOICES_MAX) {
		fprintf(stderr, "search: a run has too many choices\n");
		abort();
	}
	if (s.at == s.n) {
		*c = (struct choice){
			.able = (unsigned char)able,
			.current = (unsigned char)current,
		};
		if (s.at)
			c->spent = (unsigned char)(c[-1].spent + cost_of(&c[-1]));
		s.n++;
	} else if (c->able != able || c->current != current) {
		fprintf(stderr, "search: the same choices led elsewhere\n");
		abort();
	}
	c->tick = s.run->ticks;
	s.at++;
	return actor_of(c);
}

/* The next schedule: another option at the last choice that has one. False: there is none. */
static bool advance(void)
{
	while (s.n) {
		struct choice *c = &s.choices[s.n - 1];

		if (++c->option < __builtin_popcount(c->able) &&
		    c->spent + cost_of(c) <= s.search->preemptions)
			return true;
		s.n--;
	}
	return false;
}

/* ---- one run ---- */

static bool complete_oldest(void *arg)
{
	struct world *w = arg;

	return soft_step(w->device);
}

static const char *run_once(struct sched_run *run)
{
	const struct scenario *sc = s.search->scenario;
	const char *wrong;

	run->callers = sc->callers;
	memcpy(run->body, sc->body, sizeof(run->body));
	run->arg = &world;
	run->device = complete_oldest;
	run->points_max = POINTS_MAX;
	run->buffered = s.search->buffered;
	run->sections = s.search->config.policy == EBB_DEFERRED;
	s.run = run;
	world_open(&world, &s.search->config, sc->callers);
	if (sc->setup)
		sc->setup(&world);
	world_forget(&world);
	sched_run(run);
	wrong = sched_end_text(run);
	if (wrong) {
		soft_destroy(world.device); /* what callers left half-done is not looked at */
		return wrong;
	}
	if (sc->teardown)
		sc->teardown(&world);
	return world_close(&world, sc->callers);
}

static void write_schedule(struct search *search)
{
	size_t left = sizeof(search->schedule);
	char *at = search->schedule;

	*at = '\0';
	for (unsigned i = 0; i < s.at; i++) {
		const struct choice *c = &s.choices[i];
		int n;

		if (!c->option)
			continue;
		n = snprintf(at, left, "%s%" PRIu64 ":%u", at == search->schedule ? "" : ",",
			     c->tick, actor_of(c));
		if (n < 0 || (size_t)n >= left)
			return;
		at += n;
		left -= (size_t)n;
	}
}

void search_run(struct search *search)
{
	world_reset(&world);
	s.search = search;
	s.n = 0;
	search->schedules = search->points_most = 0;
	search->complete = false;
	do {
		struct sched_run run = { .choose = choose };

		s.at = 0;
		search->wrong = run_once(&run);
		search->schedules++;
		if (run.points > search->points_most)
			search->points_most = run.points;
		if (search->wrong) {
			write_schedule(search);
			return;
		}
		s.n = s.at;
		if (sched_learnt())
			s.n = 0; /* more points than were known: from the beginning */
		else if (!advance())
			search->complete = true;
	} while (!search->complete && (!search->limit || search->schedules < search->limit));
}

/* ---- replay ---- */

static unsigned choose_as_written(void *arg, unsigned current, unsigned able)
{
	char *end;

	(void)arg;
	if (*s.replay && strtoull(s.replay, &end, 10) == s.run->ticks && *end == ':') {
		unsigned actor = (unsigned)strtoul(end + 1, &end, 10);

		s.replay = *end == ',' ? end + 1 : end;
		if (actor < SCHED_ACTORS && (able & (1u << actor)))
			return actor;
		fprintf(stderr, "search: actor %u cannot go on at tick %" PRIu64 "\n", actor,
			s.run->ticks);
	}
	return obvious(current, able);
}

const char *search_replay(struct search *search, const char *schedule)
{
	struct sched_run run = { .choose = choose_as_written, .everywhere = true, .trace = true };

	world_reset(&world);
	s.search = search;
	s.replay = schedule;
	return run_once(&run);
}
