/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_HOT_H
#define EBB_HOT_H
/*
 * The hot half of the scheduler's platform: every function is a point where another caller may go
 * on (scheduler.h). Tables come from one arena, their physical addresses are not their pointers.
 */
#include "ebb.h"

#define SCHED_TABLES  2048u
#define SCHED_PA_BASE 0x300000000ull

struct sched_page {
	uint64_t word[EBB_TABLE_ENTRIES];
};

extern struct sched_page sched_arena[SCHED_TABLES];
extern struct ebb_desc sched_descs[SCHED_TABLES];

void sched_read_lock(void);
void sched_read_unlock(void);
void sched_pause(void);
uint64_t sched_load(const uint64_t *ep);
void sched_store(uint64_t *ep, uint64_t e);
bool sched_cas(uint64_t *ep, uint64_t *old, uint64_t e);
uint64_t sched_exchange(uint64_t *ep, uint64_t e);
void sched_clear(uint64_t *ep, uint64_t bits);
bool sched_line_is_zero(const uint64_t *line);
/* An address that no table has. */
struct ebb_table *sched_bad_address(uint64_t pa);

static inline void ebb_hot_read_lock(void)
{
	sched_read_lock();
}

static inline void ebb_hot_read_unlock(void)
{
	sched_read_unlock();
}

static inline ebb_pa ebb_hot_pa(const struct ebb_table *t)
{
	return EBB_PA((uintptr_t)t - (uintptr_t)sched_arena + SCHED_PA_BASE);
}

static inline struct ebb_table *ebb_hot_va(ebb_pa pa)
{
	uint64_t offset = pa.v - SCHED_PA_BASE;

	if (offset >= sizeof(sched_arena))
		return sched_bad_address(pa.v);
	return (struct ebb_table *)((char *)sched_arena + offset);
}

static inline struct ebb_desc *ebb_hot_desc(const struct ebb_table *t)
{
	return &sched_descs[(const struct sched_page *)(const void *)t - sched_arena];
}

static inline void ebb_hot_pause(unsigned spins)
{
	(void)spins;
	sched_pause();
}

#define EBB_HOT_ACCESS
#define ebb_hot_load(ep)	  sched_load(ep)
#define ebb_hot_store(ep, e)	  sched_store(ep, e)
#define ebb_hot_cas(ep, old, new) sched_cas(ep, old, new)
#define ebb_hot_exchange(ep, e)	  sched_exchange(ep, e)
#define ebb_hot_clear(ep, bits)	  sched_clear(ep, bits)

#define EBB_HOT_LINE_IS_ZERO
static inline bool ebb_hot_line_is_zero(const uint64_t *line)
{
	return sched_line_is_zero(line);
}

#endif
