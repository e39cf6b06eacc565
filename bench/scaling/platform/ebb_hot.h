/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_HOT_H
#define EBB_HOT_H
/*
 * The hot half of the simulator's platform. One thread plays all callers; a call runs to its end
 * before another caller's begins, so nobody ever waits. Read sections touch the cache lines that
 * liburcu's (memb) would: the caller's own reader state, and the global counter.
 */
#include "ebb.h"

#define SIM_LINE 64u

struct sim_reader {
	_Alignas(128) unsigned long ctr;
	_Alignas(128) uint64_t node; /* links in the list of readers, which grace periods rewrite */
};

struct sim_rcu {
	_Alignas(128) unsigned long ctr;
	int32_t futex;
	_Alignas(SIM_LINE) uint64_t waiters;
	_Alignas(SIM_LINE) uint32_t gp_lock;
	_Alignas(SIM_LINE) uint32_t registry_lock;
};

/* Where the simulated memory is. The pointers themselves are not part of it. */
extern struct sim_rcu *sim_rcu;
extern struct sim_reader *sim_self; /* of the caller whose turn it is */
extern char *sim_tables, *sim_descs;
extern unsigned sim_desc_size;

#define SIM_RCU_NEST  0xfffful
#define SIM_RCU_PHASE 0x10000ul

static inline void ebb_hot_read_lock(void)
{
	unsigned long ctr = sim_self->ctr;

	if (ctr & SIM_RCU_NEST)
		ctr++;
	else
		ctr = __atomic_load_n(&sim_rcu->ctr, __ATOMIC_RELAXED);
	__atomic_store_n(&sim_self->ctr, ctr, __ATOMIC_RELAXED);
}

static inline void ebb_hot_read_unlock(void)
{
	unsigned long ctr = sim_self->ctr;

	__atomic_store_n(&sim_self->ctr, ctr - 1, __ATOMIC_RELAXED);
	if ((ctr & SIM_RCU_NEST) == 1 && __atomic_load_n(&sim_rcu->futex, __ATOMIC_RELAXED))
		__builtin_trap(); /* nobody sleeps in a grace period */
}

#define SIM_PA_OFFSET 0x40000000ull

static inline ebb_pa ebb_hot_pa(const struct ebb_table *t)
{
	return EBB_PA((uint64_t)((const char *)t - sim_tables) + SIM_PA_OFFSET);
}

static inline struct ebb_table *ebb_hot_va(ebb_pa pa)
{
	return (struct ebb_table *)(sim_tables + (pa.v - SIM_PA_OFFSET));
}

static inline struct ebb_desc *ebb_hot_desc(const struct ebb_table *t)
{
	uint64_t n = (uint64_t)((const char *)t - sim_tables) / EBB_TABLE_SIZE;

	return (struct ebb_desc *)(sim_descs + n * sim_desc_size);
}

static inline void ebb_hot_pause(unsigned spins)
{
	(void)spins;
	__builtin_trap(); /* nobody waits */
}

#endif
