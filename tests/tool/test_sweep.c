/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * What a sweep is said to need before it runs, sizes as people type them, and bytes as they read
 * them.
 */
#include "report.h"
#include "sweep.h"
#include "tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t tables_after(const struct sweep *sweep)
{
	struct sweep_result result;
	struct ebb_stats stats;
	struct space space;

	assert_int_equal(space_open(&space, EBB_NONE, sweep_levels(sweep)), TOOL_OK);
	assert_int_equal(sweep_run(&space, sweep, "test", &result), TOOL_OK);
	ebb_stats(&space.domain, &stats);
	space_close(&space);
	return stats.held;
}

static void the_tables_of_a_sweep_are_known_before_it_runs(void **state)
{
	static const struct sweep exact[] = {
		{ 4 * GIB, 2 * MIB, 4 * KIB, 1 },
		{ 4 * GIB, 2 * MIB, 4 * KIB, 3 },
		{ 64 * MIB, 4 * KIB, 4 * KIB, 1 },
		{ 64 * MIB, 64 * KIB, 64 * KIB, 2 },
		{ 8 * GIB, 2 * MIB, 2 * MIB, 1 }, /* large pages: no tables for small ones */
		{ 8 * GIB, 4 * MIB, 2 * MIB + 4 * KIB, 1 }, /* a large page and one more */
		{ 512 * GIB, GIB, GIB, 1 },
		{ 4 * TIB, GIB, 4 * KIB, 2 },
		{ 600 * TIB, TIB, 8 * KIB, 1 }, /* five levels */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
		assert_int_equal(sweep_tables(&exact[i]), tables_after(&exact[i]));
}

static void odd_steps_need_no_more_tables_than_said(void **state)
{
	static const struct sweep odd[] = {
		{ 3 * GIB, 3 * MIB, 4 * KIB, 1 },
		{ 3 * GIB, 3 * MIB, 3 * MIB, 2 },
		{ 64 * GIB, 700 * MIB, 20 * KIB, 1 },
		{ 64 * GIB, 3 * GIB, 2 * GIB + 12 * KIB, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		uint64_t said = sweep_tables(&odd[i]), used = tables_after(&odd[i]);

		assert_in_range(used, 2, said);
		assert_in_range(said, used, used * 3 + 8);
	}
}

static void assert_size(const char *text, uint64_t unit, uint64_t expected)
{
	uint64_t bytes;

	assert_true(parse_size(text, unit, &bytes));
	assert_int_equal(bytes, expected);
}

static void sizes_are_read_with_fractions_and_suffixes(void **state)
{
	(void)state;
	assert_size("4096", 1, 4096);
	assert_size("4K", 1, 4096);
	assert_size("2m", 1, 2 * MIB);
	assert_size("1GiB", 1, GIB);
	assert_size("1.5GB", 1, GIB + GIB / 2);
	assert_size("1", TIB, TIB);
	assert_size("0.5", TIB, TIB / 2);
	assert_size("0.0001", TIB, 109951162);
	assert_size("16G", TIB, 16 * GIB);
	assert_size("100B", TIB, 100);
	assert_size("128P", TIB, (uint64_t)1 << 57);
}

static void what_is_not_a_size_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"K",
		".5",
		"-1",
		"+1",
		" 1",
		"1 K",
		"1x",
		"1KK",
		"1iB",
		"0x10",
		"1e3",
		"nan",
		"inf",
		"99999999999999999999",
		"8388608T",
		"9223372036854775808",
		"1.5.5",
		"1\n",
		"0.00000000000000000000000000000000000000000000000000000000000001",
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse_size(texts[i], 1, &bytes))
			fail_msg("'%s' was read as %lu", texts[i], (unsigned long)bytes);
}

static void numbers_do_not_wrap(void **state)
{
	uint64_t number;

	(void)state;
	assert_true(parse_number("18446744073709551615", UINT64_MAX, &number) &&
		    number == UINT64_MAX);
	assert_true(parse_number("0xfFfFfFfFfFfFfFfF", UINT64_MAX, &number) &&
		    number == UINT64_MAX);
	assert_true(parse_number("1024", 1024, &number) && number == 1024);
	assert_false(parse_number("18446744073709551616", UINT64_MAX, &number));
	assert_false(parse_number("99999999999999999999", UINT64_MAX, &number));
	assert_false(parse_number("0x10000000000000000", UINT64_MAX, &number));
	assert_false(parse_number("1025", 1024, &number));
	assert_false(parse_number("9", 5, &number));
	assert_false(parse_number("", 5, &number));
	assert_false(parse_number("0x", 5, &number));
	assert_false(parse_number("-1", 5, &number));
	assert_false(parse_number("1f", 5, &number));
}

static void assert_bytes_text(uint64_t bytes, const char *expected)
{
	char text[BYTES_TEXT];

	assert_string_equal(bytes_text(text, bytes), expected);
}

static void bytes_are_written_for_people(void **state)
{
	(void)state;
	assert_bytes_text(0, "0 B");
	assert_bytes_text(1023, "1023 B");
	assert_bytes_text(4096, "4 KiB");
	assert_bytes_text(537 * KIB + 512, "537.5 KiB");
	assert_bytes_text(2051 * MIB + 300 * KIB, "2051.3 MiB");
	assert_bytes_text(4 * GIB, "4 GiB");
	assert_bytes_text(16 * GIB + 512 * MIB, "16.5 GiB");
	assert_bytes_text(UINT64_MAX, "16 EiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tables_of_a_sweep_are_known_before_it_runs),
		cmocka_unit_test(odd_steps_need_no_more_tables_than_said),
		cmocka_unit_test(sizes_are_read_with_fractions_and_suffixes),
		cmocka_unit_test(what_is_not_a_size_is_refused),
		cmocka_unit_test(numbers_do_not_wrap),
		cmocka_unit_test(bytes_are_written_for_people),
	};

	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
