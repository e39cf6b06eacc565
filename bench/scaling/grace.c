/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * A grace period of liburcu (memb) as to its cache lines, when no reader is inside a section: a
 * waiters' queue, two locks, one look at each reader, each of whom moves to another list and back,
 * and a new phase. This file is compiled like the core, so that its accesses are seen.
 */
#include "sim.h"

static void lock(uint32_t *l)
{
	if (__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE))
		__builtin_trap();
}

static void unlock(uint32_t *l)
{
	__atomic_store_n(l, 0, __ATOMIC_RELEASE);
}

void sim_grace_wait(void *ctx)
{
	const unsigned *readers = ctx;
	struct sim_reader *all = (struct sim_reader *)(sim_rcu + 1);

	__atomic_exchange_n(&sim_rcu->waiters, 1, __ATOMIC_SEQ_CST);
	lock(&sim_rcu->gp_lock);
	__atomic_exchange_n(&sim_rcu->waiters, 0, __ATOMIC_SEQ_CST);
	lock(&sim_rcu->registry_lock);
	for (unsigned i = 0; i < *readers; i++) {
		if (__atomic_load_n(&all[i].ctr, __ATOMIC_RELAXED) & SIM_RCU_NEST)
			__builtin_trap(); /* calls are not interrupted */
		__atomic_store_n(&all[i].node, 1, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&sim_rcu->ctr, sim_rcu->ctr ^ SIM_RCU_PHASE, __ATOMIC_RELAXED);
	unlock(&sim_rcu->registry_lock);
	unlock(&sim_rcu->gp_lock);
}
