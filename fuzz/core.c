/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Bytes as a domain, calls by one to three callers, and a schedule for them. The scheduler runs the
 * real core (tests/sched), a plain model says what each call must return, and the software IOMMU
 * judges every DMA. At the end everything is unmapped, and the root must be the only table.
 *
 *	4 bytes		the domain, and the number of calls
 *	4 bytes each	the calls
 *	the rest	the schedule; when it ends, each caller runs on to its end
 *
 * Callers own units: single pages of two neighbouring leaf tables, 2 MiB blocks below one table,
 * 1 GiB blocks, and, in deeper trees, whole spans below the root; at first in turn, so that they
 * share tables of all levels. A caller may hand units over once it has synced, mapped or not.
 *
 * EBB_FUZZ_TRACE=1 prints the steps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "model.h"
#include "world.h"

#define CALLERS	   3u
#define CALLS	   48u
#define LEAVES_MAX 1200u /* of one map */
#define PAGES	   32u /* units of each kind */
#define BLOCKS	   8u
#define LARGE	   4u
#define ROOT_SPANS 3u
#define UNITS	   (PAGES + BLOCKS + LARGE + ROOT_SPANS)

struct call {
	uint8_t what, unit, range, pa;
};

static struct {
	struct world world;
	struct model model;
	unsigned callers, ncalls;
	struct call calls[CALLS];
	unsigned char owner[UNITS];
	bool clean_up; /* callers unmap what they have before they return */
	bool fails; /* an allocation was made to fail */
	const uint8_t *schedule, *schedule_end;
	unsigned run_on; /* points before the next byte is looked at */
} game;

#define EXPECT(condition)                       \
	do {                                    \
		if (!(condition))               \
			sched_fail(#condition); \
	} while (0)

/* ---- units and ranges ---- */

static struct world_range unit_range(unsigned u)
{
	/* pages 0 to 15 and 504 to 519, across the end of a table */
	if (u < PAGES)
		return (struct world_range){ 3 * GIB + (u < 16 ? u : u + 488) * PAGE, PAGE };
	u -= PAGES;
	if (u < BLOCKS)
		return (struct world_range){ 5 * GIB + u * MIB_2, MIB_2 };
	u -= BLOCKS;
	if (u < LARGE)
		return (struct world_range){ (8 + u) * GIB, GIB };
	u -= LARGE;
	return (struct world_range){ (u + 1) * 512 * GIB, 512 * GIB };
}

static unsigned units(void)
{
	return game.world.config.levels > 3 ? UNITS : UNITS - ROOT_SPANS;
}

/* Up to n neighbouring units of the running caller, from u on; no bytes if u is not its own. */
static struct world_range own_units(unsigned u, unsigned n)
{
	struct world_range r = { unit_range(u).iova, 0 };

	for (; n && u < units() && game.owner[u] == sched_current(); n--, u++) {
		struct world_range next = unit_range(u);

		if (next.iova != r.iova + r.len)
			break;
		r.len += next.len;
	}
	return r;
}

/* Whether [first, last] lies in units of the running caller. */
static bool owns(uint64_t first, uint64_t last)
{
	for (unsigned u = 0; u < units(); u++) {
		struct world_range r = unit_range(u);

		if (r.iova <= last && first < r.iova + r.len && game.owner[u] != sched_current())
			return false;
	}
	return true;
}

/* A part of r; `how` is any byte. */
static struct world_range part_of(struct world_range r, unsigned how)
{
	uint64_t pages = r.len / PAGE, first = 0, n = pages;

	switch (how & 7) {
	case 1:
		n = 1;
		break;
	case 2:
		first = pages - 1;
		break;
	case 3:
		first = (how >> 3) * 8 % pages;
		n = 1;
		break;
	case 4:
		n = (pages + 1) / 2;
		break;
	case 5:
		first = pages / 2;
		break;
	case 6:
		n = pages < EBB_TABLE_ENTRIES ? pages : EBB_TABLE_ENTRIES;
		break;
	case 7:
		first = pages > 1;
		break;
	default:
		break;
	}
	n = n < pages - first ? n : pages - first;
	return (struct world_range){ r.iova + first * PAGE, n * PAGE };
}

static struct world_range call_range(const struct call *c)
{
	struct world_range r = own_units(c->unit % units(), 1 + (c->range >> 3) % 16);

	return r.len ? part_of(r, c->range) : r;
}

/* ---- comparing ---- */

/* Tells the device what the model says of a range with nothing unmapped and not synced in it. */
static void tell(struct world_range r)
{
	struct soft_iommu *device = game.world.device;
	uint64_t last = r.iova + r.len - 1;

	soft_expect_unmapped(device, r.iova, r.len);
	for (unsigned i = model_at(&game.model, r.iova);
	     i < game.model.n && game.model.leaves[i].iova <= last; i++) {
		const struct model_leaf *leaf = &game.model.leaves[i];
		uint64_t from = leaf->iova > r.iova ? leaf->iova : r.iova;
		uint64_t to = model_last(leaf) < last ? model_last(leaf) : last;

		soft_expect_mapped(device, from, leaf->pa + (from - leaf->iova), to - from + 1,
				   leaf->prot);
	}
}

/* After an error: the range is as it was. */
static void restore(struct world_range r)
{
	world_sync(&game.world);
	tell(r);
}

static void check_iova(uint64_t iova)
{
	const struct model_leaf *leaf = model_find(&game.model, iova);
	uint64_t pa = leaf ? leaf->pa + (iova - leaf->iova) : 0;
	struct ebb_mapping m = { { 0 }, 0, 0 };

	if (leaf) {
		world_check_mapped(&game.world, iova, pa);
		return;
	}
	EXPECT(ebb_translate(&game.world.domain, EBB_IOVA(iova), &m) == EBB_ERR_NOT_MAPPED);
}

/* What is the caller's own is what the model says, whatever others do. */
static int see(void *arg, const struct ebb_visit *v)
{
	const struct model_leaf *leaf = model_find(&game.model, v->first.v);

	if (v->is_table || !owns(v->first.v, v->last.v))
		return 0;
	++*(unsigned *)arg;
	EXPECT(leaf);
	EXPECT(v->pa.v == leaf->pa + (v->first.v - leaf->iova));
	return 0;
}

/* With no caller inside. */
static int compare(void *arg, const struct ebb_visit *v)
{
	unsigned i = (*(unsigned *)arg)++;
	const struct model_leaf *leaf = &game.model.leaves[i];

	EXPECT(i < game.model.n);
	EXPECT(v->first.v == leaf->iova && v->last.v == model_last(leaf));
	EXPECT(v->pa.v == leaf->pa && v->prot == leaf->prot);
	return 0;
}

/* ---- calls ---- */

static bool is_pending(struct world_range r)
{
	unsigned n = sched_current();

	for (unsigned i = 0; i < game.world.npending[n]; i++) {
		struct world_range p = game.world.pending[n][i];

		if (p.iova < r.iova + r.len && r.iova < p.iova + p.len)
			return true;
	}
	return false;
}

static bool no_memory(int error)
{
	return error == EBB_ERR_NO_MEMORY && game.fails;
}

static void play_map(struct world_range r, unsigned how)
{
	static const uint64_t shift[] = { 0, PAGE, MIB_2, 0 };
	uint64_t pa = (r.iova & (512 * GIB - 1)) + shift[how & 3] + (how >> 2) * 512 * GIB;
	uint64_t where = 0;
	int error, expected;

	if (!r.len || model_leaves(&game.model, r.iova, pa, r.len) > LEAVES_MAX)
		return;
	if (is_pending(r))
		world_sync(&game.world);
	error = world_map(&game.world, r.iova, pa, r.len);
	expected = no_memory(error) ? error : model_map(&game.model, r.iova, pa, r.len, RW, &where);
	EXPECT(error == expected);
	if (error == EBB_ERR_MAPPED)
		EXPECT(ebb_error_iova(world_gather(&game.world)).v == where);
	if (error)
		restore(r);
}

/* The range that an unmap of r takes, with the whole of leaves that r cuts if that is the domain's
 * way. */
static struct world_range taken(struct world_range r)
{
	const struct model_leaf *first = model_find(&game.model, r.iova);
	const struct model_leaf *last = model_find(&game.model, r.iova + r.len - 1);
	uint64_t from = first ? first->iova : r.iova;
	uint64_t to = last ? model_last(last) : r.iova + r.len - 1;

	if (game.model.partial != EBB_PARTIAL_WHOLE)
		return r;
	return (struct world_range){ from, to - from + 1 };
}

/* Whether the model would have to hold too many leaves. */
static bool splits_too_much(struct world_range r)
{
	uint64_t edge[] = { r.iova, r.iova + r.len - 1 };

	for (unsigned i = 0; i < 2; i++) {
		const struct model_leaf *leaf = model_find(&game.model, edge[i]);

		if (leaf && leaf->size_lg2 > 21 && game.model.leaf_levels &&
		    !(game.model.leaf_levels & 2))
			return true;
	}
	return game.model.n + LEAVES_MAX * 4 > MODEL_MAX;
}

static void play_unmap(struct world_range r)
{
	struct world_range all = taken(r);
	uint64_t unmapped = 1, expected_unmapped, where = 0;
	int error, expected;

	if (!r.len || !owns(all.iova, all.iova + all.len - 1) ||
	    (game.model.partial == EBB_PARTIAL_SPLIT && splits_too_much(r)))
		return;
	error = world_unmap_part(&game.world, r, all, &unmapped);
	if (no_memory(error)) {
		EXPECT(unmapped == 0);
		restore(all);
		return;
	}
	expected = model_unmap(&game.model, r.iova, r.len, &expected_unmapped, &where);
	EXPECT(error == expected);
	EXPECT(unmapped == expected_unmapped);
	if (error == EBB_ERR_LARGE_LEAF)
		EXPECT(ebb_error_iova(world_gather(&game.world)).v == where);
	if (error)
		restore(all);
}

static void play_give(const struct call *c)
{
	unsigned u = c->unit % units(), n = 1 + c->range % 16, me = sched_current();

	world_sync(&game.world);
	for (; n && u < units() && game.owner[u] == me; n--, u++)
		game.owner[u] = (unsigned char)((me + 1 + (c->pa & 1)) % game.callers);
}

/* DMA into the caller's own range leaves bits that the model knows of; elsewhere it leaves none. */
static void play_dma(const struct call *c)
{
	uint64_t iova = unit_range(c->unit % units()).iova + (c->range & 15) * PAGE;
	bool write = c->pa & 1;

	if (!owns(iova, iova) || is_pending((struct world_range){ iova, 1 })) {
		world_dma(&game.world, iova, SOFT_PROBE);
		return;
	}
	world_dma(&game.world, iova, write ? SOFT_WRITE : SOFT_READ);
	model_touch(&game.model, iova, write);
}

/* ---- the log ---- */

struct log {
	unsigned bits;
	uint64_t bytes;
};

static unsigned bits_of(const struct model_leaf *leaf, unsigned bits)
{
	return bits & ((leaf->accessed ? EBB_LOG_ACCESSED : 0) | (leaf->dirty ? EBB_LOG_DIRTY : 0));
}

static void logged(void *arg, ebb_iova first, uint64_t len, unsigned bits)
{
	struct log *log = arg;

	for (uint64_t iova = first.v; iova < first.v + len;) {
		const struct model_leaf *leaf = model_find(&game.model, iova);

		EXPECT(leaf && !(bits & ~bits_of(leaf, log->bits)));
		iova = model_last(leaf) + 1;
	}
	log->bytes += len;
}

/*
 * Where leaves are split while another caller's DMA goes on, the model may know of more accesses
 * than the small leaves, for it splits later.
 */
static void play_log(struct world_range r, unsigned bits)
{
	struct log log = { 1 + bits % 3, 0 };
	uint64_t expected = 0, last = r.iova + r.len - 1;
	struct model *m = &game.model;
	int error;

	if (!r.len || is_pending(r))
		return;
	for (unsigned i = model_at(m, r.iova); i < m->n && m->leaves[i].iova <= last; i++)
		if (!owns(m->leaves[i].iova, model_last(&m->leaves[i])))
			return;
	error = ebb_read_dirty(world_gather(&game.world), EBB_IOVA(r.iova), r.len, log.bits, logged,
			       &log);
	if (!(game.world.config.flags & EBB_ACCESSED_DIRTY)) {
		EXPECT(error == EBB_ERR_UNSUPPORTED);
		return;
	}
	EXPECT(error == EBB_OK);
	world_sync(&game.world);
	for (unsigned i = model_at(m, r.iova); i < m->n && m->leaves[i].iova <= last; i++) {
		struct model_leaf *leaf = &m->leaves[i];

		expected += bits_of(leaf, log.bits) ? model_size(leaf) : 0;
		leaf->accessed = leaf->accessed && !(log.bits & EBB_LOG_ACCESSED);
		leaf->dirty = leaf->dirty && !(log.bits & EBB_LOG_DIRTY);
	}
	EXPECT(log.bytes == expected || m->partial == EBB_PARTIAL_SPLIT);
}

/* ---- a caller ---- */

static void play_looks(struct world_range r, unsigned how)
{
	unsigned seen = 0;

	if (r.len && (how & 1))
		check_iova(r.iova);
	else
		EXPECT(!ebb_for_each(&game.world.domain, EBB_IOVA(0), game.world.aperture,
				     EBB_VISIT_LEAVES | EBB_VISIT_TABLES, see, &seen));
}

static void play_memory(const struct call *c)
{
	switch (c->range & 3) {
	case 0:
		EXPECT(ebb_trim(world_gather(&game.world)) >= 0);
		return;
	case 1:
		game.fails = true;
		sched_fail_allocation(c->pa % 8);
		return;
	default:
		world_reclaim(&game.world, c->range & 4 ? ~0u : c->pa);
	}
}

static void play(const struct call *c)
{
	struct world_range r = call_range(c);

	switch ((c->what >> 2) % 16) {
	case 0 ... 3:
		play_map(r, c->pa);
		return;
	case 4 ... 6:
		play_unmap(r);
		return;
	case 7:
		play_unmap(r);
		world_sync(&game.world);
		return;
	case 8:
		world_sync(&game.world);
		return;
	case 9:
		play_give(c);
		return;
	case 10:
		play_looks(r, c->pa);
		return;
	case 11:
		play_log(r, c->pa);
		return;
	case 12:
		play_dma(c);
		return;
	case 13:
		play_map(r, c->pa);
		play_unmap(r);
		world_sync(&game.world);
		return;
	default:
		play_memory(c);
	}
}

static void caller(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < game.ncalls; i++)
		if (game.calls[i].what % 4 % game.callers == sched_current())
			play(&game.calls[i]);
	for (unsigned u = 0; u < units() && game.clean_up; u++)
		play_unmap(own_units(u, 1));
	world_sync(&game.world);
}

/* ---- the schedule ---- */

/* The nth actor of a set. */
static unsigned nth(unsigned set, unsigned n)
{
	for (n %= (unsigned)__builtin_popcount(set); n; n--)
		set &= set - 1;
	return (unsigned)__builtin_ctz(set);
}

static unsigned choose(void *arg, unsigned current, unsigned able)
{
	bool can_go_on = current < SCHED_NOBODY && (able & (1u << current));
	unsigned byte, n;

	(void)arg;
	if (can_go_on && (game.run_on || game.schedule == game.schedule_end)) {
		game.run_on -= game.run_on > 0;
		return current;
	}
	if (game.schedule == game.schedule_end)
		return nth(able, 0);
	byte = *game.schedule++;
	n = byte >> 2;
	game.run_on = n < 32 ? n : (n - 31) * 8;
	return nth(can_go_on ? able & ~(1u << current) : able, byte & 3);
}

static bool complete_oldest(void *arg)
{
	(void)arg;
	return soft_step(game.world.device);
}

/* ---- an input ---- */

static struct ebb_config config_of(const uint8_t *head)
{
	static const enum ebb_policy policies[] = { EBB_DEFERRED, EBB_DEFERRED, EBB_RWLOCK,
						    EBB_NONE };
	static const unsigned batches[] = { 64, 0, 1, 2 };
	static const uint32_t leaf_levels[] = { 0, 1, 3, 5 };

	return (struct ebb_config){
		.format = EBB_VTDSS,
		.policy = policies[head[0] & 3],
		.levels = 3 + (head[0] >> 2) % 3,
		.partial = (head[0] >> 4) % 3,
		.flags = head[1] & (EBB_NONSNOOPING | EBB_CACHING_MODE | EBB_ACCESSED_DIRTY),
		.leaf_levels = leaf_levels[(head[1] >> 4) & 3],
		.batch = batches[head[2] & 3],
		.node = -1,
	};
}

static void decode(const uint8_t *data, size_t size)
{
	game.callers = 1 + (data[2] >> 2) % CALLERS;
	game.clean_up = data[2] & 64;
	game.ncalls = data[3] % (CALLS + 1);
	if (game.ncalls > (size - 4) / sizeof(struct call))
		game.ncalls = (unsigned)((size - 4) / sizeof(struct call));
	memcpy(game.calls, data + 4, game.ncalls * sizeof(struct call));
	game.schedule = data + 4 + game.ncalls * sizeof(struct call);
	game.schedule_end = data + size;
	game.run_on = 0;
	game.fails = false;
	for (unsigned u = 0; u < UNITS; u++)
		game.owner[u] = (unsigned char)(u % game.callers);
}

static void give_up(const char *wrong)
{
	if (!wrong)
		return;
	fprintf(stderr, "fuzz: %s\n", wrong);
	abort();
}

static void run_callers(bool buffered)
{
	struct sched_run run = {
		.callers = game.callers,
		.body = { caller, caller, caller },
		.device = complete_oldest,
		.choose = choose,
		.points_max = 50000000, /* calls over whole trees are long */
		.buffered = buffered,
		.everywhere = true, /* what is shared depends on the inputs before */
		.trace = getenv("EBB_FUZZ_TRACE") != NULL,
	};

	sched_run(&run);
	give_up(sched_end_text(&run));
}

/* No caller is inside any more: nothing but the model's leaves, and then nothing. */
static void finish(void)
{
	struct world *w = &game.world;
	unsigned n = 0;

	sched_fail_allocation(~0u);
	EXPECT(!ebb_for_each(&w->domain, EBB_IOVA(0), w->aperture, EBB_VISIT_LEAVES, compare, &n));
	EXPECT(n == game.model.n);
	for (unsigned i = 0; i < game.model.n; i++)
		world_unmap_sync(w, game.model.leaves[i].iova, model_size(&game.model.leaves[i]));
	give_up(world_close(w, game.callers));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	struct ebb_config config;

	if (size < 4)
		return 0;
	if (!begun)
		world_reset(&game.world);
	begun = true;
	config = config_of(data);
	decode(data, size);
	game.model.n = 0;
	game.model.leaf_levels = config.leaf_levels;
	game.model.partial = config.partial;
	game.model.iova_last = (1ull << (12 + 9 * config.levels)) - 1;
	world_open(&game.world, &config, game.callers);
	run_callers(data[1] & 8);
	finish();
	return 0;
}
