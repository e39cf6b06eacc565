// SPDX-License-Identifier: GPL-2.0-only
// Copyright (c) 2026 The Ebb authors
/* What the series offers in debugfs. */
#include <errno.h>
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

#define ROOT "/sys/kernel/debug/iommu/page_tables"

static pthread_t hammer;
static volatile bool hammering;
static char old_batch[32];

bool reclaim_is_there(void)
{
	char line[32];

	return read_file(ROOT "/batch", line, sizeof(line));
}

static uint64_t value_of(const char *stats, const char *key)
{
	size_t length = strlen(key);

	for (const char *at = stats; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, key, length) && (at[length] == ' ' || at[length] == ':'))
			return strtoull(at + length + 1, NULL, 10);
	}
	return 0;
}

struct reclaim_stats reclaim_stats(void)
{
	struct reclaim_stats sum = { 0 };
	int error = errno;
	char stats[1024];
	glob_t found;

	if (!glob(ROOT "/*/stats", 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			if (!read_file(found.gl_pathv[i], stats, sizeof(stats)))
				continue;
			sum.held += value_of(stats, "held");
			sum.pending += value_of(stats, "pending");
			sum.freed += value_of(stats, "freed");
			sum.thawed += value_of(stats, "thawed");
			sum.wide_flushes += value_of(stats, "wide_flushes");
		}
		globfree(&found);
	}
	errno = error;
	return sum;
}

/* A domain that went away takes its counts with it. */
static void report_change(const char *key, uint64_t before, uint64_t after)
{
	report(key, after > before ? after - before : 0);
}

void report_reclaim(struct reclaim_stats before)
{
	struct reclaim_stats after = reclaim_stats();

	if (!reclaim_is_there()) {
		errno = 0;
		return;
	}
	report("held", after.held);
	report("pending", after.pending);
	report_change("freed", before.freed, after.freed);
	report_change("thawed", before.thawed, after.thawed);
	report_change("wide_flushes", before.wide_flushes, after.wide_flushes);
}

static void *swing(void *unused)
{
	glob_t found;

	(void)unused;
	while (hammering) {
		if (glob(ROOT "/*/reclaim", 0, NULL, &found))
			break;
		for (size_t i = 0; i < found.gl_pathc; i++)
			write_file(found.gl_pathv[i], "1");
		globfree(&found);
	}
	return NULL;
}

void hammer_start(void)
{
	int error = errno;

	if (reclaim_is_there()) {
		read_file(ROOT "/batch", old_batch, sizeof(old_batch));
		write_file(ROOT "/batch", "1");
		hammering = true;
		if (pthread_create(&hammer, NULL, swing, NULL))
			abort();
	}
	errno = error;
}

void hammer_stop(void)
{
	if (!hammering)
		return;
	hammering = false;
	pthread_join(hammer, NULL);
	write_file(ROOT "/batch", old_batch);
}
