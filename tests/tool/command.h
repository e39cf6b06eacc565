/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_COMMAND_H
#define EBB_TESTS_COMMAND_H
/*
 * Runs the program under test, which the environment variable EBB_TOOL names, in a directory of the
 * test's own.
 */
#include <cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct command {
	int status; /* of its exit; -1 if a signal ended it */
	char *out, *err; /* standard output and error, as strings */
};

/* cmocka's set-up and tear-down of a group: makes the directory and goes there, removes it. */
int command_setup(void **state);
int command_teardown(void **state);

/* Runs a line of shell in which $EBB is the program and $TRACES where the recorded traces are. */
void run(struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
void command_free(struct command *command);

/* As run(), and asserts the exit status. */
void run_ok(struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Asserts exit status 1, nothing on standard output and one line of error with `part` in it. */
void assert_fails(const char *part, const char *format, ...) __attribute__((format(printf, 2, 3)));

void assert_contains(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);

/* Writes a file in the test's directory. */
void write_file(const char *name, const char *text);

/* The n-th line of a command's output as JSON (from 0), to be deleted; fails if there is none. */
cJSON *json_line(const struct command *command, unsigned n);

/* The line of that policy, fails if there is none. */
cJSON *json_policy(const struct command *command, const char *policy);

/* A number in an object; fails if there is none. */
uint64_t json_number(const cJSON *object, const char *key);

unsigned count_lines(const char *text);

#endif
