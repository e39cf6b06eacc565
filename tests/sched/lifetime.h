/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_LIFETIME_H
#define EBB_TESTS_LIFETIME_H
/*
 * Argument c of core/reclaim.c, checked at each access to an entry: once a table has left the tree,
 * the only callers that may touch it are who took it out, and those in a read section that began
 * before; and it comes back into a tree only after the last of these sections has ended. So it does
 * not matter what a caller that is late finds there.
 */
#include "ebb.h"
#include "scheduler.h"

/* All tables are out of use, nobody is in a section. */
void lifetime_reset(void);
void lifetime_section_begins(unsigned caller);
void lifetime_section_ends(unsigned caller);
/*
 * `caller`, or SCHED_NOBODY, replaces an entry. False: now it refers to a table that somebody may
 * still hold from its last life.
 */
bool lifetime_entry_changed(unsigned caller, uint64_t before, uint64_t now);
/* Whether the caller may touch the entry at ep, which is in the arena. */
bool lifetime_allows(unsigned caller, const uint64_t *ep);

#endif
