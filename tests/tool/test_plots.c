/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* Pictures: that there is one with everything in it, or one error and no file. */
#include "command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void need_gnuplot(void)
{
	if (system("command -v gnuplot >/dev/null") != 0) {
		print_message("gnuplot is not installed\n");
		skip();
	}
}

static void write_trace(void)
{
	write_file("it's a %d <trace>_1",
		   "t-1 [000] 1.0: map: IOMMU: iova=0xff000000 paddr=0x0 size=4096\n"
		   "t-1 [000] 2.0: unmap: IOMMU: iova=0xff000000 size=4096 unmapped_size=4096\n"
		   "t-1 [000] 3.0: map: IOMMU: iova=0xff000000 paddr=0x0 size=4096\n");
}

#define TRACE "\"it's a %%d <trace>_1\""

static void memory_is_drawn_with_a_line_for_each_policy_and_the_bound(void **state)
{
	struct command command;

	(void)state;
	need_gnuplot();
	write_trace();
	run_ok(&command, "$EBB replay --plot memory.svg " TRACE " && cat memory.svg");
	assert_contains(command.out, "<svg");
	assert_contains(command.out, "memory of page tables during it's a %d &lt;trace>_1");
	assert_contains(command.out, "time since the first event (s)");
	assert_contains(command.out, "memory of page tables (KiB)");
	assert_contains(command.out, ">lower bound<");
	assert_contains(command.out, ">none<");
	assert_contains(command.out, ">rwlock<");
	assert_contains(command.out, ">deferred<");
	assert_string_equal(command.err, "");
	command_free(&command);
}

static void traces_without_times_are_drawn_over_events(void **state)
{
	struct command command;

	(void)state;
	need_gnuplot();
	write_file("trace", "map: IOMMU: iova=0xff000000 paddr=0x0 size=4096\n");
	run_ok(&command, "$EBB replay --plot memory.svg --policy rwlock trace && cat memory.svg");
	assert_contains(command.out, ">events<");
	assert_lacks(command.out, ">deferred<");
	command_free(&command);
}

static void an_axis_is_logarithmic_where_policies_are_far_apart(void **state)
{
	FILE *file = fopen("trace", "w");
	struct command command;

	(void)state;
	need_gnuplot();
	assert_non_null(file);
	for (unsigned i = 0; i < 3000; i++)
		fprintf(file,
			"map: IOMMU: iova=0x%x00000 paddr=0x0 size=4096\n"
			"unmap: IOMMU: iova=0x%x00000 size=4096 unmapped_size=4096\n",
			i * 2, i * 2);
	fclose(file);
	run_ok(&command, "$EBB replay --plot memory.svg trace && cat memory.svg");
	assert_contains(command.out, "memory of page tables (MiB, logarithmic)");
	command_free(&command);
}

static void the_address_space_is_drawn_with_its_empty_tables(void **state)
{
	struct command command;

	(void)state;
	need_gnuplot();
	write_trace();
	run_ok(&command, "$EBB show --plot map.svg --at 2 " TRACE " && cat map.svg");
	assert_contains(command.out, "IOVA of the row");
	assert_contains(command.out, "0xf8000000");
	assert_contains(command.out, "after 2 of 3 events");
	command_free(&command);
	run_ok(&command, "$EBB show --plot map.png --stress && head -c 4 map.png | tail -c 3");
	assert_contains(command.out, "PNG");
	command_free(&command);
}

static void a_picture_replaces_an_older_one(void **state)
{
	struct command command;

	(void)state;
	need_gnuplot();
	write_trace();
	run_ok(&command,
	       "yes | head -c 1000000 >memory.svg; $EBB replay --plot memory.svg --json " TRACE
	       " && "
	       "tail -n 2 memory.svg");
	assert_contains(command.out, "</svg>");
	command_free(&command);
}

/* Found out before anything is replayed: standard output is empty. */
static void a_file_that_cannot_be_written_is_found_out_first(void **state)
{
	(void)state;
	write_trace();
	assert_fails("cannot write none/memory.svg", "$EBB replay --plot none/memory.svg " TRACE);
	assert_fails("cannot write dir.png", "mkdir dir.png; $EBB show --plot dir.png " TRACE);
}

static void where_there_is_no_picture_there_is_no_file(void **state)
{
	struct command command;

	(void)state;
	write_trace();
	assert_fails("No such file", "$EBB replay --plot new.svg nonexistent");
	assert_int_equal(access("new.svg", F_OK), -1);
	run(&command, "PATH=/nonexistent $EBB replay --plot new.svg " TRACE);
	assert_int_equal(command.status, 1);
	assert_contains(command.err, "gnuplot is not installed");
	assert_int_equal(count_lines(command.err), 1);
	assert_int_equal(access("new.svg", F_OK), -1);
	command_free(&command);
	assert_fails("no leaf table", "$EBB show --at 0 --plot new.svg " TRACE);
	assert_int_equal(access("new.svg", F_OK), -1);
}

static void a_picture_survives_a_trace_that_fails(void **state)
{
	struct command command;

	(void)state;
	write_file("old.svg", "old");
	assert_fails("No such file", "$EBB replay --plot old.svg nonexistent");
	run_ok(&command, "cat old.svg");
	assert_string_equal(command.out, "old");
	command_free(&command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_drawn_with_a_line_for_each_policy_and_the_bound),
		cmocka_unit_test(traces_without_times_are_drawn_over_events),
		cmocka_unit_test(an_axis_is_logarithmic_where_policies_are_far_apart),
		cmocka_unit_test(the_address_space_is_drawn_with_its_empty_tables),
		cmocka_unit_test(a_picture_replaces_an_older_one),
		cmocka_unit_test(a_file_that_cannot_be_written_is_found_out_first),
		cmocka_unit_test(where_there_is_no_picture_there_is_no_file),
		cmocka_unit_test(a_picture_survives_a_trace_that_fails),
	};

	return cmocka_run_group_tests_name("plots", tests, command_setup, command_teardown);
}
