/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_H
#define EBB_TOOL_H
/*
 * What all commands of the program share: exit codes, messages, the options --policy and --json,
 * and numbers as people type and read them.
 */
#include "ebb.h"

#include <argp.h>

enum tool_exit {
	TOOL_OK = 0,
	TOOL_FAILED = 1, /* the work could not be done; one message says why */
	TOOL_USAGE = 2, /* the command line makes no sense */
};

/* Prints "ebb: ..." on standard error. tool_fail() returns TOOL_FAILED, to be passed on. */
int tool_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tool_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A command: gets its own arguments, argv[0] being "ebb NAME". Returns an enum tool_exit. */
int stress_main(int argc, char **argv);
int replay_main(int argc, char **argv);
int show_main(int argc, char **argv);
int bench_main(int argc, char **argv);

/* ---- options --------------------------------------------------------------------------------- */

struct common_options {
	unsigned policies; /* bit p: enum ebb_policy p is wanted */
	bool json;
};

/* Parses --policy and --json into the struct common_options that is its input. */
extern const struct argp common_argp;

/* Keys of long options, beyond any character. */
enum tool_option {
	OPTION_POLICY = 0x100,
	OPTION_JSON,
	OPTION_STEP,
	OPTION_SIZE,
	OPTION_THREADS,
	OPTION_CLASSIC,
	OPTION_LEVELS,
	OPTION_PLOT,
	OPTION_STRESS,
	OPTION_AT,
	OPTION_RANGE,
	OPTION_PATTERN,
	OPTION_ROUNDS,
	OPTION_PAIRS,
	OPTION_PEER,
	OPTION_PEERS_ONLY,
	OPTION_REALTIME,
	OPTION_OFFLINE,
	OPTION_INSTRUCTIONS,
};

const char *policy_name(enum ebb_policy policy);

/*
 * Reads a size such as 4096, 4K, 0.5T or 1.5GiB; without a suffix it counts in `unit` bytes. The
 * result is rounded down to bytes. Returns false if the text is anything else, or 2^63 or more.
 */
bool parse_size(const char *text, uint64_t unit, uint64_t *bytes);

/* Reads a decimal number of at most `max`, or with "0x" in front a hexadecimal one. */
bool parse_number(const char *text, uint64_t max, uint64_t *number);

/* Parses the levels of a tree; ends the program with a usage error if they are not 3, 4 or 5. */
unsigned parse_levels(const char *text, const struct argp_state *state);

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TIB ((uint64_t)1 << 40)

#endif
