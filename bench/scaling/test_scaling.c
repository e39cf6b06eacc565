/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The simulator itself: lines whose accesses are known move as often as they must; and what the
 * core's hot paths share, and do not, under each policy.
 */
#include "callers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* ---- lines ---- */

/* Accesses such as "r0 w1": a read of caller 0, a write of caller 1. Returns the transfers. */
static unsigned transfers_of(const char *accesses)
{
	struct line line = { 0 };
	unsigned n = 0;

	for (const char *a = accesses; *a; a += a[2] ? 3 : 2) {
		unsigned caller = (unsigned)(a[1] - '0') * 64 / 3; /* in all words of the sets */

		n += a[0] == 'w' ? line_write(&line, caller) : line_read(&line, caller);
	}
	return n;
}

static void a_line_of_one_caller_never_moves(void **state)
{
	(void)state;
	assert_int_equal(transfers_of("r0 w0 r0 w0 w0 r0"), 0);
}

static void a_line_that_is_only_read_never_moves(void **state)
{
	(void)state;
	assert_int_equal(transfers_of("r0 r1 r5 r0 r1 r5"), 0);
}

static void a_read_of_what_another_wrote_is_a_transfer(void **state)
{
	(void)state;
	assert_int_equal(transfers_of("w0 r1"), 1);
	assert_int_equal(transfers_of("w0 r1 r1 r1"), 1);
	/* the third has not had it, and it is clean by then */
	assert_int_equal(transfers_of("w0 r1 r5"), 1);
	assert_int_equal(transfers_of("w0 r5 r0 r5"), 1);
}

static void a_write_of_what_others_hold_is_a_transfer(void **state)
{
	(void)state;
	assert_int_equal(transfers_of("r0 w1"), 1);
	assert_int_equal(transfers_of("r0 r1 r5 w0"), 1);
	assert_int_equal(transfers_of("w0 w1 w1 w0 w0"), 2);
	assert_int_equal(transfers_of("r5 w5"), 0);
}

static void whoever_lost_a_copy_gets_it_again(void **state)
{
	(void)state;
	assert_int_equal(transfers_of("r0 r1 r5 w5 r0 r1"), 3);
	assert_int_equal(transfers_of("r0 r1 w5 r1 w0"), 3);
	assert_int_equal(transfers_of("w0 r1 w1 r0 w0 r1 w1"), 6);
}

/* ---- the core ---- */

static struct result run(enum pattern pattern, enum ebb_policy policy, unsigned callers)
{
	const struct sim_options options = { .callers = callers,
					     .policy = policy,
					     .desc_size = sizeof(struct ebb_desc) };
	struct result r = callers_run(pattern, &options);

	/* The core was compiled with the hooks: a walk of four levels, twice, and two stores. */
	assert_true(r.counts.accesses > r.pairs * (2 * 4 + 2));
	assert_int_equal(r.counts.transfers[SIM_CONFIG], 0);
	return r;
}

static void one_caller_alone_moves_nothing(void **state)
{
	(void)state;
	for (unsigned pattern = 0; pattern < PATTERNS; pattern++)
		for (unsigned policy = 0; policy < EBB_POLICIES; policy++) {
			struct result r = run((enum pattern)pattern, (enum ebb_policy)policy, 1);

			assert_int_equal(sim_transfers(&r.counts), 0);
		}
}

static void the_hot_paths_of_none_and_deferred_share_nothing_writable(void **state)
{
	(void)state;
	for (unsigned callers = 2; callers <= SIM_CALLERS_MAX; callers *= 4) {
		struct result none = run(PATTERN_APART, EBB_NONE, callers);
		struct result deferred = run(PATTERN_APART, EBB_DEFERRED, callers);

		assert_int_equal(sim_transfers(&none.counts), 0);
		assert_int_equal(none.counts.rmws, 0);
		assert_int_equal(sim_transfers(&deferred.counts), 0);
		assert_int_equal(deferred.counts.rmws, 0);
		assert_int_equal(deferred.freed, 0);
	}
}

/* Map and unmap each take the lock from the caller before. */
static void the_lock_of_rwlock_moves_in_every_call(void **state)
{
	uint64_t before = 0;

	(void)state;
	for (unsigned callers = 2; callers <= SIM_CALLERS_MAX; callers *= 2) {
		struct result r = run(PATTERN_APART, EBB_RWLOCK, callers);
		uint64_t moves = r.counts.transfers[SIM_LOCK];

		assert_true(moves > before);
		if (callers > 2) /* with two, one is in sync at times */
			assert_int_equal(moves, 2 * r.pairs);
		before = moves;
	}
}

static void tables_that_come_and_go_cost_transfers(void **state)
{
	struct result r = run(PATTERN_SWEEP, EBB_DEFERRED, 16);

	(void)state;
	assert_true(r.freed > r.pairs * 9 / 10);
	assert_true(r.counts.transfers[SIM_COUNTERS] > 0);
	assert_true(r.counts.grace_periods > 0);
	/* A grace period looks at every reader, who then has to take his line back. */
	assert_true(r.counts.transfers[SIM_READERS] >= r.counts.grace_periods * 15 * 2);
}

static void a_descriptor_to_a_line_is_not_shared(void **state)
{
	struct sim_options o = { .callers = 8, .policy = EBB_DEFERRED, .desc_size = SIM_LINE };
	struct result r = callers_run(PATTERN_SWEEP, &o);

	(void)state;
	assert_int_equal(r.counts.transfers[SIM_DESCS], 0);
	o.desc_size = sizeof(struct ebb_desc);
	r = callers_run(PATTERN_SWEEP, &o);
	assert_true(r.counts.transfers[SIM_DESCS] > r.pairs);
}

static void the_same_run_gives_the_same_counts(void **state)
{
	struct result a = run(PATTERN_RANDOM, EBB_DEFERRED, 8);
	struct result b = run(PATTERN_RANDOM, EBB_DEFERRED, 8);

	(void)state;
	assert_memory_equal(&a, &b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_one_caller_never_moves),
		cmocka_unit_test(a_line_that_is_only_read_never_moves),
		cmocka_unit_test(a_read_of_what_another_wrote_is_a_transfer),
		cmocka_unit_test(a_write_of_what_others_hold_is_a_transfer),
		cmocka_unit_test(whoever_lost_a_copy_gets_it_again),
		cmocka_unit_test(one_caller_alone_moves_nothing),
		cmocka_unit_test(the_hot_paths_of_none_and_deferred_share_nothing_writable),
		cmocka_unit_test(the_lock_of_rwlock_moves_in_every_call),
		cmocka_unit_test(tables_that_come_and_go_cost_transfers),
		cmocka_unit_test(a_descriptor_to_a_line_is_not_shared),
		cmocka_unit_test(the_same_run_gives_the_same_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
