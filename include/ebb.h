/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_H
#define EBB_H
/*
 * Ebb: IOMMU page tables that give their memory back.
 *
 * A domain is one I/O address space. Callers map and unmap ranges of it, from as many threads as
 * they like, and the page tables in it are freed when the last mapping in them has gone.
 *
 * Words, used in this sense everywhere:
 *
 *   domain      one I/O address space: a root table, a format, a policy, its statistics
 *   table       a 4 KiB node of 512 entries
 *   entry       one of its 64-bit words; leaf: an entry that maps memory
 *   level       0 for the table that holds the smallest leaves, one more for each step to the root
 *   span        the IOVA range that a table or an entry covers
 *   caller      a thread or CPU that is inside one of the functions below
 *   gather      one caller's working set on one domain: ranges to invalidate, unlinked and spare
 *               tables, candidates
 *   candidate   a hint, kept as an IOVA and a level, never as a pointer: this table may be empty
 *   read section, grace period
 *               as in RCU: a grace period ends when every read section that was open at its start
 *               has ended
 *   invalidation
 *               leaf: the IOTLB only. wide: the IOTLB and the walk caches of the whole span
 *
 * Ownership rule (the IOMMU API's own). Concurrent calls on one domain work on disjoint IOVA
 * ranges, and a range that was unmapped is mapped again only after the ebb_sync() that covers it.
 * Two callers may share tables, down to the table that holds their leaves. Breaking the rule may
 * lose mappings; nothing else that a caller passes can. ebb_translate(), ebb_for_each() and
 * ebb_stats() are exempt: they may look at any range at any time.
 *
 * A range is given as its first IOVA and its length in bytes. _last is inclusive, _end exclusive,
 * _lg2 a logarithm.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EBB_VERSION "0.1.0"

/*
 * An I/O virtual address, and a physical (output) address. Structs, so that mixing them does not
 * compile.
 */
typedef struct ebb_iova {
	uint64_t v;
} ebb_iova;
typedef struct ebb_pa {
	uint64_t v;
} ebb_pa;
#define EBB_IOVA(x) ((ebb_iova){ (uint64_t)(x) })
#define EBB_PA(x)   ((ebb_pa){ (uint64_t)(x) })

#define EBB_TABLE_SIZE	  4096u
#define EBB_TABLE_ENTRIES 512u
#define EBB_LEVELS_MAX	  6u /* room for the deepest format */
#define EBB_BATCH_MAX	  64u /* candidates in one reclaim batch */

/* Errors. Each has one cause. After any error the mappings are as they were before the call. */
enum ebb_error {
	EBB_OK = 0,
	/* an argument outside its set: zero length, no permission, unknown flag, no callback */
	EBB_ERR_INVALID = -1,
	/* IOVA, output address or length is not a multiple of the smallest page */
	EBB_ERR_MISALIGNED = -2,
	EBB_ERR_APERTURE = -3, /* the range overflows, or ends beyond the format's last IOVA */
	/* an output address needs more bits than the domain's pa_width_lg2 */
	EBB_ERR_PA_WIDTH = -4,
	/* something in the range is already mapped; ebb_error_iova() names the first such IOVA */
	EBB_ERR_MAPPED = -5,
	EBB_ERR_NOT_MAPPED = -6, /* nothing is mapped there */
	/* the range cuts through a larger leaf; ebb_error_iova() names its first IOVA */
	EBB_ERR_LARGE_LEAF = -7,
	EBB_ERR_NO_MEMORY = -8, /* the platform has no table to give, not even after a reclaim */
	EBB_ERR_UNSUPPORTED = -9, /* the format, or this domain's configuration, cannot do it */
};

/* A short English text for an error code, "unknown error" for anything else. Never NULL. */
const char *ebb_strerror(int error);

/* ---- platform ---------------------------------------------------------- */

struct ebb_table; /* 512 entries; opaque, and only ever handled by pointer */

/*
 * What the core keeps beside a table, outside the memory that the device walks. The platform
 * provides one per table (ebb_hot_desc() in its header) for as long as the table is allocated. It
 * needs no initialisation.
 */
struct ebb_desc {
	/* the list that the table is on while it is not linked into a tree */
	struct ebb_table *next;
	uint32_t count; /* policy rwlock, while linked: entries of the table that are not zero */
	uint32_t level; /* while linked: level + 1. 0: not linked */
};

enum ebb_invalidation {
	EBB_LEAF, /* IOTLB only; VT-d: IH = 1 (VT-d spec 6.5.2.3) */
	EBB_WIDE, /* IOTLB and every walk cache below the span's covering entry; VT-d: IH = 0 */
};

struct ebb_span {
	ebb_iova first, last; /* last is inclusive */
	enum ebb_invalidation kind;
};

/*
 * Proof that an invalidation has completed. Only the platform makes one; freeing a table takes one.
 */
typedef struct ebb_token {
	uint64_t v;
} ebb_token;

/*
 * The cold half of the platform. The hot half (read section, physical <-> virtual, descriptor,
 * pause) is a set of inline functions in a header called ebb_hot.h that the embedder puts on the
 * include path; see docs/embedding.md. All callbacks get `ctx`. alloc_table and grace_wait are
 * called outside read sections only, and may sleep.
 */
struct ebb_platform {
	void *ctx;

	/* A zeroed, 4 KiB aligned table, near NUMA node `node` (-1: anywhere), or NULL. */
	struct ebb_table *(*alloc_table)(void *ctx, int node);

	/*
	 * Takes back a list of tables, linked by ebb_desc.next, with any contents. Nobody, device
	 * included, uses them.
	 */
	void (*free_tables)(void *ctx, struct ebb_table *list);

	/*
	 * Returns when every read section of this domain's users that was open at the call has
	 * ended. A full fence.
	 */
	void (*grace_wait)(void *ctx);

	/*
	 * Invalidates n >= 1 spans and returns when all of it has completed, device-side caches
	 * included. A full memory fence: stores before the call are visible to all CPUs and to the
	 * device before anything that the caller loads after it. Under policy rwlock it is called
	 * with the domain's lock held.
	 */
	ebb_token (*invalidate)(void *ctx, const struct ebb_span *spans, unsigned n);

	/*
	 * Writes back the cache lines of [addr, addr + len) so that a walker that does not snoop
	 * sees them, and waits for that. Called inside read sections. May be NULL unless
	 * EBB_NONSNOOPING is set.
	 */
	void (*write_back)(void *ctx, const void *addr, size_t len);
};

/* ---- domain ------------------------------------------------------------ */

enum ebb_format_id {
	EBB_VTDSS, /* VT-d second stage: 3, 4 or 5 levels; leaves of 4 KiB, 2 MiB, 1 GiB */
	EBB_FORMAT_IDS,
};

enum ebb_policy {
	EBB_NONE, /* free a table only when one unmap covers its whole span (what Linux 7.3 does) */
	EBB_RWLOCK, /* free at once, under one read-write lock per domain, by counting entries */
	EBB_DEFERRED, /* free in batches, without a lock: docs/protocol.md */
	EBB_POLICIES,
};

/* What unmap does with a leaf that is larger than the part to be unmapped. */
enum ebb_partial {
	EBB_PARTIAL_REFUSE, /* EBB_ERR_LARGE_LEAF, nothing changes */
	/* unmap the whole leaf and report the larger length; the caller must own all of it */
	EBB_PARTIAL_WHOLE,
	EBB_PARTIAL_SPLIT, /* replace it by a table of smaller leaves first; may need memory */
};

/* ebb_config.flags */
#define EBB_NONSNOOPING \
	(1u << 0) /* page walks do not snoop CPU caches (VT-d ECAP.C = 0): write entries back */
#define EBB_CACHING_MODE \
	(1u << 1) /* the device caches non-present entries (VT-d CAP.CM = 1): invalidate on map */
#define EBB_ACCESSED_DIRTY (1u << 2) /* hardware sets accessed and dirty bits (VT-d SSADS) */
#define EBB_SNOOP_CONTROL  (1u << 3) /* leaves may carry the snoop bit (VT-d ECAP.SC = 1) */
#define EBB_FLAGS	   (15u) /* all of them */

struct ebb_config {
	enum ebb_format_id format;
	enum ebb_policy policy;
	enum ebb_partial partial;
	unsigned levels; /* depth of the tree: 3, 4 or 5 for EBB_VTDSS */
	/* bits of an output address that the hardware implements; 0: all that the format has */
	unsigned pa_width_lg2;
	/* bit l: leaves at level l may be used; bit 0 must be set. 0: all that the format has */
	uint32_t leaf_levels;
	uint32_t flags;
	/* candidates per reclaim batch, 1 to EBB_BATCH_MAX; 0: reclaim in every sync */
	unsigned batch;
	int node; /* NUMA node for tables, -1: any */
};

struct ebb_counters { /* private to the core; ebb_stats() reads it */
	int64_t live[EBB_LEVELS_MAX];
	uint64_t frozen, dead, thawed, revived, freed, leaf_invalidations, wide_invalidations;
};

struct ebb_format;
struct ebb_gather;

/*
 * The caller's storage; all members are private. At most 4 KiB, and no allocation hides behind it
 * but tables.
 */
struct ebb_domain {
	struct ebb_table *root;
	const struct ebb_format *format;
	struct ebb_platform platform;
	uint64_t iova_last, pa_mask;
	uint64_t pa_wide; /* the bits that no output address has */
	uint32_t flags, leaf_levels;
	enum ebb_policy policy;
	/* the policy again where a single page takes the short way; else EBB_POLICIES */
	uint8_t map_page, unmap_page;
	enum ebb_partial partial;
	unsigned levels, batch;
	int node;
	int held_slack; /* tables that a gather may count before it tells the domain */

	_Alignas(64) uint32_t rwlock; /* policy rwlock: the lock */
	_Alignas(64) uint32_t owners; /* bit o: owner number o is taken */
	struct ebb_table *pool; /* zeroed spare tables that no gather holds */
	uint32_t pooled; /* how many */
	/* tables linked, or unlinked and waiting to be freed, as far as gathers have told */
	uint64_t held, held_peak;
	/* guards the list of gathers and `retired`; never taken by map, unmap, sync */
	_Alignas(64) uint32_t gathers_lock;
	struct ebb_gather *gathers;
	struct ebb_counters retired; /* what finished gathers had counted */
};

/*
 * Makes an empty domain: a root table and nothing else.
 * Context: may sleep. `platform` is copied; its ctx must outlive the domain.
 * Errors: EBB_ERR_INVALID (configuration or missing callback), EBB_ERR_UNSUPPORTED (levels,
 * leaf_levels, width or flags that the format lacks), EBB_ERR_NO_MEMORY, EBB_ERR_PA_WIDTH (the
 * platform's tables lie beyond pa_width_lg2). Nothing is held then.
 */
int ebb_domain_init(struct ebb_domain *d, const struct ebb_config *config,
		    const struct ebb_platform *platform);

/*
 * Frees every table, the root included, and the spare tables of gathers that were not finished.
 * Context: no other call on the domain runs or follows, and hardware no longer uses it. Cost:
 * linear in the tables.
 */
void ebb_domain_destroy(struct ebb_domain *d);

/* What the hardware is to be pointed at. Constant for the life of the domain. */
ebb_pa ebb_root_pa(const struct ebb_domain *d);

/* ---- gather ------------------------------------------------------------ */

#define EBB_GATHER_SPANS   32u
#define EBB_GATHER_TOUCHED 32u
#define EBB_GATHER_SLOTS   (2 * EBB_BATCH_MAX)

struct ebb_work { /* private: one candidate in a reclaim batch */
	uint64_t cand;
	struct ebb_table *table;
	struct ebb_table *above; /* of a pair: the upper table; else NULL */
};

/* The caller's storage, one for each concurrent caller; all members are private. At most 4 KiB. */
struct ebb_gather {
	struct ebb_domain *domain;
	struct ebb_gather *next;
	struct ebb_table *spare; /* zeroed, written back, not linked */
	struct ebb_table *unlinked; /* waits for a wide invalidation */
	/* invalidated, waits for a grace period; other reclaimers may take it */
	struct ebb_table *pending;
	unsigned nspare, npending, nwide, nslots;
	unsigned nspans, ntouched;
	/* since sync last looked, candidates were taken out of `slots`; batch 0: or listed */
	uint32_t taken;
	/*
	 * The candidates listed last, by the numbers of their tables, of even and of odd ones: they
	 * are touched again most often. Where they stand.
	 */
	uint64_t recent[2], *recent_slot[2];
	/* tables that it linked, less those that it freed, since it last told the domain */
	int64_t held, held_most; /* now, and at most */
	bool few_empty; /* of the last batch, few were */
	ebb_iova error_iova;
	struct ebb_counters counters;
	struct ebb_span spans[EBB_GATHER_SPANS];
	/* tables that lost leaves since the last sync, `recent` apart */
	uint64_t touched[EBB_GATHER_TOUCHED];
	uint64_t slots[EBB_GATHER_SLOTS]; /* candidates; other reclaimers may take them */
	struct ebb_work work[EBB_BATCH_MAX];
};

/*
 * Readies a gather and registers it with its domain. Context: any; takes the domain's list lock.
 * Cannot fail.
 */
void ebb_gather_init(struct ebb_gather *g, struct ebb_domain *d);

/*
 * Syncs, reclaims the candidates that are left in the gather, gives its spare tables to the
 * domain's pool and unregisters it. Context: may sleep (one grace period per level and batch).
 */
void ebb_gather_fini(struct ebb_gather *g);

/* The IOVA that the last EBB_ERR_MAPPED or EBB_ERR_LARGE_LEAF of this gather was about. */
ebb_iova ebb_error_iova(const struct ebb_gather *g);

/* ---- mapping ----------------------------------------------------------- */

/* Permissions. At least one of READ and WRITE. */
#define EBB_READ  (1u << 0)
#define EBB_WRITE (1u << 1)
#define EBB_SNOOP (1u << 2) /* force snooping of the device's accesses; needs EBB_SNOOP_CONTROL */

/*
 * Maps [iova, iova + len) to [pa, pa + len) with the largest pages that alignment, length and
 * leaf_levels allow. All or nothing. On return the device can use the range: entries are written
 * back and, in caching mode, invalidated. Any length up to the whole aperture. A large leaf may
 * cover empty tables; they are freed.
 *
 * Context: the caller owns the range; no read section is held; may sleep to allocate, and on
 * failure for a grace period.
 * Cost: one walk per leaf table touched, one store per leaf; a range in more than one leaf table is
 * walked twice.
 *
 * Errors: EBB_ERR_INVALID, EBB_ERR_MISALIGNED, EBB_ERR_APERTURE, EBB_ERR_PA_WIDTH,
 * EBB_ERR_UNSUPPORTED (EBB_SNOOP), EBB_ERR_MAPPED, EBB_ERR_NO_MEMORY. After an error nothing of the
 * range is mapped that was not before, and tables that the call allocated are pooled or freed.
 * Earlier unmaps of this gather may have been synced.
 */
int ebb_map(struct ebb_gather *g, ebb_iova iova, ebb_pa pa, uint64_t len, unsigned prot);

/*
 * Unmaps every leaf in [iova, iova + len). Holes are passed over. *unmapped (may be NULL) receives
 * the bytes that were removed: `len` if there was no hole, more only under EBB_PARTIAL_WHOLE. The
 * device may use the old translations until ebb_sync() returns; until then the pages behind them
 * must stay, and the range must not be mapped again.
 *
 * Context: the caller owns the range; no read section is held. Sleeps only if it must sync (more
 * than EBB_GATHER_SPANS separate ranges or EBB_GATHER_TOUCHED tables since the last sync) or
 * allocate (EBB_PARTIAL_SPLIT).
 * Cost: one walk per table touched, one store per leaf; a table whose whole span is covered is
 * unlinked in one piece. No read section is longer than one table.
 *
 * Errors: EBB_ERR_INVALID, EBB_ERR_MISALIGNED, EBB_ERR_APERTURE, EBB_ERR_NOT_MAPPED (nothing in the
 * range was mapped), EBB_ERR_LARGE_LEAF, EBB_ERR_NO_MEMORY (splitting). After an error nothing has
 * changed and *unmapped is 0.
 */
int ebb_unmap(struct ebb_gather *g, ebb_iova iova, uint64_t len, uint64_t *unmapped);

/*
 * Invalidates everything that this gather has unmapped and waits for it. After it, the ranges may
 * be reused. Then the tables that lost leaves are candidates; a full batch of candidates is
 * reclaimed here, and so is every candidate if the domain's batch is 0. Returns the number of
 * tables freed (0 mostly).
 * Context: may sleep for one grace period when a batch is full. Cost: one invalidation call; one
 * load per table touched.
 */
int ebb_sync(struct ebb_gather *g);

/* ---- looking ----------------------------------------------------------- */

struct ebb_mapping {
	ebb_pa pa; /* of the IOVA asked for, not of its page */
	unsigned size_lg2; /* of the page that maps it */
	unsigned prot;
};

/*
 * Finds what an IOVA (any alignment) translates to. Context: any, against any concurrent call.
 * Errors: EBB_ERR_APERTURE, EBB_ERR_NOT_MAPPED. Cost: one walk.
 */
int ebb_translate(struct ebb_domain *d, ebb_iova iova, struct ebb_mapping *out);

enum ebb_entry_state { /* what a table entry says of the table below it */
	EBB_ENTRY_TABLE,
	EBB_ENTRY_FROZEN, /* a reclaimer is looking at the table */
	EBB_ENTRY_DEAD, /* a reclaimer found it empty and is about to unlink it */
};

struct ebb_visit {
	ebb_iova first, last; /* what the leaf or the table spans */
	unsigned level; /* of the leaf's table; of the table itself */
	bool is_table;
	/* leaves: */
	ebb_pa pa;
	unsigned prot;
	bool accessed, dirty; /* always false without EBB_ACCESSED_DIRTY */
	/* tables: */
	enum ebb_entry_state state;
	unsigned used; /* entries that are not zero */
};

/* Returns 0 to go on, anything else to stop. May sleep and may call anything on the domain. */
typedef int (*ebb_visit_fn)(void *arg, const struct ebb_visit *visit);

#define EBB_VISIT_LEAVES (1u << 0)
#define EBB_VISIT_TABLES (1u << 1) /* each table, the root included, before what it holds */

/*
 * Calls fn for every leaf and/or table that overlaps [iova, iova + len), in ascending order. What
 * is mapped throughout is seen exactly once; what comes or goes meanwhile is seen once or not at
 * all.
 * Context: any, against any concurrent call; fn runs outside read sections. `len` up to the whole
 * aperture, any alignment.
 * Returns 0, what fn returned, EBB_ERR_INVALID or EBB_ERR_APERTURE. Cost: linear in the tables and
 * entries passed.
 */
int ebb_for_each(struct ebb_domain *d, ebb_iova iova, uint64_t len, unsigned what, ebb_visit_fn fn,
		 void *arg);

#define EBB_LOG_ACCESSED (1u << 0)
#define EBB_LOG_DIRTY	 (1u << 1)

/*
 * One run of neighbouring leaves that had a logged bit set; `bits`: which bits, the same for all of
 * the run.
 */
typedef void (*ebb_log_fn)(void *arg, ebb_iova first, uint64_t len, unsigned bits);

/*
 * Reads and clears the bits named by `bits` in every leaf that overlaps the range, and reports the
 * leaves that had any of them set. The gather remembers what must be invalidated: hardware may miss
 * accesses until the ebb_sync() that follows.
 * Context: the caller owns the range; fn runs outside read sections. Cost: linear in the entries
 * passed.
 * Errors: EBB_ERR_INVALID, EBB_ERR_MISALIGNED, EBB_ERR_APERTURE, EBB_ERR_UNSUPPORTED (no
 * EBB_ACCESSED_DIRTY).
 */
int ebb_read_dirty(struct ebb_gather *g, ebb_iova iova, uint64_t len, unsigned bits, ebb_log_fn fn,
		   void *arg);

/* ---- memory ------------------------------------------------------------ */

/*
 * Frees what is empty now: the candidates of every gather of the domain, then the tables above them
 * that became empty. Looks at no more than `budget` candidates, rounded up to a batch (UINT_MAX:
 * all). Returns the number of tables freed. When all callers have unmapped and synced everything
 * and none is inside a call, the root is all that is left.
 * Context: any number of reclaimers, each with a gather of its own; may sleep: one grace period per
 * batch, and one more. With EBB_NONE and EBB_RWLOCK it frees only tables that wait for a grace
 * period.
 */
int ebb_reclaim(struct ebb_gather *g, unsigned budget);

/*
 * Gives the spare tables of this gather and of the domain's pool back to the platform. Returns how
 * many. Context: may sleep.
 */
int ebb_trim(struct ebb_gather *g);

/*
 * Exact when no caller is inside a call, approximate otherwise. held_peak is exact with one caller,
 * and to within 16 tables for each where there are several.
 */
struct ebb_stats {
	uint64_t live[EBB_LEVELS_MAX]; /* linked tables per level */
	uint64_t held, held_peak; /* linked, or unlinked and waiting to be freed */
	uint64_t pooled; /* spare tables, in the pool and in gathers */
	uint64_t candidates;
	/* since the domain was made: */
	/* entries frozen; found empty; thawed by anybody; brought back from dead */
	uint64_t frozen, dead, thawed, revived;
	uint64_t freed; /* tables that left the tree and became reusable, destruction not counted */
	uint64_t leaf_invalidations, wide_invalidations; /* spans handed to the platform */
};

void ebb_stats(struct ebb_domain *d, struct ebb_stats *out);

enum ebb_violation {
	/*
	 * a reserved bit, an address beyond the width, a misaligned large leaf, or a state that the
	 * policy lacks
	 */
	EBB_BAD_ENTRY,
	/* policy rwlock: the descriptor's count is not the number of entries in use */
	EBB_BAD_COUNT,
	/* a linked table whose descriptor says otherwise, or two links to one table */
	EBB_BAD_DESC,
	EBB_BAD_STATS, /* tables found per level differ from the statistics */
	EBB_EMPTY_TABLE, /* policy rwlock: an empty table is linked */
	EBB_UNSETTLED, /* a frozen or dead entry though nobody reclaims */
};

/* `iova` and `level` of the entry or table in question. */
typedef void (*ebb_violation_fn)(void *arg, enum ebb_violation what, ebb_iova iova, unsigned level);

/*
 * Checks the invariants of the whole tree; fn (may be NULL) hears of each violation. Returns how
 * many there are.
 * Context: no other call on the domain runs. Cost: linear in the tables. For tests and debugging.
 */
unsigned ebb_check(struct ebb_domain *d, ebb_violation_fn fn, void *arg);

#endif
