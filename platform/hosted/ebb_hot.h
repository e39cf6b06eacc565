/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_HOT_H
#define EBB_HOT_H
/*
 * The hot half of the hosted platform: inlined into the core. docs/embedding.md says what each
 * function must do.
 *
 * liburcu's read-side functions are inlined too; its headers state that they are short enough to be
 * used so from code under any licence. Not for ThreadSanitizer, which misreads their inline
 * assembly.
 */
#include "ebb.h"
#include "ebb_hosted.h"
#include <sched.h>

#if defined(__SANITIZE_THREAD__)
#define EBB_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EBB_TSAN 1
#endif
#endif

#ifndef EBB_TSAN
#define _LGPL_SOURCE
#endif
/*
 * liburcu's option for systems that have membarrier: read sections do not ask each time whether it
 * is there. ebb_hosted_create() asks once.
 */
#ifndef CONFIG_RCU_FORCE_SYS_MEMBARRIER
#define CONFIG_RCU_FORCE_SYS_MEMBARRIER
#endif
#ifdef EBB_RCU_MB
#include <urcu/urcu-mb.h>
#define EBB_RCU(name) urcu_mb_##name
#else
#include <urcu/urcu-memb.h>
#define EBB_RCU(name) urcu_memb_##name
#endif
#include <urcu/urcu-qsbr.h>

/*
 * ThreadSanitizer sees neither membarrier nor what liburcu does in inline assembly. These two say
 * what a grace period guarantees, and no more: sections that ended before its end happen before its
 * end, and its beginning happens before the sections that began after it.
 */
#ifdef EBB_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
extern char ebb_hosted_tsan_ended, ebb_hosted_tsan_began;
#define EBB_TSAN_ACQUIRE(p) __tsan_acquire(p)
#define EBB_TSAN_RELEASE(p) __tsan_release(p)
#else
#define EBB_TSAN_ACQUIRE(p) ((void)0)
#define EBB_TSAN_RELEASE(p) ((void)0)
#endif

/*
 * Tables come from chunks of address space, each aligned to its size. The descriptors of a chunk's
 * tables stand at its beginning, so that a table's own address leads to its descriptor.
 */
#define EBB_CHUNK_SIZE (1ull << 30)

/*
 * Physical addresses differ from pointers, so that code that mixes them up fails. Small enough for
 * a displacement.
 */
#define EBB_HOSTED_PA_OFFSET 0x40000000ull

/*
 * A thread is in one of liburcu's two flavours, or in none. One that is registered stores at both
 * ends of a section that it is inside. One that is online (QSBR) is taken to be inside all the time
 * but when it reports that it is not, which it does at the end of a section if somebody waits.
 */
extern __thread bool ebb_hosted_registered;

void ebb_hosted_report(void); /* an online thread holds nothing now */

static inline bool ebb_hosted_is_online(void)
{
	return urcu_qsbr_read_ongoing();
}

#define EBB_HOT_READY
static inline bool ebb_hot_ready(void)
{
	return ebb_hosted_registered;
}

static inline void ebb_hot_read_lock_ready(void)
{
	EBB_RCU(read_lock)();
	EBB_TSAN_ACQUIRE(&ebb_hosted_tsan_began);
}

static inline void ebb_hot_read_unlock_ready(void)
{
	EBB_TSAN_RELEASE(&ebb_hosted_tsan_ended);
	EBB_RCU(read_unlock)();
}

/* Somebody waits for a report of this online thread. */
static inline bool ebb_hosted_awaited(void)
{
#ifdef EBB_TSAN
	return true; /* cannot be seen from outside of liburcu; an unneeded report does nothing */
#else
	return CMM_LOAD_SHARED(urcu_qsbr_gp.ctr) != URCU_TLS(urcu_qsbr_reader).ctr;
#endif
}

#ifndef EBB_TSAN /* must be told of every section */
#define EBB_HOT_INSIDE
static inline bool ebb_hot_inside(void)
{
	return !ebb_hosted_awaited(); /* nor is it offline then: its own counter is 0 */
}
#endif

#define EBB_HOT_OUTSIDE
static inline void ebb_hot_outside(void)
{
	if (__builtin_expect(ebb_hosted_is_online(), 0) && ebb_hosted_awaited())
		ebb_hosted_report();
}

static inline void ebb_hot_read_lock(void)
{
	if (ebb_hosted_is_online()) {
		EBB_TSAN_ACQUIRE(&ebb_hosted_tsan_began);
		return;
	}
	if (__builtin_expect(!ebb_hosted_registered, 0))
		ebb_hosted_register_thread();
	ebb_hot_read_lock_ready();
}

static inline void ebb_hot_read_unlock(void)
{
	if (ebb_hosted_registered) {
		ebb_hot_read_unlock_ready();
		return;
	}
	EBB_TSAN_RELEASE(&ebb_hosted_tsan_ended);
	if (__builtin_expect(ebb_hosted_awaited(), 0))
		ebb_hosted_report();
}

static inline ebb_pa ebb_hot_pa(const struct ebb_table *t)
{
	return EBB_PA((uintptr_t)t + EBB_HOSTED_PA_OFFSET);
}

static inline struct ebb_table *ebb_hot_va(ebb_pa pa)
{
	return (struct ebb_table *)(uintptr_t)(pa.v - EBB_HOSTED_PA_OFFSET);
}

static inline struct ebb_desc *ebb_hot_desc(const struct ebb_table *t)
{
	uintptr_t base = (uintptr_t)t & ~(uintptr_t)(EBB_CHUNK_SIZE - 1);

	return (struct ebb_desc *)(base +
				   ((uintptr_t)t - base) / EBB_TABLE_SIZE * EBB_HOSTED_DESC_SIZE);
}

/*
 * A caller waits for another; `spins` says how often it has already asked. That one may wait for a
 * grace period, and so for a report.
 */
static inline void ebb_hot_pause(unsigned spins)
{
	ebb_hot_outside();
	if (spins < 64)
		caa_cpu_relax();
	else
		sched_yield();
}

#if defined(__SSE2__) && !defined(EBB_TSAN)
#include <emmintrin.h>
#define EBB_HOT_LINE_IS_ZERO
/*
 * Whether the 64 bytes at `line` are zero. Others may be storing there: a vector load is made of
 * 8-byte loads that are each atomic, in any order, as the words of the loop that it replaces may be
 * loaded in any order.
 */
static inline bool ebb_hot_line_is_zero(const uint64_t *line)
{
	const volatile __m128i *v = (const volatile __m128i *)line;
	__m128i any = _mm_or_si128(_mm_or_si128(v[0], v[1]), _mm_or_si128(v[2], v[3]));

	return _mm_movemask_epi8(_mm_cmpeq_epi8(any, _mm_setzero_si128())) == 0xffff;
}

#define EBB_HOT_LINE_COMMON
static inline uint64_t ebb_hot_line_common(const uint64_t *line)
{
	const volatile __m128i *v = (const volatile __m128i *)line;
	__m128i all = _mm_and_si128(_mm_and_si128(v[0], v[1]), _mm_and_si128(v[2], v[3]));

	return (uint64_t)_mm_cvtsi128_si64(_mm_and_si128(all, _mm_unpackhi_epi64(all, all)));
}

#define EBB_HOT_LINE_STORE
/* Stores e, e + step, ...; for stores, too, the words are each atomic and may come in any order. */
static inline void ebb_hot_line_store(uint64_t *line, uint64_t e, uint64_t step)
{
	volatile __m128i *v = (volatile __m128i *)line;
	__m128i two = _mm_set_epi64x((int64_t)(e + step), (int64_t)e);
	__m128i next = _mm_set1_epi64x((int64_t)(2 * step));

	v[0] = two;
	two = _mm_add_epi64(two, next);
	v[1] = two;
	two = _mm_add_epi64(two, next);
	v[2] = two;
	v[3] = _mm_add_epi64(two, next);
}
#endif

#endif
