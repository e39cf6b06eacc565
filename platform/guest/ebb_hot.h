/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_HOT_H
#define EBB_HOT_H
/*
 * The hot half of a bare-metal platform with one CPU and no preemption: no call can run while
 * another is inside, so a read section costs nothing and a grace period has always passed. The
 * compiler must still not move accesses across a section's ends, because an interrupt handler may
 * start a call between two others.
 *
 * Memory is mapped one to one. Tables come from an arena of EBB_GUEST_ARENA_SIZE bytes, aligned to
 * its size, with the descriptors of its tables at the beginning.
 */
#include "ebb.h"

#define EBB_GUEST_ARENA_SIZE (64ull << 20)

static inline void ebb_hot_read_lock(void)
{
	__asm__ __volatile__("" ::: "memory");
}

static inline void ebb_hot_read_unlock(void)
{
	__asm__ __volatile__("" ::: "memory");
}

static inline ebb_pa ebb_hot_pa(const struct ebb_table *t)
{
	return EBB_PA((uintptr_t)t);
}

static inline struct ebb_table *ebb_hot_va(ebb_pa pa)
{
	return (struct ebb_table *)(uintptr_t)pa.v;
}

static inline struct ebb_desc *ebb_hot_desc(const struct ebb_table *t)
{
	uintptr_t base = (uintptr_t)t & ~(uintptr_t)(EBB_GUEST_ARENA_SIZE - 1);

	return (struct ebb_desc *)base + (((uintptr_t)t - base) / EBB_TABLE_SIZE);
}

static inline void ebb_hot_pause(unsigned spins)
{
	(void)spins;
}

#endif
