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
#define SCHED_PA_BASE 0xf000000000000ull /* at the end of what a format has: no leaf maps it */

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
bool sched_line_is_zero_but(const uint64_t *line, unsigned but);
/* Before an access to anything else that callers share. */
void sched_shared_read(const void *p);
void sched_shared_write(const void *p);
/* The device accesses an entry, which it may do at any time. */
void sched_device_access(const void *p, bool writes);

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

/* Of an address that no table has too: it is the access that is wrong, and is found. */
static inline struct ebb_table *ebb_hot_va(ebb_pa pa)
{
	return (struct ebb_table *)(pa.v - SCHED_PA_BASE + (uintptr_t)sched_arena);
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

#define EBB_HOT_LINE_IS_ZERO_BUT
static inline bool ebb_hot_line_is_zero_but(const uint64_t *line, unsigned but)
{
	return sched_line_is_zero_but(line, but);
}

/*
 * Accesses to what else is shared, locks, lists, candidates, are atomic built-ins in the core;
 * those in the software IOMMU, which includes this header too, are the device's. A macro is not
 * expanded again inside itself.
 */
#ifdef EBB_CORE_INTERNAL_H
#define __atomic_load_n(p, order)	 (sched_shared_read(p), __atomic_load_n(p, order))
#define __atomic_store_n(p, v, order)	 (sched_shared_write(p), __atomic_store_n(p, v, order))
#define __atomic_exchange_n(p, v, order) (sched_shared_write(p), __atomic_exchange_n(p, v, order))
#define __atomic_fetch_add(p, n, order)	 (sched_shared_write(p), __atomic_fetch_add(p, n, order))
#define __atomic_fetch_sub(p, n, order)	 (sched_shared_write(p), __atomic_fetch_sub(p, n, order))
#define __atomic_add_fetch(p, n, order)	 (sched_shared_write(p), __atomic_add_fetch(p, n, order))
#define __atomic_sub_fetch(p, n, order)	 (sched_shared_write(p), __atomic_sub_fetch(p, n, order))
#define __atomic_fetch_and(p, n, order)	 (sched_shared_write(p), __atomic_fetch_and(p, n, order))
#define __atomic_fetch_or(p, n, order)	 (sched_shared_write(p), __atomic_fetch_or(p, n, order))
#define __atomic_compare_exchange_n(p, old, new, weak, order, failed) \
	(sched_shared_write(p), __atomic_compare_exchange_n(p, old, new, false, order, failed))
#else
#define __atomic_load_n(p, order) (sched_device_access(p, false), __atomic_load_n(p, order))
#define __atomic_compare_exchange_n(p, old, new, weak, order, failed) \
	(sched_device_access(p, true),                                \
	 __atomic_compare_exchange_n(p, old, new, weak, order, failed))
#endif

#endif
