/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_SPACE_H
#define EBB_TOOL_SPACE_H
/*
 * A fresh domain on an arena of its own, with a gather for the main thread. The arena hands out no
 * more tables than there is memory for.
 */
#include "ebb.h"
#include "ebb_hosted.h"

#define TABLE_COST (EBB_TABLE_SIZE + EBB_HOSTED_DESC_SIZE) /* memory for one table, in bytes */

struct space {
	struct ebb_hosted *arena;
	struct ebb_domain domain;
	struct ebb_gather gather;
};

/* Returns an enum tool_exit; on failure a message was printed and nothing is held. */
int space_open(struct space *space, enum ebb_policy policy, unsigned levels);

/*
 * Frees what is empty now, then takes the statistics, then gives the spare tables back and looks at
 * the memory that the arena really takes. No other thread has a gather on the domain.
 */
void space_settle(struct space *space, struct ebb_stats *stats, uint64_t *rss_bytes);

void space_close(struct space *space);

#endif
