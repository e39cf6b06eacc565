/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_HOSTED_H
#define EBB_HOSTED_H
/*
 * The platform for Linux user space: liburcu for read sections, and a reserved arena for tables
 * whose memory goes back to the operating system when tables are freed to it. There is no device:
 * invalidations are a fence and a count.
 */
#include "ebb.h"

struct ebb_hosted; /* an arena, its limit and its counters; thread-safe */

/*
 * What a table costs besides its 4 KiB: its descriptor, in a cache line of its own, so that callers
 * whose tables stand side by side do not share it.
 */
#define EBB_HOSTED_DESC_SIZE 64

/* The most table memory that one ebb_hosted can have. */
#define EBB_HOSTED_BYTES_MAX (1ull << 40)

/*
 * `limit_tables` is the most that may be allocated at any time, 0 for no limit; hitting it is
 * EBB_ERR_NO_MEMORY in the core. Address space is reserved as it is needed, 1 GiB at a time, and
 * memory is used only by allocated tables. Returns NULL with errno: ENOMEM, there is no address
 * space; ENOSYS, the kernel lacks membarrier(2) with MEMBARRIER_CMD_PRIVATE_EXPEDITED (Linux 4.14),
 * and the library was built without -Drcu_flavour=mb.
 */
struct ebb_hosted *ebb_hosted_create(uint64_t limit_tables);

/* All domains on it must have been destroyed. */
void ebb_hosted_destroy(struct ebb_hosted *h);

/*
 * To be handed to ebb_domain_init(); may be copied and its callbacks wrapped. Valid as long as `h`.
 */
struct ebb_platform ebb_hosted_platform(struct ebb_hosted *h);

/* Changes the limit. A limit below what is allocated only stops further allocations. */
void ebb_hosted_set_limit(struct ebb_hosted *h, uint64_t limit_tables);

/*
 * Makes the n-th allocation from now (1: the next one) fail, and only that one. 0: never. For
 * tests.
 */
void ebb_hosted_fail_nth(struct ebb_hosted *h, uint64_t n);

struct ebb_hosted_stats {
	uint64_t tables, tables_peak; /* allocated now, and at most */
	uint64_t allocations; /* ever, failed ones included */
	/* of the arena, as the kernel counts them (linear in the arena's used part) */
	uint64_t resident_bytes;
};

void ebb_hosted_stats(struct ebb_hosted *h, struct ebb_hosted_stats *out);

/*
 * A thread registers with liburcu when it first enters a read section or, so that the first call is
 * as fast as any other, explicitly. It is unregistered when it ends.
 */
void ebb_hosted_register_thread(void);

/*
 * For threads that call into the core again and again, as those of a driver that polls. While a
 * thread is online, its read sections store nothing, and a grace period waits for it to end its
 * next call instead of interrupting it. In return it must go offline before it blocks, waits for
 * another thread, or does something else for long: until then nothing empty is freed, and who waits
 * for a grace period hangs. Between calls of the core only; a thread that ends goes offline by
 * itself. Calls are allowed offline, too: they register the thread again.
 *
 * Under the policies none and rwlock it is the next ebb_sync() that ends it.
 *
 * Who uses liburcu's QSBR flavour himself: each call of the core may be a quiescent state of the
 * thread. Threads that call the core enter that flavour by this function and no other, for grace
 * periods do not wait for threads that they do not know of.
 *
 * Cost: two fences each, and the first time a lock. liburcu's QSBR flavour.
 */
void ebb_hosted_online(void);
void ebb_hosted_offline(void);

#endif
