/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LINE_MAX_LEN 2048

static char directory[64];

int command_setup(void **state)
{
	const char *tool = getenv("EBB_TOOL"), *traces = getenv("EBB_TRACES");

	(void)state;
	if (tool == NULL || traces == NULL) {
		print_error("EBB_TOOL and EBB_TRACES must name the program and the traces\n");
		return -1;
	}
	setenv("EBB", tool, 1);
	setenv("TRACES", traces, 1);
	snprintf(directory, sizeof(directory), "/tmp/ebb-test-%d", (int)getpid());
	return mkdir(directory, 0700) != 0 ? -1 : chdir(directory);
}

int command_teardown(void **state)
{
	char line[80];

	(void)state;
	snprintf(line, sizeof(line), "rm -r %s", directory);
	return chdir("/") != 0 ? -1 : system(line);
}

static char *slurp(const char *name)
{
	FILE *file = fopen(name, "r");
	char *text;
	long len;

	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	len = ftell(file);
	rewind(file);
	text = malloc((size_t)len + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)len, file), len);
	text[len] = '\0';
	fclose(file);
	return text;
}

static void vrun(struct command *command, const char *format, va_list args)
{
	char line[LINE_MAX_LEN], shell[LINE_MAX_LEN + 32];
	int status;

	/* clang-tidy 14 does not see the va_start() of any caller. */
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	assert_in_range(vsnprintf(line, sizeof(line), format, args), 1, sizeof(line) - 1);
	snprintf(shell, sizeof(shell), "exec >stdout 2>stderr; %s", line);
	status = system(shell);
	command->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	command->out = slurp("stdout");
	command->err = slurp("stderr");
}

void run(struct command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vrun(command, format, args);
	va_end(args);
}

void run_ok(struct command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vrun(command, format, args);
	va_end(args);
	if (command->status != 0)
		fail_msg("exit status %d: %s", command->status, command->err);
}

void command_free(struct command *command)
{
	free(command->out);
	free(command->err);
}

void assert_contains(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in: %s", part, text);
}

void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("'%s' in: %s", part, text);
}

unsigned count_lines(const char *text)
{
	unsigned lines = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		lines++;
	return lines;
}

void assert_fails(const char *part, const char *format, ...)
{
	struct command command;
	va_list args;

	va_start(args, format);
	vrun(&command, format, args);
	va_end(args);
	if (command.status != 1)
		fail_msg("exit status %d, not 1: %s", command.status, command.err);
	assert_string_equal(command.out, "");
	assert_contains(command.err, "ebb: ");
	assert_contains(command.err, part);
	if (count_lines(command.err) != 1)
		fail_msg("more than one line: %s", command.err);
	command_free(&command);
}

void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

cJSON *json_line(const struct command *command, unsigned n)
{
	const char *line = command->out, *end = NULL;
	cJSON *object;

	for (; n > 0 && line != NULL; n--) {
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	object = line != NULL ? cJSON_ParseWithOpts(line, &end, false) : NULL;
	if (object == NULL || *end != '\n')
		fail_msg("no JSON in this line of: %s", command->out);
	return object;
}

cJSON *json_policy(const struct command *command, const char *policy)
{
	for (unsigned n = 0; n < count_lines(command->out); n++) {
		cJSON *object = json_line(command, n);
		const char *name =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "policy"));

		assert_non_null(name);
		if (strcmp(name, policy) == 0)
			return object;
		cJSON_Delete(object);
	}
	fail_msg("no policy %s in: %s", policy, command->out);
	return NULL;
}

uint64_t json_number(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!cJSON_IsNumber(item))
		fail_msg("no number '%s'", key);
	return (uint64_t)item->valuedouble;
}
