/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The recorded traces, each replayed once: what comes out agrees with what the recording machine
 * counted, and the policies differ as they should.
 */
#include "command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEVELS	    4u
#define TABLE	    4096u
#define EMPTY_BOUND (3u * 64 * TABLE) /* callers x batch + reclaimers x 2 x batch, in bytes */

static const char *const names[] = { "nvme-randread", "net-rx", "ext4-untar", "vfio-iova-stress" };
enum {
	NVME,
	NET,
	EXT4,
	VFIO,
	TRACES
};

static struct command replays[TRACES];

static int replay_all(void **state)
{
	if (command_setup(state) != 0)
		return -1;
	for (unsigned i = 0; i < TRACES; i++)
		run(&replays[i], "$EBB replay --json $TRACES/%s.trace.xz", names[i]);
	return 0;
}

static int free_all(void **state)
{
	for (unsigned i = 0; i < TRACES; i++)
		command_free(&replays[i]);
	return command_teardown(state);
}

/* A number of a trace's description. */
static uint64_t meta(unsigned trace, const char *key)
{
	struct command command;
	uint64_t value;

	run_ok(&command, "sed -n 's/^%s: //p' $TRACES/%s.meta", key, names[trace]);
	assert_int_equal(sscanf(command.out, "%lu", &value), 1);
	command_free(&command);
	return value;
}

static uint64_t number(unsigned trace, const char *policy, const char *key)
{
	cJSON *object = json_policy(&replays[trace], policy);
	uint64_t value = json_number(object, key);

	cJSON_Delete(object);
	return value;
}

static void each_trace_is_replayed_without_a_complaint(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TRACES; i++) {
		assert_int_equal(replays[i].status, 0);
		assert_string_equal(replays[i].err, "");
		assert_int_equal(count_lines(replays[i].out), 3);
	}
}

static void events_are_counted_as_the_recorder_counted_them(void **state)
{
	static const char *const policies[] = { "none", "rwlock", "deferred" };

	(void)state;
	for (unsigned i = 0; i < TRACES; i++) {
		for (unsigned p = 0; p < 3; p++) {
			assert_int_equal(number(i, policies[p], "maps"), meta(i, "maps"));
			assert_int_equal(number(i, policies[p], "unmaps"), meta(i, "unmaps"));
			assert_int_equal(number(i, policies[p], "unmatched"),
					 meta(i, "unmatched_unmaps"));
			assert_int_equal(number(i, policies[p], "overlaps"), 0);
			assert_int_equal(number(i, policies[p], "skipped"), 0);
		}
	}
	assert_int_equal(number(NET, "deferred", "unmatched"), 255);
}

/* Tables that were there before the recording are not in it: at most one per level. */
static void policy_none_grows_as_much_as_the_kernel_did(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TRACES; i++) {
		uint64_t kernel =
			(meta(i, "SecPageTables_after_kB") - meta(i, "SecPageTables_before_kB")) /
			4;
		uint64_t tables = number(i, "none", "final_table_bytes") / TABLE - 1;

		assert_in_range(tables, kernel < LEVELS ? 0 : kernel - LEVELS, kernel + LEVELS);
	}
}

static void no_policy_holds_less_than_the_live_mappings_need(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TRACES; i++) {
		uint64_t needed = number(i, "none", "needed_table_bytes");
		uint64_t peak = number(i, "none", "needed_peak_table_bytes");

		assert_int_equal(number(i, "rwlock", "final_table_bytes"), needed);
		assert_int_equal(number(i, "rwlock", "peak_table_bytes"), peak);
		assert_int_equal(number(i, "deferred", "final_table_bytes"), needed);
		assert_in_range(number(i, "deferred", "peak_table_bytes"), peak,
				peak + EMPTY_BOUND);
		assert_in_range(number(i, "none", "final_table_bytes"), needed, UINT64_MAX);
	}
}

static void what_is_mapped_at_the_end_of_a_trace_stays_mapped(void **state)
{
	(void)state;
	assert_int_equal(number(NVME, "rwlock", "final_table_bytes"), TABLE); /* nothing is left */
	assert_int_equal(number(EXT4, "rwlock", "final_table_bytes"),
			 LEVELS * TABLE); /* one page is */
	assert_int_equal(number(VFIO, "rwlock", "final_table_bytes"), LEVELS * TABLE);
}

static void deferred_leaves_tables_alone_that_refill(void **state)
{
	uint64_t rwlock = number(NVME, "rwlock", "tables_freed");

	(void)state;
	assert_in_range(rwlock, 5000, UINT64_MAX); /* the table of this trace empties 5,424 times */
	assert_in_range(number(NVME, "deferred", "tables_freed"), 0, rwlock / 50);
	assert_in_range(number(NVME, "deferred", "wide_invalidations"), 0,
			number(NVME, "rwlock", "wide_invalidations") / 50);
	assert_int_equal(number(NVME, "none", "tables_freed"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_trace_is_replayed_without_a_complaint),
		cmocka_unit_test(events_are_counted_as_the_recorder_counted_them),
		cmocka_unit_test(policy_none_grows_as_much_as_the_kernel_did),
		cmocka_unit_test(no_policy_holds_less_than_the_live_mappings_need),
		cmocka_unit_test(what_is_mapped_at_the_end_of_a_trace_stays_mapped),
		cmocka_unit_test(deferred_leaves_tables_alone_that_refill),
	};

	return cmocka_run_group_tests_name("traces", tests, replay_all, free_all);
}
