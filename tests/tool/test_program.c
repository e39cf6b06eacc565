/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The program as its users meet it: command lines, output, exit status, and what it says about bad
 * input.
 */
#include "command.h"
#include "ebb.h"
#include "trace_dat_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define KIB 1024u

/* ---- command lines --------------------------------------------------------------------------- */

static void help_and_version_go_to_standard_output(void **state)
{
	static const char *const lines[] = { "--help", "stress --help", "replay --help",
					     "show --help", "bench --help" };
	struct command command;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		run_ok(&command, "$EBB %s", lines[i]);
		assert_contains(command.out, "Usage: ebb");
		assert_string_equal(command.err, "");
		command_free(&command);
	}
	run_ok(&command, "$EBB --version && $EBB show --version");
	assert_string_equal(command.out, "ebb " EBB_VERSION "\nebb " EBB_VERSION "\n");
	command_free(&command);
}

static void a_wrong_command_line_is_told_from_work_that_failed(void **state)
{
	static const char *const lines[] = {
		"",
		"unknown",
		"--unknown",
		"stress --unknown",
		"replay --unknown x",
		"show --unknown",
		"stress x",
		"stress -s",
		"stress -s x",
		"stress -s 0",
		"stress -s 129P",
		"stress -s -1",
		"stress -s 99999999999999999999",
		"stress --step 0",
		"stress --step 6K",
		"stress --size 0",
		"stress --size 4M",
		"stress --size 1K",
		"stress --step 1G -s 1M",
		"stress --threads 0",
		"stress --threads 99999999999999999999",
		"stress --threads x",
		"stress -s 4M --threads 3",
		"stress --policy x",
		"stress --policy",
		"replay",
		"replay --levels 2 x",
		"replay --levels 6 x",
		"replay --plot x.gif x",
		"replay --plot .svg x",
		"replay --plot x.svg x y",
		"replay --policy x y",
		"show",
		"show x y",
		"show --stress x",
		"show --stress --at peak",
		"show --at x y",
		"show --at 99999999999999999999 x",
		"show --range 5 x",
		"show --range 5-4 x",
		"show --range 5-x y",
		"show --policy all --plot x.svg y",
		"bench x",
		"bench --pattern x",
		"bench --pattern sizes:3K",
		"bench --pattern ,",
		"bench --threads 0",
		"bench --threads 1,65",
		"bench --threads 1,x",
		"bench --rounds 0",
		"bench --rounds 1001",
		"bench --pairs 0",
		"bench --policy x",
		"bench --plot x.gif",
		"bench --peers-only",
		"show --plot x.jpeg y",
	};
	struct command command;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		run(&command, "$EBB %s", lines[i]);
		if (command.status != 2)
			fail_msg("'%s': exit status %d, not 2: %s", lines[i], command.status,
				 command.err);
		assert_string_equal(command.out, "");
		assert_contains(command.err, "ebb");
		assert_contains(command.err, "--help"); /* where help is to be had */
		command_free(&command);
	}
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
	struct command command;

	(void)state;
	run(&command, "$EBB stress -s 64M >/dev/full");
	assert_int_equal(command.status, 1);
	assert_contains(command.err, "standard output");
	command_free(&command);
}

/* ---- stress ---------------------------------------------------------------------------------- */

static void assert_sweep(const struct command *command, const char *policy, uint64_t pairs,
			 uint64_t threads)
{
	cJSON *object = json_policy(command, policy);

	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "command")), "stress");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "pattern")), "sweep");
	assert_int_equal(json_number(object, "pairs"), pairs);
	assert_int_equal(json_number(object, "threads"), threads);
	assert_in_range(json_number(object, "ns_per_pair"), 1, 10000000);
	if (strcmp(policy, "none") == 0) {
		/* 2048 tables of level 0, four of level 1, one of each above. */
		assert_int_equal(json_number(object, "peak_table_bytes"), 2054 * 4 * KIB);
		assert_int_equal(json_number(object, "final_table_bytes"), 2054 * 4 * KIB);
		assert_in_range(json_number(object, "rss_bytes"), 2054 * 4 * KIB, 2200 * 4 * KIB);
		assert_int_equal(json_number(object, "tables_freed"), 0);
		assert_int_equal(json_number(object, "leaf_invalidations"), pairs);
	} else {
		assert_int_equal(json_number(object, "final_table_bytes"), 4 * KIB);
		assert_in_range(json_number(object, "peak_table_bytes"), 16 * KIB,
				threads * 1024 * KIB);
		assert_in_range(json_number(object, "rss_bytes"), 4 * KIB, 64 * KIB);
		assert_in_range(json_number(object, "tables_freed"), pairs, 3 * pairs);
		assert_in_range(json_number(object, "wide_invalidations"), 1, 3 * pairs);
		assert_in_range(json_number(object, "pooled_bytes"), 0, threads * 2048 * KIB);
	}
	cJSON_Delete(object);
}

static void a_sweep_ends_with_the_root_unless_nothing_is_freed(void **state)
{
	struct command command;

	(void)state;
	for (unsigned threads = 1; threads <= 2; threads++) {
		run_ok(&command, "$EBB stress -s 4G --json --threads %u", threads);
		assert_int_equal(count_lines(command.out), 3);
		assert_string_equal(command.err, ""); /* no progress where there is no terminal */
		assert_sweep(&command, "none", 2048, threads);
		assert_sweep(&command, "rwlock", 2048, threads);
		assert_sweep(&command, "deferred", 2048, threads);
		command_free(&command);
	}
}

static void the_table_has_a_row_for_each_policy(void **state)
{
	struct command command;

	(void)state;
	run_ok(&command, "$EBB stress -s 4G");
	assert_int_equal(count_lines(command.out), 4);
	assert_contains(command.out, "resident");
	assert_contains(command.out, "\nnone            2048");
	assert_contains(command.out, "   8.0 MiB     8.0 MiB");
	assert_contains(command.out, "\nrwlock          2048");
	assert_contains(command.out, "\ndeferred        2048");
	command_free(&command);
	run_ok(&command, "$EBB stress -s 4G --policy rwlock -v");
	assert_contains(command.out, "tables left, from level 3 down to 0: 1 0 0 0");
	assert_lacks(command.out, "deferred");
	command_free(&command);
}

static void the_classic_line_has_the_old_form(void **state)
{
	struct command command;
	double seconds;
	int end = 0;

	(void)state;
	run_ok(&command, "$EBB stress -s 16G --policy none --classic");
	sscanf(command.out, "dma_size: 4K iova space: 16G iommu: ~ 32M time: %lfs\n%n", &seconds,
	       &end);
	assert_int_equal(end, strlen(command.out));
	command_free(&command);
	run_ok(&command, "$EBB stress -s 0.00390625 --size 2M --classic");
	assert_contains(command.out, "none: dma_size: 2M iova space: 4G iommu: ~ 0M time: ");
	assert_contains(command.out, "deferred: dma_size: 2M");
	command_free(&command);
}

static void a_sweep_that_does_not_fit_is_refused_with_one_that_does(void **state)
{
	struct command command;
	double fits = 0;

	(void)state;
	/* More than the address space for tables, so on any machine. */
	assert_fails("521.0 GiB", "$EBB stress -s 256");
	run(&command, "$EBB stress -s 256 --policy none --json");
	assert_int_equal(command.status, 1);
	assert_int_equal(sscanf(strstr(command.err, "is -s "), "is -s %lf", &fits), 1);
	assert_true(fits < 64 && fits > 0);
	command_free(&command);
	run_ok(&command, "$EBB stress -s 256 --step 256G --policy none"); /* few tables do */
	command_free(&command);
	run_ok(&command,
	       "$EBB stress -s 256 --step 32G --policy deferred"); /* and those who free */
	command_free(&command);
}

static void a_sweep_is_measured_against_the_memory_that_is_available(void **state)
{
	const double gib_per_tib = 2052.0 / 1024; /* of tables, with a page every 2 MiB */
	struct command command;
	double available, fits = 0;

	(void)state;
	run_ok(&command, "awk '/^MemAvailable:/ { print $2 / 1048576 }' /proc/meminfo");
	assert_int_equal(sscanf(command.out, "%lf", &available), 1);
	command_free(&command);
	if (available > 90)
		skip(); /* more than a domain can take anyway */
	run(&command, "$EBB stress --policy none -s %.3f", available * 1.3 / gib_per_tib);
	assert_int_equal(command.status, 1);
	assert_contains(command.err, "is what is available");
	assert_int_equal(sscanf(strstr(command.err, "is -s "), "is -s %lf", &fits), 1);
	assert_true(fits > 0 && fits * gib_per_tib < available * 1.2);
	command_free(&command);
}

/*
 * Runs the program with a terminal as its standard error. Returns what it wrote there, to be freed.
 * /
 */
static char *run_on_terminal(char *const argv[])
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char *text = calloc(1, 65536);
	size_t len = 0;
	ssize_t got;
	pid_t child;

	assert_non_null(text);
	assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	slave = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	child = fork();
	if (child == 0) {
		dup2(slave, STDERR_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		if (argv[0] != NULL)
			execv(argv[0], argv);
		_exit(127);
	}
	close(slave);
	while (len < 65535 && (got = read(terminal, text + len, 65535 - len)) > 0)
		len += (size_t)got;
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(terminal);
	return text;
}

static void progress_is_shown_on_a_terminal_and_erased(void **state)
{
	static const char erased[] = "\r\033[K";
	char stress[] = "stress", size[] = "-s2", policy[] = "--policy=deferred";
	char *argv[] = { getenv("EBB"), stress, size, policy, NULL };
	char *text = run_on_terminal(argv);

	(void)state;
	assert_contains(text, "deferred:   0 %");
	assert_true(strlen(text) >= strlen(erased));
	assert_string_equal(text + strlen(text) - strlen(erased), erased);
	free(text);
}

/* ---- replay ---------------------------------------------------------------------------------- */

#define COMMENT	    "# tracer: nop\n"
#define OTHER_EVENT " task-1 [000] ..... 1.000000: sched_switch: prev_comm=x\n"
#define MAP(iova, pages) \
	" task-1 [000] ..... 1.000000: map: IOMMU: iova=0x" iova " paddr=0x0 size=" pages "\n"
#define UNMAP(iova, pages)                                                        \
	" task-1 [000] ..... 2.000000: unmap: IOMMU: iova=0x" iova " size=" pages \
	" unmapped_size=" pages "\n"

static void assert_replay(const char *text, const char *options, const char *key, uint64_t expected)
{
	static const char *const policies[] = { "none", "rwlock", "deferred" };
	struct command command;

	write_file("trace", text);
	run_ok(&command, "$EBB replay --json trace %s", options);
	for (unsigned i = 0; i < 3; i++) {
		cJSON *object = json_policy(&command, policies[i]);

		if (json_number(object, key) != expected)
			fail_msg("%s of %s is not %u: %s", key, policies[i], (unsigned)expected,
				 command.out);
		cJSON_Delete(object);
	}
	command_free(&command);
}

static void one_unmap_may_undo_several_maps(void **state)
{
	static const char text[] = MAP("ff000000", "4096") MAP("ff001000", "8192")
		MAP("ff003000", "4096") UNMAP("ff000000", "16384");

	(void)state;
	assert_replay(text, "", "unmatched", 0);
	assert_replay(text, "", "maps", 3);
	assert_replay(text, "", "unmaps", 1);
	assert_replay(text, "", "needed_table_bytes", 4 * KIB);
	assert_replay(text, "", "needed_peak_table_bytes", 16 * KIB);
}

static void an_unmap_may_meet_holes_or_a_part_of_a_large_page(void **state)
{
	(void)state;
	assert_replay(MAP("ff001000", "4096") UNMAP("ff000000", "16384"), "", "unmatched", 0);
	assert_replay(MAP("ff001000", "4096") UNMAP("ff000000", "16384"), "", "needed_table_bytes",
		      4 * KIB);
	assert_replay(MAP("ff000000", "2097152") UNMAP("ff003000", "4096"), "", "unmatched", 0);
	assert_replay(MAP("ff000000", "2097152"), "", "needed_table_bytes", 12 * KIB);
	assert_replay(MAP("ff000000", "2097152") UNMAP("ff003000", "4096"), "",
		      "needed_table_bytes", 16 * KIB);
}

static void unmaps_of_nothing_are_counted(void **state)
{
	(void)state;
	assert_replay(UNMAP("ff000000", "4096") MAP("ff000000", "4096") UNMAP("ff001000", "4096"),
		      "", "unmatched", 2);
}

static void events_that_no_tree_can_hold_are_skipped(void **state)
{
	static const char odd[] = MAP("ff000001", "4096") MAP("ff000000", "100")
		MAP("ff000000", "0") UNMAP("ff000000", "4095") MAP("fffffffffffff000", "8192")
			MAP("1000000000000", "4096") MAP("0", "2199023255552")
				MAP("ff000000", "4096");
	struct command command;

	(void)state;
	assert_replay(odd, "", "skipped", 7);
	assert_replay(odd, "", "maps", 7);
	assert_replay(MAP("8000000000", "4096"), "--levels 3", "skipped", 1);
	assert_replay(MAP("8000000000", "4096"), "--levels 4", "skipped", 0);
	assert_replay(MAP("1000000000000", "4096"), "--levels 5", "skipped", 0);
	write_file("trace", odd);
	run_ok(&command, "$EBB replay trace");
	assert_contains(command.err, "7 events skipped");
	assert_int_equal(count_lines(command.err), 1); /* once, not for each policy */
	command_free(&command);
}

static void a_trace_of_two_domains_is_recognised_by_its_overlaps(void **state)
{
	struct command command;

	(void)state;
	write_file("trace", MAP("ff000000", "4096") MAP("ff000000", "4096")
				    UNMAP("ff000000", "4096") UNMAP("ff000000", "4096"));
	run_ok(&command, "$EBB replay trace --json");
	assert_contains(command.out, "\"overlaps\":1");
	assert_contains(command.out, "\"unmatched\":1");
	assert_contains(command.err, "1 maps left out because they overlap");
	assert_contains(command.err, "two or more domains");
	assert_contains(command.err, "ebb-replay(1)");
	command_free(&command);
}

static void a_trifle_of_overlaps_is_no_second_domain(void **state)
{
	struct command command;
	FILE *file = fopen("trace", "w");

	(void)state;
	assert_non_null(file);
	for (unsigned i = 0; i < 100; i++)
		fprintf(file, " t-1 [000] 1.0: map: IOMMU: iova=0x%x000 paddr=0x0 size=4096\n", i);
	fputs(MAP("5000", "4096"), file);
	fclose(file);
	run_ok(&command, "$EBB replay trace");
	assert_contains(command.err, "1 maps left out");
	assert_lacks(command.err, "domains");
	command_free(&command);
}

static void standard_input_may_be_a_pipe_of_any_pace(void **state)
{
	struct command file, pipe;

	(void)state;
	write_file("trace",
		   MAP("ff000000", "4096") MAP("ff001000", "4096") UNMAP("ff000000", "8192"));
	run_ok(&file, "$EBB replay --json trace | sed 's/\"trace\":[^,]*,//; s/\"ns[^,]*,//'");
	run_ok(&pipe, "(head -c 100 trace; sleep 0.1; tail -c +101 trace) | $EBB replay --json - | "
		      "sed 's/\"trace\":[^,]*,//; s/\"ns[^,]*,//'");
	assert_int_equal(count_lines(file.out), 3);
	assert_string_equal(pipe.out, file.out);
	command_free(&file);
	command_free(&pipe);
}

/* As typed while `cat trace_pipe | ebb replay -` runs; the writer of the pipe never ends it. */
static void control_c_ends_a_recording_that_comes_through_a_pipe(void **state)
{
	struct command command;

	(void)state;
	write_file("trace", MAP("ff000000", "4096"));
	run_ok(&command,
	       "mkfifo pipe; (cat trace; exec sleep 20) >pipe & "
	       "timeout --preserve-status --signal=INT --kill-after=3 2 "
	       "$EBB replay --json --policy none - <pipe; status=$?; kill $!; exit $status");
	assert_contains(command.out, "\"maps\":1");
	command_free(&command);
}

static void other_lines_are_ignored_and_garbled_ones_named(void **state)
{
	struct command command;

	(void)state;
	write_file("trace",
		   COMMENT MAP("ff000000", "4096")
			   OTHER_EVENT MAP("ff000000", "99999999999999999999") MAP("zz", "4096"));
	run_ok(&command, "$EBB replay trace");
	assert_contains(command.out, "trace: 1 events; 2 other lines ignored");
	assert_contains(command.err, "2 garbled lines left out, the first is line 4");
	assert_int_equal(count_lines(command.err), 1);
	command_free(&command);
}

static void lost_events_are_warned_about(void **state)
{
	struct command command;

	(void)state;
	write_file("trace", MAP("ff000000", "4096") "CPU:1 [LOST 12 EVENTS]\n");
	run_ok(&command, "$EBB replay trace --json --policy none");
	assert_contains(command.err, "lost 12 events");
	assert_contains(command.out, "\"lost\":12");
	command_free(&command);
}

static void each_kind_of_bad_trace_gets_one_clear_error(void **state)
{
	(void)state;
	write_file("trace", MAP("ff000000", "4096") UNMAP("ff000000", "4096"));
	assert_fails("No such file", "$EBB replay nonexistent");
	assert_fails("Is a directory", "$EBB replay .");
	assert_fails("empty", ": >empty; $EBB replay empty");
	assert_fails("empty", "$EBB replay - </dev/null");
	assert_fails("not a trace", "$EBB replay $EBB");
	assert_fails("not a trace", "$EBB replay - </dev/zero");
	assert_fails("no iommu:map", "echo hello >text; $EBB replay text");
	assert_fails("garbled: 1", "head -c 50 trace >cut; $EBB replay cut");
	assert_fails("truncated",
		     "xz <$TRACES/net-rx.meta >a.xz; head -c 60 a.xz >b.xz; $EBB replay b.xz");
	assert_fails("truncated", "head -c 99999 $TRACES/net-rx.trace.xz >c.xz; $EBB replay c.xz");
	assert_fails("truncated", "head -c 99999 $TRACES/net-rx.trace.xz | $EBB show -");
	assert_fails("truncated", "gzip <trace | head -c 40 >d.gz; $EBB replay --json d.gz");
	assert_fails("truncated", "printf '\\027\\010\\104tracing6' >e.dat; $EBB replay e.dat");
}

static void a_bad_trace_does_not_keep_the_others_from_being_replayed(void **state)
{
	struct command command;

	(void)state;
	write_file("trace", MAP("ff000000", "4096"));
	run(&command, "$EBB replay --json --policy none nonexistent trace");
	assert_int_equal(command.status, 1);
	assert_int_equal(count_lines(command.out), 1);
	assert_int_equal(count_lines(command.err), 1);
	command_free(&command);
}

static void trace_dat_is_replayed(void **state)
{
	const struct dat_options options = { .cpus = 2 };
	const struct dat_event events[] = {
		{ { .iova = 0xff000000, .size = 4096, .time_ns = 1000, .is_map = true }, 1 },
		{ { .iova = 0xff000000, .size = 4096, .time_ns = 2000 }, 0 },
		{ { .iova = 0xff000000, .size = 4096, .time_ns = 3000, .is_map = true }, 1 },
	};
	struct command command;
	cJSON *object;

	(void)state;
	assert_true(dat_file_write("trace.dat", events, 3, &options));
	run_ok(&command, "$EBB replay --json trace.dat");
	object = json_policy(&command, "rwlock");
	assert_int_equal(json_number(object, "maps"), 2);
	assert_int_equal(json_number(object, "unmaps"), 1);
	assert_int_equal(json_number(object, "overlaps") + json_number(object, "unmatched"), 0);
	cJSON_Delete(object);
	command_free(&command);
	run_ok(&command,
	       "xz -k trace.dat; $EBB replay --json --policy none trace.dat.xz - <trace.dat");
	assert_int_equal(count_lines(command.out), 2);
	command_free(&command);
}

/* ---- show ------------------------------------------------------------------------------------ */

static void write_example(void)
{
	/* A page, a full table, a large page; then the page goes. */
	write_file("trace",
		   MAP("ff000000", "4096") MAP("ff201000", "2093056") MAP("ff200000", "4096")
			   MAP("ff600000", "2097152") UNMAP("ff000000", "4096"));
}

static void the_map_shows_each_region_of_2_mib(void **state)
{
	struct command command;

	(void)state;
	write_example();
	run_ok(&command, "$EBB show trace");
	assert_contains(command.out, "trace after 5 of 5 events, policy none");
	assert_contains(command.out,
			"|                                                        .# L    |\n");
	assert_contains(command.out, "0x0000f8000000 |");
	assert_contains(command.out, "tables that nothing is mapped through: 4 KiB (20.0 %)");
	command_free(&command);
	run_ok(&command, "$EBB show trace --policy rwlock");
	assert_contains(command.out,
			"|                                                         # L    |\n");
	command_free(&command);
	run_ok(&command, "$EBB show trace --range 0xff400000-0xffffffff");
	assert_contains(command.out,
			"|                                                           L    |\n");
	command_free(&command);
}

static void the_tree_can_be_seen_at_any_event(void **state)
{
	struct command command;

	(void)state;
	write_example();
	run_ok(&command, "$EBB show trace --at 1");
	assert_contains(command.out, "after 1 of 5 events");
	assert_contains(command.out,
			"|                                                        1       |\n");
	command_free(&command);
	run_ok(&command, "$EBB show trace --at peak --policy deferred");
	assert_contains(command.out, "after 2 of 5 events"); /* no table came after that */
	command_free(&command);
	run_ok(&command, "$EBB show trace --at 0");
	assert_contains(
		command.out,
		"mapped: 0 B; its tables: 4 KiB; tables that nothing is mapped through: 0 B");
	command_free(&command);
}

static void levels_and_runs_are_there_as_json(void **state)
{
	struct command command;
	cJSON *object;

	(void)state;
	write_example();
	run_ok(&command, "$EBB show trace --json");
	assert_int_equal(count_lines(command.out), 1 + 4 + 3);
	object = json_line(&command, 4); /* level 0 */
	assert_int_equal(json_number(object, "level"), 0);
	assert_int_equal(json_number(object, "tables"), 2);
	assert_int_equal(json_number(object, "entries_used"), 512);
	assert_int_equal(json_number(object, "empty_tables"), 1);
	assert_int_equal(json_number(object, "needed_tables"), 1);
	assert_int_equal(json_number(object, "leaves"), 512);
	cJSON_Delete(object);
	object = json_line(&command, 7);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "first_iova")),
			    "0xff600000");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "last_iova")),
			    "0xff7fffff");
	assert_int_equal(json_number(object, "pages_per_region"), 512);
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(object, "has_table")));
	cJSON_Delete(object);
	command_free(&command);
	run_ok(&command, "$EBB show trace --json --at 4"); /* before the page goes */
	object = json_line(&command, 4);
	assert_int_equal(json_number(object, "needed_tables"), 2);
	assert_int_equal(json_number(object, "empty_tables"), 0);
	cJSON_Delete(object);
	command_free(&command);
}

static void a_sweep_can_be_shown_and_alike_rows_are_counted(void **state)
{
	struct command command;
	cJSON *object;

	(void)state;
	run_ok(&command, "$EBB show --stress -s 0.0625");
	assert_contains(command.out, "sweep of 64 GiB, a page every 2 MiB, policy none");
	assert_contains(command.out, "0x000000000000 |......");
	assert_contains(command.out, "  * 511 more rows like this\n");
	command_free(&command);
	run_ok(&command, "$EBB show --stress -s 64G --step 1G --json");
	object = json_line(&command, 3);
	assert_int_equal(json_number(object, "tables"), 64);
	assert_int_equal(json_number(object, "needed_tables"), 0);
	cJSON_Delete(object);
	command_free(&command);
	run_ok(&command, "$EBB show --stress -s 300 --step 1T");
	assert_contains(command.out, "0x001000000000000 |"); /* the fifth level */
	command_free(&command);
}

static void rows_of_a_wide_space_become_coarser(void **state)
{
	struct command command;
	FILE *file = fopen("trace", "w");

	(void)state;
	assert_non_null(file);
	for (unsigned i = 0; i < 400; i++) /* no two neighbouring rows alike */
		fprintf(file, " t-1 [000] 1.0: map: IOMMU: iova=0x%x00000 paddr=0x0 size=4096\n",
			i * 128 + i * i % 61 * 2);
	fclose(file);
	run_ok(&command, "$EBB show trace");
	assert_in_range(count_lines(command.out), 30, 60);
	assert_contains(command.out, "each character is 32 MiB of IOVA space");
	command_free(&command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_and_version_go_to_standard_output),
		cmocka_unit_test(a_wrong_command_line_is_told_from_work_that_failed),
		cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
		cmocka_unit_test(a_sweep_ends_with_the_root_unless_nothing_is_freed),
		cmocka_unit_test(the_table_has_a_row_for_each_policy),
		cmocka_unit_test(the_classic_line_has_the_old_form),
		cmocka_unit_test(a_sweep_that_does_not_fit_is_refused_with_one_that_does),
		cmocka_unit_test(a_sweep_is_measured_against_the_memory_that_is_available),
		cmocka_unit_test(progress_is_shown_on_a_terminal_and_erased),
		cmocka_unit_test(one_unmap_may_undo_several_maps),
		cmocka_unit_test(an_unmap_may_meet_holes_or_a_part_of_a_large_page),
		cmocka_unit_test(unmaps_of_nothing_are_counted),
		cmocka_unit_test(events_that_no_tree_can_hold_are_skipped),
		cmocka_unit_test(a_trace_of_two_domains_is_recognised_by_its_overlaps),
		cmocka_unit_test(a_trifle_of_overlaps_is_no_second_domain),
		cmocka_unit_test(standard_input_may_be_a_pipe_of_any_pace),
		cmocka_unit_test(control_c_ends_a_recording_that_comes_through_a_pipe),
		cmocka_unit_test(other_lines_are_ignored_and_garbled_ones_named),
		cmocka_unit_test(lost_events_are_warned_about),
		cmocka_unit_test(each_kind_of_bad_trace_gets_one_clear_error),
		cmocka_unit_test(a_bad_trace_does_not_keep_the_others_from_being_replayed),
		cmocka_unit_test(trace_dat_is_replayed),
		cmocka_unit_test(the_map_shows_each_region_of_2_mib),
		cmocka_unit_test(the_tree_can_be_seen_at_any_event),
		cmocka_unit_test(levels_and_runs_are_there_as_json),
		cmocka_unit_test(a_sweep_can_be_shown_and_alike_rows_are_counted),
		cmocka_unit_test(rows_of_a_wide_space_become_coarser),
	};

	return cmocka_run_group_tests_name("program", tests, command_setup, command_teardown);
}
