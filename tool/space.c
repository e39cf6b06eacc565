/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "memory.h"
#include "space.h"
#include "tool.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

int space_open(struct space *space, enum ebb_policy policy, unsigned levels)
{
	const struct ebb_config config = {
		.format = EBB_VTDSS,
		.policy = policy,
		.partial = EBB_PARTIAL_SPLIT,
		.levels = levels,
		.batch = EBB_BATCH_MAX,
		.node = -1,
	};
	struct ebb_platform platform;
	int error;

	space->arena = ebb_hosted_create(memory_room_for(TABLE_COST));
	if (space->arena == NULL)
		return tool_fail("cannot set up memory for tables: %s", strerror(errno));
	platform = ebb_hosted_platform(space->arena);
	error = ebb_domain_init(&space->domain, &config, &platform);
	if (error != EBB_OK) {
		ebb_hosted_destroy(space->arena);
		return tool_fail("cannot make a domain: %s", ebb_strerror(error));
	}
	ebb_gather_init(&space->gather, &space->domain);
	return TOOL_OK;
}

void space_settle(struct space *space, struct ebb_stats *stats, uint64_t *rss_bytes)
{
	struct ebb_hosted_stats arena;

	ebb_reclaim(&space->gather, UINT_MAX);
	ebb_stats(&space->domain, stats);
	ebb_trim(&space->gather);
	ebb_hosted_stats(space->arena, &arena);
	*rss_bytes = arena.resident_bytes;
}

void space_close(struct space *space)
{
	ebb_gather_fini(&space->gather);
	ebb_domain_destroy(&space->domain);
	ebb_hosted_destroy(space->arena);
}
