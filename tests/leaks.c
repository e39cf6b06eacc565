/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * That leaks are found. Memory: LeakSanitizer is part of the AddressSanitizer build, unless
 * something (a container, a debugger, an option) has switched it off. Tables: they come from a
 * mapping of the hosted platform's, of which LeakSanitizer knows nothing, so every fixture counts
 * them. Each leak happens in a child, which must fail.
 */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "support.h"

static bool fails_in_a_child(int (*run)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int nowhere = open("/dev/null", O_WRONLY);

		dup2(nowhere, STDOUT_FILENO);
		dup2(nowhere, STDERR_FILENO);
		exit(run());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static int leak_nothing(void)
{
	free(malloc(100));
	return 0;
}

static void a_program_that_leaks_nothing_ends_well(void **state)
{
	(void)state;
	assert_false(fails_in_a_child(leak_nothing));
}

#if UNDER_ASAN
static void *volatile block;

static int leak_a_block(void)
{
	block = malloc(100);
	block = NULL;
	return 0;
}

static void a_block_that_is_not_freed_fails_the_program(void **state)
{
	(void)state;
	assert_true(fails_in_a_child(leak_a_block));
}
#endif

static void leave_all_tables_to_the_fixture(struct fixture *f)
{
	do_map(f, GIB, PAGE, PAGE);
	do_unmap_sync(f, GIB, PAGE);
}

static void keep_a_table(struct fixture *f)
{
	assert_non_null(f->platform.alloc_table(f->platform.ctx, -1));
}

static void keep_a_table_in_a_gather(struct fixture *f)
{
	static struct ebb_gather g;

	ebb_gather_init(&g, &f->domain);
	assert_ok(ebb_map(&g, EBB_IOVA(GIB), EBB_PA(0), PAGE, RW));
	f->domain.gathers = g.next; /* forgotten with what it holds */
}

#define RUN_ONE(...) run_cases("leaks", &(const struct test_case){ __VA_ARGS__ }, 1)
#define ONCE	     .policies = ON_POLICY(EBB_DEFERRED), .levels = ON_LEVELS(3)

static int run_well(void)
{
	return RUN_ONE("well", leave_all_tables_to_the_fixture, ONCE);
}

static int run_plain(void)
{
	return RUN_ONE("plain", keep_a_table, ONCE, .shape.plain = true);
}

static int run_with_a_device(void)
{
	return RUN_ONE("device", keep_a_table, ONCE);
}

static int run_with_a_gather(void)
{
	return RUN_ONE("gather", keep_a_table_in_a_gather, ONCE);
}

static void a_table_that_is_not_given_back_fails_the_test(void **state)
{
	(void)state;
	assert_false(fails_in_a_child(run_well));
	assert_true(fails_in_a_child(run_plain));
	assert_true(fails_in_a_child(run_with_a_device));
	assert_true(fails_in_a_child(run_with_a_gather));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_that_leaks_nothing_ends_well),
#if UNDER_ASAN
		cmocka_unit_test(a_block_that_is_not_freed_fails_the_program),
#endif
		cmocka_unit_test(a_table_that_is_not_given_back_fails_the_test),
	};

	return cmocka_run_group_tests_name("leaks", tests, NULL, NULL);
}
