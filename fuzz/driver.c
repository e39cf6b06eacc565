/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Gives an entry inputs without libFuzzer: files, or all files of directories. Without arguments:
 * standard input, or, built by afl-clang-fast, whatever AFL++ thinks of, many inputs a process.
 */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fuzz.h"

#define INPUT_MAX (1u << 20)

static uint8_t input[INPUT_MAX];

#ifdef __AFL_FUZZ_TESTCASE_LEN
__AFL_FUZZ_INIT();

static int run_stdin(void)
{
	const uint8_t *data;

	__AFL_INIT();
	data = __AFL_FUZZ_TESTCASE_BUF;
	while (__AFL_LOOP(1000))
		LLVMFuzzerTestOneInput(data, (size_t)__AFL_FUZZ_TESTCASE_LEN);
	return EXIT_SUCCESS;
}
#else
static int run_stdin(void)
{
	LLVMFuzzerTestOneInput(input, fread(input, 1, sizeof(input), stdin));
	return EXIT_SUCCESS;
}
#endif

static int run_file(const char *path, const char *name)
{
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		return EXIT_FAILURE;
	}
	size = fread(input, 1, sizeof(input), file);
	fclose(file);
	/* Before the input, which may be the last. */
	fprintf(stderr, "%s\n", name);
	LLVMFuzzerTestOneInput(input, size);
	return EXIT_SUCCESS;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

int main(int argc, char **argv)
{
	int status = EXIT_SUCCESS;
	unsigned n = 0;
	FTSENT *entry;
	FTS *tree;

	if (argc < 2)
		return run_stdin();
	tree = fts_open(argv + 1, FTS_LOGICAL | FTS_NOCHDIR, by_name);
	if (!tree)
		abort();
	while ((entry = fts_read(tree))) {
		if (entry->fts_info == FTS_D || entry->fts_info == FTS_DP)
			continue;
		if (run_file(entry->fts_accpath, entry->fts_path) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
		n++;
	}
	fts_close(tree);
	printf("%u inputs\n", n);
	return n ? status : EXIT_FAILURE;
}
