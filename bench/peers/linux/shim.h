/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_PEER_SHIM_H
#define EBB_PEER_SHIM_H
/*
 * What the page-table code of Linux wants of its kernel, for user space: the words of the kernel's
 * general headers that it uses, with the same meaning and the same cost. Atomics and one-time
 * accesses are what they are in a kernel for x86-64; checks that a kernel without debugging options
 * leaves out are left out.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h> /* and with it glibc's __always_inline */

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef u64 phys_addr_t;
typedef u64 dma_addr_t;
typedef unsigned long pgoff_t;
typedef unsigned int gfp_t;

#define U32_MAX ((u32)~0u)
#define U64_MAX ((u64)~0ull)

/* ---- the compiler ---------------------------------------------------------------------------- */

#define __maybe_unused __attribute__((unused))
#define likely(x)      __builtin_expect(!!(x), 1)
#define unlikely(x)    __builtin_expect(!!(x), 0)
#define static_assert _Static_assert

#define SHIM_PASTE(a, b)  a##b
#define CONCATENATE(a, b) SHIM_PASTE(a, b)
#define SHIM_TEXT(...)	  #__VA_ARGS__
#define __stringify(...)  SHIM_TEXT(__VA_ARGS__)

#define container_of(member_ptr, type, member) \
	((type *)((char *)(member_ptr)-offsetof(type, member)))
#define container_of_const container_of

#define min(a, b)                                  \
	({                                         \
		__typeof__(a) shim_a = (a);        \
		__typeof__(b) shim_b = (b);        \
		shim_a < shim_b ? shim_a : shim_b; \
	})
#define max(a, b)                                  \
	({                                         \
		__typeof__(a) shim_a = (a);        \
		__typeof__(b) shim_b = (b);        \
		shim_a > shim_b ? shim_a : shim_b; \
	})
#define min_t(type, a, b) min((type)(a), (type)(b))

#define check_add_overflow(a, b, sum) __builtin_add_overflow(a, b, sum)

/* Everything behind a member. */
#define memset_after(object, byte, member)                                   \
	memset((char *)(object) + offsetof(__typeof__(*(object)), member) +  \
		       sizeof((object)->member),                             \
	       byte,                                                         \
	       sizeof(*(object)) - offsetof(__typeof__(*(object)), member) - \
		       sizeof((object)->member))

/* ---- configuration: x86-64 with several CPUs, no debugging ----------------------------------- */

#define CONFIG_X86	1
#define CONFIG_SMP	1
#define CONFIG_IOMMU_PT 1

/* 1 if the option is defined as 1, else 0; also for #if. */
#define IS_ENABLED(option)		SHIM_ENABLED_1(option)
#define SHIM_ENABLED_1(value)		SHIM_ENABLED_2(SHIM_DEFINED_##value)
#define SHIM_ENABLED_2(maybe)		SHIM_SECOND(maybe 1, 0, 0)
#define SHIM_SECOND(first, second, ...) second
#define SHIM_DEFINED_1			0,

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)

#define MODULE_LICENSE(text)	       _Static_assert(1, text)
#define MODULE_DESCRIPTION(text)       _Static_assert(1, text)
#define MODULE_IMPORT_NS(text)	       _Static_assert(1, text)
#define EXPORT_SYMBOL_NS_GPL(name, ns) _Static_assert(1, ns)

/* ---- bits ------------------------------------------------------------------------------------ */

#define BIT(n)			(1ul << (n))
#define BIT_ULL(n)		(1ull << (n))
#define GENMASK(high, low)	((~0ul << (low)) & (~0ul >> (63 - (high))))
#define GENMASK_ULL		GENMASK
#define FIELD_GET(mask, reg)	((((u64)(reg)) & (u64)(mask)) >> __builtin_ctzll(mask))
#define FIELD_PREP(mask, value) (((u64)(value) << __builtin_ctzll(mask)) & (u64)(mask))

/* Numbers of bits count from 0 in __ffs() and ffz(), from 1 in fls(), where 0 stands for none. */
#define ilog2(x) (63 - __builtin_clzll(x))

static inline unsigned int fls(u32 x)
{
	return x ? 32 - (unsigned int)__builtin_clz(x) : 0;
}

static inline unsigned int fls64(u64 x)
{
	return x ? 64 - (unsigned int)__builtin_clzll(x) : 0;
}

static inline unsigned int __ffs(unsigned long x)
{
	return (unsigned int)__builtin_ctzl(x);
}

static inline unsigned int __ffs64(u64 x)
{
	return (unsigned int)__builtin_ctzll(x);
}

static inline unsigned int ffz(unsigned long x)
{
	return (unsigned int)__builtin_ctzl(~x);
}

/* ---- memory accesses ------------------------------------------------------------------------- */

#define READ_ONCE(x)	     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))
#define smp_mb()	     __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define dma_wmb()	     __atomic_thread_fence(__ATOMIC_RELEASE)

#define try_cmpxchg64(p, old, new) \
	__atomic_compare_exchange_n(p, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define try_cmpxchg64_release(p, old, new) \
	__atomic_compare_exchange_n(p, old, new, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define try_cmpxchg_release try_cmpxchg64_release

typedef struct {
	int value;
} atomic_t;

/* Only growing the top of a tree takes a lock, and this format's top does not grow. */
typedef struct {
	int unused;
} spinlock_t;
#define spin_lock_irqsave(lock, flags)	    ((void)(lock), (flags) = 0)
#define spin_unlock_irqrestore(lock, flags) ((void)(lock), (void)(flags))

/* ---- errors ---------------------------------------------------------------------------------- */

#define BUILD_BUG()		__builtin_unreachable()
#define WARN_ON(condition)	unlikely(condition)
#define pr_err_ratelimited(...) ((void)0)

static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

static inline long PTR_ERR(const void *p)
{
	return (long)p;
}

static inline bool IS_ERR(const void *p)
{
	return (unsigned long)p >= (unsigned long)-4095;
}

/* ---- lists ----------------------------------------------------------------------------------- */

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name)     \
	{                        \
		&(name), &(name) \
	}

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list->prev = list;
}

static inline bool list_empty(const struct list_head *list)
{
	return list->next == list;
}

static inline void list_add_tail(struct list_head *entry, struct list_head *list)
{
	entry->prev = list->prev;
	entry->next = list;
	list->prev->next = entry;
	list->prev = entry;
}

/* Puts what is in `from` in front of what is in `to`. */
static inline void list_splice(const struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to;
	from->prev->next = to->next;
	to->next->prev = from->prev;
	to->next = from->next;
}

/* ---- pages ----------------------------------------------------------------------------------- */

/*
 * A page's descriptor is found as in a kernel: an array at a fixed place, 64 bytes for each page,
 * of which only what is used takes memory. The array has room for the pages around the first one.
 */
#define SHIM_PAGES_AROUND (1ul << (36 - 12)) /* 64 GiB on both sides */

struct folio {
	char bytes[64];
};

extern uintptr_t shim_folios; /* where that of page 0 would be */

static inline struct folio *virt_to_folio(const void *virt)
{
	return (struct folio *)(shim_folios +
				((uintptr_t)virt >> PAGE_SHIFT) * sizeof(struct folio));
}

static inline void *shim_folio_virt(const struct folio *folio)
{
	return (void *)(((uintptr_t)folio - shim_folios) / sizeof(struct folio) << PAGE_SHIFT);
}

/* Physical addresses are a constant away from pointers, as with the core's platform. */
#define SHIM_PA_OFFSET 0x40000000ul

static inline phys_addr_t virt_to_phys(const void *virt)
{
	return (uintptr_t)virt + SHIM_PA_OFFSET;
}

static inline void *phys_to_virt(phys_addr_t phys)
{
	return (void *)(uintptr_t)(phys - SHIM_PA_OFFSET);
}
#define __va phys_to_virt

/* Walks snoop: nothing is ever written back. */
#define clflush_cache_range(virt, size) ((void)(virt), (void)(size))

#define NUMA_NO_NODE (-1)
#define GFP_KERNEL   0u

#endif
