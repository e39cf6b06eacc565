/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include <string.h>
#include <ebb_hot.h>
#include "lifetime.h"
#include "vtdss.h"

#define NEVER UINT64_MAX

static struct {
	uint64_t time;
	uint64_t began[SCHED_CALLERS]; /* the read section; NEVER: in none */
	/* when an entry stopped referring to the table; 0: it is linked, or never was */
	uint64_t left[SCHED_TABLES];
	unsigned char taken_by[SCHED_TABLES];
} life;

void lifetime_reset(void)
{
	memset(&life, 0, sizeof(life));
	for (unsigned n = 0; n < SCHED_CALLERS; n++)
		life.began[n] = NEVER;
}

void lifetime_section_begins(unsigned caller)
{
	life.began[caller] = ++life.time;
}

void lifetime_section_ends(unsigned caller)
{
	life.began[caller] = NEVER;
}

/* Which table an entry refers to, present or dead; SCHED_TABLES: none. Leaves map other memory. */
static unsigned table_of(uint64_t entry)
{
	uint64_t n = ((entry & VTD_ADDRESS) - SCHED_PA_BASE) / EBB_TABLE_SIZE;

	return n < SCHED_TABLES ? (unsigned)n : SCHED_TABLES;
}

/* With what is below it: a split links a table that has others in it. */
static bool table_linked(unsigned table)
{
	bool good = true;

	for (unsigned n = 0; n < SCHED_CALLERS; n++)
		if (life.began[n] < life.left[table])
			good = false;
	life.left[table] = 0;
	for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i++) {
		unsigned below = table_of(sched_arena[table].word[i]);

		if (below < SCHED_TABLES && !table_linked(below))
			good = false;
	}
	return good;
}

bool lifetime_entry_changed(unsigned caller, uint64_t before, uint64_t now)
{
	unsigned old = table_of(before), new = table_of(now);

	if (old == new)
		return true;
	if (old < SCHED_TABLES) {
		life.left[old] = ++life.time;
		life.taken_by[old] = (unsigned char)caller;
	}
	return new == SCHED_TABLES || table_linked(new);
}

bool lifetime_allows(unsigned caller, const uint64_t *ep)
{
	uint64_t table = ((uintptr_t)ep - (uintptr_t)sched_arena) / EBB_TABLE_SIZE;

	return !life.left[table] || life.taken_by[table] == caller ||
	       life.began[caller] < life.left[table];
}
