/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * ebb bench: that all is measured that is said to be, what counts, and what is found wrong first.
 */
#include "bench.h"
#include "command.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TABLE 4096u

/*
 * The row of a pattern, size, policy and number of threads, to be deleted; fails if there is none.
 */
static cJSON *row_of(const struct command *command, const char *pattern, const char *size,
		     const char *policy, unsigned threads)
{
	char start[256];

	snprintf(start, sizeof(start),
		 "{\"command\":\"bench\",\"policy\":\"%s\",\"pattern\":\"%s\",\"size\":\"%s\","
		 "\"threads\":%u,",
		 policy, pattern, size, threads);
	for (unsigned i = 0; i < count_lines(command->out); i++) {
		cJSON *row = json_line(command, i);
		char *text = cJSON_PrintUnformatted(row);
		bool found = strncmp(text, start, strlen(start)) == 0;

		cJSON_free(text);
		if (found)
			return row;
		cJSON_Delete(row);
	}
	fail_msg("no row %s", start);
	return NULL;
}

static uint64_t tables_of(const struct command *command, const char *pattern, const char *policy,
			  unsigned threads, const char *key)
{
	cJSON *row = row_of(command, pattern, "4K", policy, threads);
	uint64_t bytes = json_number(row, key);

	cJSON_Delete(row);
	assert_int_equal(bytes % TABLE, 0);
	return bytes / TABLE;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void assert_row(cJSON *row, const char *policy, unsigned threads)
{
	static const char *const others[] = { "none", "rwlock", "deferred" };
	const cJSON *ratios = cJSON_GetObjectItem(row, "ratios");
	const cJSON *least = cJSON_GetObjectItem(row, "ns_per_pair_min");
	const cJSON *median = cJSON_GetObjectItem(row, "ns_per_pair_median");
	uint64_t rounds = json_number(row, "rounds");

	assert_int_equal(json_number(row, "slices"), 2 * 64);
	assert_true(json_number(row, "slices_disturbed") <= 2 * 64);
	if (rounds == 0) { /* all disturbed */
		assert_true(cJSON_IsNull(least) && cJSON_IsNull(median));
	} else {
		assert_true(least->valuedouble > 0);
		assert_true(median->valuedouble >= least->valuedouble);
	}
	assert_non_null(cJSON_GetObjectItem(row, "instructions_per_pair"));
	assert_true(json_number(row, "peak_table_bytes") >= 2 * TABLE);
	/* 64 candidates of each caller and two batches of 64, the tables in use, and those that an
	 * unmap of their whole span took. */
	if (strcmp(policy, "none") != 0)
		assert_true(json_number(row, "peak_table_bytes") <=
			    threads * (192 + 64 + 8) * TABLE);
	if (strcmp(policy, "none") != 0)
		assert_int_equal(json_number(row, "final_table_bytes"), TABLE);
	for (unsigned i = 0; i < 3; i++)
		assert_true(cJSON_HasObjectItem(ratios, others[i]) ==
			    (strcmp(others[i], policy) != 0));
}

static void there_is_a_row_for_each_pattern_policy_and_number_of_threads(void **state)
{
	static const char *const patterns[] = { "sweep",  "pingpong", "pingpong2", "ring256",
						"random", "shared",   "edge" };
	static const char *const sizes[] = {
		"4K", "2M", "1G", "16x4K", "256x4K", "512x4K", "256x2M"
	};
	static const char *const policies[] = { "none", "rwlock", "deferred" };
	struct command command;

	(void)state;
	run_ok(&command, "$EBB bench --json --rounds 2 --pairs 256 --threads 1,2 2>/dev/null");
	assert_int_equal(count_lines(command.out), 14 * 3 * 2);
	for (unsigned t = 1; t <= 2; t++) {
		for (unsigned p = 0; p < 3; p++) {
			for (unsigned i = 0; i < 7; i++) {
				cJSON *row = row_of(&command, patterns[i], "4K", policies[p], t);

				assert_row(row, policies[p], t);
				cJSON_Delete(row);
				row = row_of(&command, "sizes", sizes[i], policies[p], t);
				assert_row(row, policies[p], t);
				cJSON_Delete(row);
			}
		}
	}
	command_free(&command);
}

/*
 * What a pattern touches shows in the tables that a policy that frees none of them has in the end.
 */
static void patterns_touch_the_tables_that_they_are_made_for(void **state)
{
	static const struct {
		const char *pattern;
		unsigned one, two; /* tables, with one and with two threads */
	} expected[] = {
		/* 256 pairs and 32 to warm up: a leaf table each; a thread has 2 TiB to itself */
		{ "sweep", 3 + 288, 1 + 2 * (2 + 288) },
		{ "pingpong", 4, 7 },
		{ "pingpong2", 5, 9 },
		{ "ring256", 4, 7 },
		{ "shared", 4, 4 },
		{ "edge", 6, 11 },
	};
	struct command command;

	(void)state;
	run_ok(&command, "$EBB bench --json --rounds 1 --pairs 256 --threads 1,2 --policy none "
			 "2>/dev/null");
	for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const char *pattern = expected[i].pattern;

		assert_int_equal(tables_of(&command, pattern, "none", 1, "final_table_bytes"),
				 expected[i].one);
		assert_int_equal(tables_of(&command, pattern, "none", 2, "final_table_bytes"),
				 expected[i].two);
		assert_int_equal(tables_of(&command, pattern, "none", 1, "peak_allocated_bytes"),
				 expected[i].one);
	}
	/* 288 random pages of 4 TiB: hardly two in one table */
	assert_in_range(tables_of(&command, "random", "none", 1, "final_table_bytes"), 3 + 280,
			5 + 9 + 2 * 288);
	command_free(&command);
}

static void the_table_has_ratios_and_names_the_pattern(void **state)
{
	struct command command;

	(void)state;
	run_ok(&command, "$EBB bench --rounds 1 --pairs 256 --threads 1 --pattern edge,sizes:2M "
			 "2>/dev/null");
	assert_int_equal(count_lines(command.out), 1 + 2 * 3);
	assert_contains(command.out, "/ none");
	assert_contains(command.out, "/ rwlock");
	assert_contains(command.out, "\nedge 4K ");
	assert_contains(command.out, "\nsizes 2M ");
	assert_lacks(command.out, "sizes 4K");
	command_free(&command);
}

static void a_picture_shows_every_policy_and_number_of_threads(void **state)
{
	struct command command;

	(void)state;
	if (system("command -v gnuplot >/dev/null") != 0) {
		print_message("gnuplot is not installed\n");
		skip();
	}
	run_ok(&command, "$EBB bench --rounds 1 --pairs 256 --threads 1,2 --pattern sweep,sizes "
			 "--plot bench.svg >/dev/null 2>/dev/null && cat bench.svg");
	assert_contains(command.out, ">none<");
	assert_contains(command.out, ">deferred<");
	assert_contains(command.out, ">sweep<");
	assert_contains(command.out, ">256x2M<");
	assert_contains(command.out, ">1 thread<");
	assert_contains(command.out, ">2 threads<");
	command_free(&command);
}

static void instructions_counted_before_are_shown(void **state)
{
	struct command command;
	cJSON *row;

	(void)state;
	write_file("instructions",
		   "{\"pattern\":\"edge\",\"size\":\"4K\",\"policy\":\"none\",\"threads\":1,"
		   "\"instructions_per_pair\":123.5}\n"
		   "{\"pattern\":\"edge\",\"size\":\"4K\",\"policy\":\"rwlock\",\"threads\":1,"
		   "\"instructions_per_pair\":null}\n");
	run_ok(&command,
	       "$EBB bench --json --rounds 1 --pairs 64 --threads 1 --pattern edge,ring256 "
	       "--instructions instructions 2>/dev/null");
	row = row_of(&command, "edge", "4K", "none", 1);
	/* unless the processor counts them itself, and more than none */
	assert_true(cJSON_GetObjectItem(row, "instructions_per_pair")->valuedouble >= 123.5);
	cJSON_Delete(row);
	command_free(&command);
	write_file("table", "pattern threads\n");
	assert_fails("not the output of", "$EBB bench --rounds 1 --instructions table");
	assert_fails("No such file", "$EBB bench --rounds 1 --instructions nonexistent");
}

/* ---- peers ----------------------------------------------------------------------------------- */

static void a_peer_is_measured_beside_the_policies(void **state)
{
	struct command command;
	cJSON *row;

	(void)state;
	run_ok(&command, "$EBB bench --json --rounds 2 --pairs 256 --threads 1 --pattern ring256 "
			 "--peer $EBB_TEST_PEER 2>/dev/null");
	assert_int_equal(count_lines(command.out), 4);
	row = row_of(&command, "ring256", "4K", "list", 1);
	assert_true(cJSON_HasObjectItem(cJSON_GetObjectItem(row, "ratios"), "deferred"));
	cJSON_Delete(row);
	row = row_of(&command, "ring256", "4K", "deferred", 1);
	assert_true(cJSON_HasObjectItem(cJSON_GetObjectItem(row, "ratios"), "list"));
	cJSON_Delete(row);
	command_free(&command);
	run_ok(&command, "$EBB bench --json --rounds 1 --pairs 64 --threads 1 --pattern edge "
			 "--peers-only --peer $EBB_TEST_PEER 2>/dev/null");
	assert_int_equal(count_lines(command.out), 1);
	command_free(&command);
}

static void what_is_wrong_is_not_timed(void **state)
{
	static const char *const faults[][2] = {
		{ "overlap", "the model says 'already mapped'" },
		{ "unmap", "list is wrong" },
		{ "pa", "list is wrong" },
		{ "tables", "list says that it had 1 tables" },
		{ "open", "cannot make a domain of list" },
		{ "late", "pingpong failed with 1 threads" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		assert_fails(faults[i][1],
			     "PEER_FAULT=%s $EBB bench --rounds 1 --pairs 64 --threads 1 "
			     "--pattern pingpong --json --peers-only --peer $EBB_TEST_PEER",
			     faults[i][0]);
	assert_fails("no such file", "$EBB bench --peer nonexistent.so");
	write_file("text.so", "text\n");
	assert_fails("cannot load the peer", "$EBB bench --peer text.so");
}

/* ---- statistics ------------------------------------------------------------------------------ */

/* Two threads, three slices of ten pairs; one thread was preempted in the second, one slept. */
static void slices_in_which_any_thread_was_preempted_do_not_count(void **state)
{
	static struct bench_slice slices[2 * BENCH_SLICES];
	struct bench_slice *one = slices, *two = slices + BENCH_SLICES;
	static struct bench_result result;
	struct bench_sample sample;

	(void)state;
	one[0] = (struct bench_slice){ 1000, 1100, 50, false, false };
	two[0] = (struct bench_slice){ 1010, 1120, 70, false, true };
	one[1] = (struct bench_slice){ 2000, 2100, 50, false, false };
	two[1] = (struct bench_slice){ 2000, 9000, 70, true, false };
	one[2] = (struct bench_slice){ 3000, 3180, 50, false, false };
	two[2] = (struct bench_slice){ 3000, 3080, 70, false, false };
	sample = bench_sum_up(slices, 2, 3, 10, &result);
	/* from the first start to the last end */
	assert_true(sample.ns == (120 + 180) / 20.0);
	assert_true(sample.instructions == 240 / 20.0 / 2);
	assert_int_equal(result.slices, 3);
	assert_int_equal(result.disturbed, 1);
	assert_int_equal(result.waits, 1);
	one[0].preempted = two[2].preempted = true;
	sample = bench_sum_up(slices, 2, 3, 10, &result);
	assert_true(isnan(sample.ns) && isnan(sample.instructions));
	assert_int_equal(result.disturbed, 4);
}

static void rounds_that_were_disturbed_do_not_count(void **state)
{
	static struct bench_result a, b;
	const struct bench_cell cell = { .rounds = 4 };
	static const double a_ns[] = { 20, NAN, 30, 10 }, b_ns[] = { 10, 10, NAN, 40 };
	struct bench_spread spread;

	(void)state;
	for (unsigned r = 0; r < 4; r++) {
		a.samples[r] = (struct bench_sample){ a_ns[r], NAN };
		b.samples[r] = (struct bench_sample){ b_ns[r], 100 + r };
	}
	spread = bench_ns(&cell, &a);
	assert_int_equal(spread.rounds, 3);
	assert_true(spread.least == 10 && spread.median == 20 && spread.most == 30);
	/* in the rounds in which both count */
	spread = bench_ratio(&cell, &a, &b);
	assert_int_equal(spread.rounds, 2);
	assert_true(spread.least == 0.25 && spread.median == 1.125 && spread.most == 2);
	assert_true(isnan(bench_instructions(&cell, &a)));
	assert_true(bench_instructions(&cell, &b) == 101.5);
	for (unsigned r = 0; r < 4; r++)
		a.samples[r].ns = NAN;
	spread = bench_ns(&cell, &a);
	assert_int_equal(spread.rounds, 0);
	assert_true(isnan(spread.least) && isnan(spread.median));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_a_row_for_each_pattern_policy_and_number_of_threads),
		cmocka_unit_test(patterns_touch_the_tables_that_they_are_made_for),
		cmocka_unit_test(the_table_has_ratios_and_names_the_pattern),
		cmocka_unit_test(a_picture_shows_every_policy_and_number_of_threads),
		cmocka_unit_test(instructions_counted_before_are_shown),
		cmocka_unit_test(a_peer_is_measured_beside_the_policies),
		cmocka_unit_test(what_is_wrong_is_not_timed),
		cmocka_unit_test(slices_in_which_any_thread_was_preempted_do_not_count),
		cmocka_unit_test(rounds_that_were_disturbed_do_not_count),
	};

	return cmocka_run_group_tests_name("bench", tests, command_setup, command_teardown);
}
