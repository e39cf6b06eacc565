// SPDX-License-Identifier: GPL-2.0-only
// Copyright (c) 2026 The Ebb authors
/* /init: sets up, runs commands, reports, switches off. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

/* Something in the kernel's log, by which the host can try whether it looks there. */
static void run_say(void)
{
	if (!write_file("/dev/kmsg", text("what", "")))
		fail("writing to the log");
}

static const struct command commands[] = {
	{ "sweep", run_sweep }, { "loop", run_loop },	  { "shared", run_shared },
	{ "large", run_large }, { "verify", run_verify }, { "kill", run_kill },
	{ "disk", run_disk },	{ "net", run_net },	  { "rebind", run_rebind },
	{ "say", run_say },
};

static FILE *results;
static char *options; /* "KEY=VALUE,KEY=VALUE" */
static pthread_mutex_t failing = PTHREAD_MUTEX_INITIALIZER;
static char failure[256];

static const char *find_option(const char *key)
{
	size_t length = strlen(key);

	for (const char *at = options; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, key, length) && at[length] == '=')
			return at + length + 1;
	}
	return NULL;
}

uint64_t number(const char *key, uint64_t otherwise)
{
	static const char suffixes[] = "KMGT";
	const char *at = find_option(key);
	const char *suffix;
	uint64_t value;
	char *end;

	if (!at)
		return otherwise;
	value = strtoull(at, &end, 0);
	suffix = *end ? strchr(suffixes, *end) : NULL;
	return suffix ? value << 10 * (suffix - suffixes + 1) : value;
}

const char *text(const char *key, const char *otherwise)
{
	static char values[4][64];
	static unsigned int next;
	const char *at = find_option(key);
	char *value;

	if (!at)
		return otherwise;
	value = values[next++ % 4];
	snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(at, ","), at);
	return value;
}

void report(const char *key, uint64_t value)
{
	fprintf(results, ", \"%s\": %llu", key, (unsigned long long)value);
}

void report_text(const char *key, const char *value)
{
	fprintf(results, ", \"%s\": \"%s\"", key, value);
}

void fail(const char *format, ...)
{
	int error = errno;
	va_list args;
	size_t length;

	pthread_mutex_lock(&failing);
	if (!failure[0]) {
		va_start(args, format);
		vsnprintf(failure, sizeof(failure), format, args);
		va_end(args);
		length = strlen(failure);
		if (error)
			snprintf(failure + length, sizeof(failure) - length, " (%s)",
				 strerror(error));
	}
	pthread_mutex_unlock(&failing);
}

bool has_failed(void)
{
	return *(volatile char *)failure;
}

static void run(char *argument)
{
	const struct command *command = NULL;

	options = strchr(argument, ':');
	if (options)
		*options++ = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argument, commands[i].name))
			command = &commands[i];
	failure[0] = '\0';
	errno = 0;
	fprintf(results, "{\"test\": \"%s\", \"options\": \"%s\"", argument,
		options ? options : "");
	printf("guest: %s %s\n", argument, options ? options : "");
	if (command)
		command->run();
	else
		fail("no such command");
	if (failure[0])
		report_text("error", failure);
	fprintf(results, ", \"ok\": %s}\n", failure[0] ? "false" : "true");
	fflush(results);
}

static void set_up(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	setrlimit(RLIMIT_MEMLOCK, &all);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

int main(int argc, char **argv)
{
	set_up();
	results = fopen("/dev/ttyS1", "w");
	if (!results) {
		perror("guest: /dev/ttyS1");
		results = stdout;
	}
	for (int i = 1; i < argc; i++)
		run(argv[i]);
	fprintf(results, "{\"test\": \"end\", \"ok\": true}\n");
	fflush(results);
	sync();
	/* Let the port send it all, and the kernel say what it has to say. */
	sleep_ms(300);
	reboot(RB_POWER_OFF);
	return 1;
}
