/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * What a compiler calls for each access in code that it instruments for ThreadSanitizer. The core
 * is compiled so and linked with these instead of the sanitizer's, which is how the simulator sees
 * all that it touches, but for calls of memset: gathers are cleared when they begin, and tables
 * that an unmap took whole, which no pattern does. One thread plays all callers, so plain
 * operations do for the atomic ones.
 */
#include "sim.h"

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_read_range(void *addr, unsigned long bytes);
void __tsan_write_range(void *addr, unsigned long bytes);
void __tsan_atomic_thread_fence(int order);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *addr, unsigned long bytes)
{
	sim_access(addr, bytes, false);
}

void __tsan_write_range(void *addr, unsigned long bytes)
{
	sim_access(addr, bytes, true);
}

/* moves no line */
void __tsan_atomic_thread_fence(int order)
{
	(void)order;
}

#define PLAIN(name, bytes, write)               \
	void __tsan_##name(void *addr);         \
	void __tsan_##name(void *addr)          \
	{                                       \
		sim_access(addr, bytes, write); \
	}

PLAIN(read1, 1, false)
PLAIN(read2, 2, false)
PLAIN(read4, 4, false)
PLAIN(read8, 8, false)
PLAIN(read16, 16, false)
PLAIN(write1, 1, true)
PLAIN(write2, 2, true)
PLAIN(write4, 4, true)
PLAIN(write8, 8, true)
PLAIN(write16, 16, true)
PLAIN(unaligned_read8, 8, false)
PLAIN(unaligned_write8, 8, true)
PLAIN(unaligned_read16, 16, false)
PLAIN(unaligned_write16, 16, true)

#define RMW(bits, name, type, new_value)                                               \
	type __tsan_atomic##bits##_##name(volatile type *addr, type value, int order); \
	type __tsan_atomic##bits##_##name(volatile type *addr, type value, int order)  \
	{                                                                              \
		type old = *addr;                                                      \
                                                                                       \
		(void)order;                                                           \
		sim_rmw(addr, sizeof(type));                                           \
		*addr = new_value;                                                     \
		return old;                                                            \
	}

/* gcc calls the first kind, clang the second. */
#define CAS(bits, name, type)                                                                 \
	int __tsan_atomic##bits##_##name(volatile type *addr, type *expected, type value,     \
					 int order, int failure);                             \
	int __tsan_atomic##bits##_##name(volatile type *addr, type *expected, type value,     \
					 int order, int failure)                              \
	{                                                                                     \
		type old = __tsan_atomic##bits##_compare_exchange_val(addr, *expected, value, \
								      order, failure);        \
		bool same = old == *expected;                                                 \
                                                                                              \
		*expected = old;                                                              \
		return same;                                                                  \
	}

#define CAS_VAL(bits, type)                                                                  \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *addr, type expected,  \
							type value, int order, int failure); \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *addr, type expected,  \
							type value, int order, int failure)  \
	{                                                                                    \
		type old = *addr;                                                            \
                                                                                             \
		(void)order;                                                                 \
		(void)failure;                                                               \
		sim_rmw(addr, sizeof(type));                                                 \
		if (old == expected)                                                         \
			*addr = value;                                                       \
		return old;                                                                  \
	}

#define ATOMIC(bits, type)                                                            \
	type __tsan_atomic##bits##_load(const volatile type *addr, int order);        \
	type __tsan_atomic##bits##_load(const volatile type *addr, int order)         \
	{                                                                             \
		(void)order;                                                          \
		sim_access(addr, sizeof(type), false);                                \
		return *addr;                                                         \
	}                                                                             \
	void __tsan_atomic##bits##_store(volatile type *addr, type value, int order); \
	void __tsan_atomic##bits##_store(volatile type *addr, type value, int order)  \
	{                                                                             \
		(void)order;                                                          \
		sim_access(addr, sizeof(type), true);                                 \
		*addr = value;                                                        \
	}                                                                             \
	RMW(bits, exchange, type, value)                                              \
	RMW(bits, fetch_add, type, old + value)                                       \
	RMW(bits, fetch_sub, type, old - value)                                       \
	RMW(bits, fetch_and, type, old &value)                                        \
	RMW(bits, fetch_or, type, old | value)                                        \
	CAS_VAL(bits, type)                                                           \
	CAS(bits, compare_exchange_strong, type)                                      \
	CAS(bits, compare_exchange_weak, type)

ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
