/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "memory.h"
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Reads "KEY VALUE" or "KEY: VALUE kB" out of a file of such lines; with key "" the first number of
 * the file.
 */
static bool read_value(const char *path, const char *key, uint64_t *value)
{
	FILE *file = fopen(path, "re");
	size_t len = strlen(key);
	char line[256];
	bool found = false;

	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, key, len) == 0 &&
		    (len == 0 || line[len] == ' ' || line[len] == ':'))
			found = sscanf(line + len, len == 0 ? "%" SCNu64 : "%*[: ]%" SCNu64,
				       value) == 1;
	}
	if (file != NULL)
		fclose(file);
	return found;
}

/* What the two versions of control groups call things. */
struct cgroup_files {
	const char *root, *limit, *usage, *reclaimable;
};

static const struct cgroup_files cgroup_v1 = { "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
					       "memory.usage_in_bytes", "total_inactive_file" };
static const struct cgroup_files cgroup_v2 = { "/sys/fs/cgroup", "memory.max", "memory.current",
					       "inactive_file" };

/* What a group has left, if it has a limit. */
static uint64_t cgroup_left(const struct cgroup_files *files, const char *group)
{
	uint64_t limit, usage, reclaimable = 0;
	char path[4400];

	snprintf(path, sizeof(path), "%s%s/%s", files->root, group, files->limit);
	if (!read_value(path, "", &limit)) /* "max", or there is no such group */
		return UINT64_MAX;
	snprintf(path, sizeof(path), "%s%s/%s", files->root, group, files->usage);
	if (!read_value(path, "", &usage))
		return UINT64_MAX;
	snprintf(path, sizeof(path), "%s%s/memory.stat", files->root, group);
	read_value(path, files->reclaimable, &reclaimable);
	usage -= reclaimable < usage ? reclaimable : usage;
	return limit > usage ? limit - usage : 0;
}

/* The least of what a group and the groups around it have left. Cuts `group` down to "". */
static uint64_t cgroups_left(const struct cgroup_files *files, char *group)
{
	uint64_t least = UINT64_MAX;

	for (;;) {
		uint64_t left = cgroup_left(files, group);
		char *slash = strrchr(group, '/');

		least = left < least ? left : least;
		if (slash == NULL)
			return least;
		*slash = '\0';
	}
}

/* Lines of /proc/self/cgroup: "0::/GROUP" of version 2, "N:...,memory,...:/GROUP" of version 1. */
static uint64_t all_cgroups_left(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	uint64_t least = UINT64_MAX;
	char line[4200];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *controllers = strchr(line, ':');
		char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
		uint64_t left = UINT64_MAX;

		if (group == NULL)
			continue;
		*group++ = '\0';
		group[strcspn(group, "\n")] = '\0';
		if (controllers[1] == '\0')
			left = cgroups_left(&cgroup_v2, group);
		else if (strstr(controllers, "memory") != NULL)
			left = cgroups_left(&cgroup_v1, group);
		least = left < least ? left : least;
	}
	if (file != NULL)
		fclose(file);
	return least;
}

uint64_t memory_available(void)
{
	uint64_t kib, available = UINT64_MAX, left = all_cgroups_left();

	if (read_value("/proc/meminfo", "MemAvailable", &kib))
		available = kib * KIB;
	available = left < available ? left : available;
	return available - available / 16;
}

uint64_t memory_room_for(uint64_t object_bytes)
{
	return memory_available() / object_bytes;
}
