/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "ebb " EBB_VERSION;

struct command {
	const char *name;
	int (*main)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "stress", stress_main },
	{ "replay", replay_main },
	{ "show", show_main },
	{ "bench", bench_main },
};

static const char documentation[] =
	"IOMMU page tables that give their memory back: try the policies for freeing tables out."
	"\vCommands:\n"
	"  stress   map and unmap one page at every step through the IOVA space\n"
	"  replay   replay recorded kernel map and unmap events\n"
	"  show     show the tree that a trace or a sweep leaves behind\n"
	"  bench    measure what a map and an unmap cost under each policy\n"
	"\n"
	"'ebb COMMAND --help' lists the options of a command; see also ebb(1).";

struct choice {
	const struct command *command;
	int index; /* of the command's name in argv */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct choice *choice = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			if (strcmp(arg, commands[i].name) == 0)
				choice->command = &commands[i];
		if (choice->command == NULL)
			argp_error(state, "unknown command '%s': stress, replay, show or bench",
				   arg);
		choice->index = state->next - 1;
		state->next = state->argc; /* the rest belongs to the command */
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a command is missing: stress, replay, show or bench");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = documentation,
	};
	struct choice choice = { 0 };
	char name[32];
	int status;

	argp_err_exit_status = TOOL_USAGE;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice) != 0)
		return TOOL_USAGE;
	snprintf(name, sizeof(name), "ebb %s", choice.command->name);
	argv[choice.index] = name;
	status = choice.command->main(argc - choice.index, argv + choice.index);
	if (fflush(stdout) != 0 || ferror(stdout))
		return tool_fail("standard output: %s", strerror(errno));
	return status;
}
