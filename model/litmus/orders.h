/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The memory orders of core/, for the litmus tests: each macro is one access and names the function
 * that makes it. A switch that weakens one makes a test that must fail.
 *
 * Entries are small numbers: 0 empty, TABLE, FROZEN, DEAD; leaves and other words are 0 or 1.
 */
#define TABLE  1
#define FROZEN 2
#define DEAD   3

#ifndef LOAD_ORDER
#define LOAD_ORDER acquire
#endif
#ifndef CAS_ORDER
#define CAS_ORDER acq_rel
#endif
#ifndef LOST_ORDER
#define LOST_ORDER acquire
#endif
#ifndef PUSH_ORDER
#define PUSH_ORDER release
#endif
#ifndef TAKE_ORDER
#define TAKE_ORDER acquire
#endif
#ifndef GIVE_ORDER
#define GIVE_ORDER release
#endif
#ifndef SLOT_ORDER
#define SLOT_ORDER release
#endif
#ifndef SET_ORDER
#define SET_ORDER release
#endif
#ifndef CLEAR_ORDER
#define CLEAR_ORDER acquire
#endif

#define ORDER(o)  ORDER_(o)
#define ORDER_(o) memory_order_##o

/* ebb_load(), ebb_store(), ebb_cas(), ebb_line_is_zero(): internal.h */
#define LOAD(x)		 atomic_load_explicit(x, ORDER(LOAD_ORDER))
#define STORE_LEAF(x, e) atomic_store_explicit(x, e, memory_order_relaxed)
#define CAS(x, old, new) \
	atomic_compare_exchange_strong_explicit(x, old, new, ORDER(CAS_ORDER), ORDER(LOST_ORDER))
#define SCAN(x) atomic_load_explicit(x, memory_order_relaxed)

/* ebb_slot_add(), recent_gone(): gather.c; take_slots(), collect(), ebb_sift(): reclaim.c */
#define SLOT_ADD(x)  atomic_store_explicit(x, 1, ORDER(SLOT_ORDER))
#define SLOT_HAS(x)  atomic_load_explicit(x, memory_order_relaxed)
#define SLOT_TAKE(x) atomic_exchange_explicit(x, 0, memory_order_acq_rel)

/* take_slots(): reclaim.c; ebb_sync(), list_touched(): gather.c */
#ifdef TAKEN_STORED /* broken: a store instead of an exchange */
#define TAKEN_SET(x) atomic_store_explicit(x, 1, ORDER(SET_ORDER))
#else
#define TAKEN_SET(x) int before = atomic_exchange_explicit(x, 1, ORDER(SET_ORDER))
#endif
#define TAKEN(x)       atomic_load_explicit(x, memory_order_relaxed)
#define TAKEN_CLEAR(x) atomic_exchange_explicit(x, 0, ORDER(CLEAR_ORDER))

/* pool_push(), ebb_tables_flushed(); pool_take(), ebb_pending_take(): table.c */
#define PUSH(x, t) atomic_exchange_explicit(x, t, ORDER(PUSH_ORDER))
#define TAKE(x)	   atomic_exchange_explicit(x, 0, ORDER(TAKE_ORDER))

/* owner_take(), owner_give(): reclaim.c */
#define OWNER_TAKE(x) atomic_exchange_explicit(x, 1, memory_order_acquire)
#define OWNER_GIVE(x) atomic_exchange_explicit(x, 0, ORDER(GIVE_ORDER))

/* The platform's: invalidate() is a full fence. */
#define FULL_FENCE() atomic_thread_fence(memory_order_seq_cst)
#ifdef NO_INVALIDATION_FENCE /* broken */
#define INVALIDATE() int no_fence = 0
#else
#define INVALIDATE() FULL_FENCE()
#endif

/* ebb_full_fence() in collect() and ebb_sift(), kill_one(), parents_add() and remember_path() */
#ifdef NO_COLLECT_FENCE
#define COLLECT_FENCE() int no_fence = 0
#else
#define COLLECT_FENCE() FULL_FENCE()
#endif
#ifdef NO_THAW_FENCE
#define THAW_FENCE() int no_fence = 0
#else
#define THAW_FENCE() FULL_FENCE()
#endif
#ifdef NO_PARENT_FENCE
#define PARENT_FENCE() int no_fence = 0
#else
#define PARENT_FENCE() FULL_FENCE()
#endif
#ifdef NO_FAILED_FENCE
#define FAILED_FENCE() int no_fence = 0
#else
#define FAILED_FENCE() FULL_FENCE()
#endif

/*
 * A read section and a grace period promise this and no more: the section has seen what came before
 * the grace period's beginning, or the grace period's end has seen the section. A test says so with
 * GRACE(): s is what ENTER() returned, w what GRACE_END() did.
 */
#define ENTER(began)	   atomic_load_explicit(began, memory_order_acquire)
#define LEAVE(ended)	   atomic_store_explicit(ended, 1, memory_order_release)
#define GRACE_BEGIN(began) atomic_store_explicit(began, 1, memory_order_release)
#define GRACE_END(ended)   atomic_load_explicit(ended, memory_order_acquire)
