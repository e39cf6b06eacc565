// SPDX-License-Identifier: GPL-2.0-only
// Copyright (c) 2026 The Ebb authors
/* The kernel's files, and its clocks. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

bool read_file(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t got = -1;

	if (fd < 0)
		return false;
	while (have < size - 1 && (got = read(fd, to + have, size - 1 - have)) > 0)
		have += (size_t)got;
	close(fd);
	to[have] = '\0';
	return got >= 0;
}

bool write_file(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t put;

	if (fd < 0)
		return false;
	put = write(fd, what, strlen(what));
	close(fd);
	return put == (ssize_t)strlen(what);
}

uint64_t meminfo(const char *key)
{
	char all[4096];
	const char *at;

	if (!read_file("/proc/meminfo", all, sizeof(all)))
		return 0;
	at = strstr(all, key);
	return at ? strtoull(at + strlen(key) + 1, NULL, 10) : 0;
}

/* Each CPU keeps a part of the counters to itself; this brings them together. */
void refresh_counters(void)
{
	int error = errno;

	write_file("/proc/sys/vm/stat_refresh", "1");
	errno = error;
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

struct thread {
	pthread_t id;
	unsigned int index;
	void (*body)(unsigned int);
};

static void *start(void *argument)
{
	struct thread *thread = argument;

	thread->body(thread->index);
	return NULL;
}

void run_threads(unsigned int count, void (*body)(unsigned int))
{
	struct thread threads[64];

	if (count > 64)
		count = 64;
	if (count == 1) {
		body(0);
		return;
	}
	for (unsigned int i = 0; i < count; i++) {
		threads[i].index = i;
		threads[i].body = body;
		if (pthread_create(&threads[i].id, NULL, start, &threads[i]))
			abort();
	}
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i].id, NULL);
}
