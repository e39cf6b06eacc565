/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * What others do while a reclaimer waits with a pair: an empty table C and the table P above it,
 * which holds nothing else (argument h in core/reclaim.c). A hook in the platform runs the other
 * one, with a gather of its own, in the reclaimer's first grace period, when both are frozen, and
 * before and after its invalidation, when P is dead. Each test goes through these moments.
 */
#include "support.h"

#define P_SPAN	(5 * GIB) /* the first address of P's */
#define BASE	(P_SPAN + 17 * MIB_2) /* and of C's */
#define SAME	(P_SPAN + 19 * MIB_2) /* elsewhere in P: its entry is in the line of C's */
#define FAR	(P_SPAN + 100 * MIB_2) /* and in another line */
#define MOMENTS 3u
#define FROZEN	0u

struct other {
	struct fixture *f;
	struct ebb_gather gather;
	void (*run)(struct other *o);
	uint64_t iova, len; /* what it works on */
	unsigned moment;
	bool ran, mapped;
};

static struct other other;

static void run_other(void *arg)
{
	struct other *o = arg;

	o->ran = true;
	o->run(o);
	assert_no_fault(soft_fault_text(o->f->device));
}

/* C and P are empty, and C a candidate. The device has walked them. */
static void make_pair(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	assert_maps_to(f, BASE, 0, 12, RW);
	do_unmap_sync(f, BASE, PAGE);
	assert_int_equal(stats_of(f).candidates, 1);
}

static void other_open(struct fixture *f, unsigned moment, uint64_t iova, uint64_t len)
{
	memset(&other, 0, sizeof(other));
	other.f = f;
	other.moment = moment;
	other.iova = iova;
	other.len = len;
	ebb_gather_init(&other.gather, &f->domain);
}

/* Reclaims a pair, and the other one runs at its moment. */
static void reclaim_with(void (*run)(struct other *o))
{
	static const enum soft_point at[MOMENTS] = { SOFT_ON_GRACE, SOFT_BEFORE_INVALIDATION,
						     SOFT_AFTER_INVALIDATION };
	struct fixture *f = other.f;

	other.run = run;
	soft_set_hook(f->device, at[other.moment], (struct soft_hook){ run_other, &other });
	do_reclaim(f);
	assert_true(other.ran);
	assert_no_fault(soft_stale(f->device));
}

/* What the other one has mapped is there, and C and P are if they are on its way. */
static void assert_mapped(void)
{
	struct fixture *f = other.f;

	assert_range_maps_to(f, other.iova, 0, other.len);
	assert_int_equal(live_at(f, 1), 1);
	assert_int_equal(live_at(f, 0), 1);
}

/* Where walks do not snoop, what the device sees of the tables that went is all zero, too. */
static void assert_usable_again(struct fixture *f)
{
	do_map(f, 9 * GIB + 5 * PAGE, 0x5000, PAGE);
	assert_maps_nothing(f, 9 * GIB + vtd_index(BASE, 1) * MIB_2 + 5 * PAGE);
	assert_maps_nothing(f, 9 * GIB + vtd_index(BASE, 1) * PAGE);
	do_unmap_sync(f, 9 * GIB + 5 * PAGE, PAGE);
	do_reclaim(f);
}

/* Once all is unmapped nothing is left. */
static void other_close(void)
{
	struct fixture *f = other.f;

	if (other.mapped) {
		assert_ok(ebb_unmap(&other.gather, EBB_IOVA(other.iova), other.len, NULL));
		ebb_sync(&other.gather);
	}
	do_reclaim(f);
	assert_int_equal(stats_of(f).held, 1);
	assert_usable_again(f);
	ebb_gather_fini(&other.gather);
	check_tree(f);
}

/* ---- what the other one does ---- */

static void map_some(struct other *o)
{
	struct soft_walk w;

	assert_ok(ebb_map(&o->gather, EBB_IOVA(o->iova), EBB_PA(0), o->len, RW));
	o->mapped = true;
	soft_dma(o->f->device, o->iova, SOFT_PROBE, &w);
	assert_true(w.present);
	assert_int_equal(w.pa, 0);
}

static void unmap_some(struct other *o)
{
	assert_ok(ebb_unmap(&o->gather, EBB_IOVA(o->iova), o->len, NULL));
	o->mapped = false;
	ebb_sync(&o->gather);
}

static void map_and_unmap_some(struct other *o)
{
	map_some(o);
	unmap_some(o);
}

static void unmap_span(struct other *o)
{
	assert_int_equal(ebb_unmap(&o->gather, EBB_IOVA(o->iova), o->len, NULL),
			 EBB_ERR_NOT_MAPPED);
	ebb_sync(&o->gather);
}

static void unmap_span_and_reclaim(struct other *o)
{
	unmap_span(o);
	ebb_reclaim(&o->gather, UINT_MAX);
}

/* What comes next into the place of a table that is gone is not the reclaimer's. */
static void unmap_span_and_map(struct other *o)
{
	unmap_span(o);
	o->iova = BASE;
	o->len = PAGE;
	map_some(o);
}

static void unmap_span_and_reclaim_another(struct other *o)
{
	unmap_span_and_map(o);
	unmap_some(o);
	ebb_reclaim(&o->gather, UINT_MAX);
}

/* Lists what it has unmapped long ago, and reclaims. */
static void sync_and_reclaim(struct other *o)
{
	ebb_sync(&o->gather);
	ebb_reclaim(&o->gather, UINT_MAX);
}

static void walk_there(struct other *o)
{
	struct soft_walk w;

	soft_dma(o->f->device, BASE, SOFT_PROBE, &w);
	assert_false(w.present);
}

static int note_states(void *arg, const struct ebb_visit *v)
{
	unsigned *states = arg;

	states[v->level] |= 1u << v->state;
	return 0;
}

static void see_states(struct other *o)
{
	unsigned states[VTD_LEVELS] = { 0 };
	struct ebb_mapping m;

	assert_ok(ebb_for_each(&o->f->domain, EBB_IOVA(BASE), PAGE, EBB_VISIT_TABLES, note_states,
			       states));
	assert_int_equal(states[0], 1u << EBB_ENTRY_FROZEN);
	assert_int_equal(states[1],
			 1u << (o->moment == FROZEN ? EBB_ENTRY_FROZEN : EBB_ENTRY_DEAD));
	assert_int_equal(ebb_translate(&o->f->domain, EBB_IOVA(BASE), &m), EBB_ERR_NOT_MAPPED);
}

/* ---- nobody needs it ---- */

static void both_tables_of_a_pair_can_be_seen(struct fixture *f)
{
	for (unsigned m = 0; m < MOMENTS; m++) {
		make_pair(f);
		other_open(f, m, 0, 0);
		reclaim_with(see_states);
		other_close();
	}
}

static void a_device_does_not_learn_a_dead_pair_again(struct fixture *f)
{
	for (unsigned m = 0; m < MOMENTS; m++) {
		make_pair(f);
		other_open(f, m, 0, 0);
		reclaim_with(walk_there);
		ebb_trim(&f->gather);
		other_close();
	}
}

/* ---- maps ---- */

/* What the other one maps is there, and so many tables are at the two levels. */
static void maps(struct fixture *f, uint64_t iova, uint64_t len, unsigned upper, unsigned lower)
{
	for (unsigned m = 0; m < MOMENTS; m++) {
		make_pair(f);
		other_open(f, m, iova, len);
		reclaim_with(map_some);
		assert_range_maps_to(f, iova, 0, len);
		assert_int_equal(live_at(f, 1), upper);
		assert_int_equal(live_at(f, 0), lower);
		other_close();
	}
}

static void map_at(struct fixture *f, uint64_t iova, uint64_t len)
{
	maps(f, iova, len, 1, 1);
	for (unsigned m = 0; m < MOMENTS; m++) {
		make_pair(f);
		other_open(f, m, iova, len);
		reclaim_with(map_and_unmap_some);
		other_close();
	}
}

static void a_map_into_the_lower_table_keeps_both(struct fixture *f)
{
	map_at(f, BASE, PAGE);
}

static void a_map_into_another_line_of_the_lower_table_keeps_both(struct fixture *f)
{
	map_at(f, BASE + 99 * PAGE, 3 * PAGE);
}

static void a_map_elsewhere_keeps_the_upper_table(struct fixture *f)
{
	map_at(f, SAME, PAGE);
}

static void a_map_elsewhere_in_another_line_keeps_the_upper_table(struct fixture *f)
{
	map_at(f, FAR, PAGE);
}

static void a_large_leaf_elsewhere_keeps_the_upper_table(struct fixture *f)
{
	maps(f, FAR, 2 * MIB_2, 1, 0);
}

static void a_large_leaf_replaces_the_lower_table(struct fixture *f)
{
	maps(f, BASE, MIB_2, 1, 0);
}

static void a_large_leaf_replaces_both(struct fixture *f)
{
	maps(f, P_SPAN, GIB, 0, 0);
}

/*
 * The same in a map of two runs, which looks first and then maps: a dead P hides C from the look.
 */
static void a_large_leaf_and_a_page_replace_the_lower_table(struct fixture *f)
{
	maps(f, BASE, MIB_2 + PAGE, 1, 1);
}

/* Hardware marked both references as accessed: that outlives the freeze, and P's death. */
static void a_pair_in_use_again_keeps_the_accessed_bits(struct fixture *f)
{
	for (unsigned m = 0; m < MOMENTS; m++) {
		struct soft_walk w;

		do_map(f, BASE, 0, PAGE);
		assert_true(device_touch(f->device, BASE, true));
		do_unmap_sync(f, BASE, PAGE);
		other_open(f, m, BASE + 99 * PAGE, PAGE);
		reclaim_with(map_some);
		walk_memory(f, BASE + 99 * PAGE, &w);
		assert_true(table_entry(w.tables[1], vtd_index(BASE, 1)) & VTD_ACCESSED);
		assert_true(table_entry(w.tables[2], vtd_index(BASE, 2)) & VTD_ACCESSED);
		other_close();
	}
	assert_int_equal(stats_of(f).thawed, 2 + 1 + 1);
	assert_int_equal(stats_of(f).revived, 0 + 1 + 1);
}

/* ---- unmaps of whole spans ---- */

static void unmap_at(struct fixture *f, uint64_t iova, uint64_t len)
{
	static void (*const runs[])(struct other *) = {
		unmap_span,
		unmap_span_and_reclaim,
		unmap_span_and_map,
		unmap_span_and_reclaim_another,
	};

	for (unsigned i = 0; i < MOMENTS * sizeof(runs) / sizeof(runs[0]); i++) {
		make_pair(f);
		other_open(f, i % MOMENTS, iova, len);
		reclaim_with(runs[i / MOMENTS]);
		if (other.mapped)
			assert_mapped();
		other_close();
	}
}

static void a_covering_unmap_takes_the_lower_table(struct fixture *f)
{
	unmap_at(f, BASE, MIB_2);
}

static void a_covering_unmap_takes_both(struct fixture *f)
{
	unmap_at(f, P_SPAN, GIB);
}

static void a_covering_unmap_takes_both_and_the_tables_above(struct fixture *f)
{
	unmap_at(f, 0, f->aperture);
}

/* ---- other reclaimers ---- */

/* The other one's candidate is the table that iova's entry is in. */
static void reclaim_twice(struct fixture *f, uint64_t iova, uint64_t len)
{
	for (unsigned m = 0; m < MOMENTS; m++) {
		make_pair(f);
		other_open(f, m, iova, len);
		map_some(&other);
		assert_ok(ebb_unmap(&other.gather, EBB_IOVA(iova), len, NULL));
		other.mapped = false;
		reclaim_with(sync_and_reclaim);
		other_close();
	}
}

static void another_reclaimer_leaves_the_lower_table_alone(struct fixture *f)
{
	reclaim_twice(f, BASE + PAGE, PAGE);
}

static void another_reclaimer_leaves_the_upper_table_alone(struct fixture *f)
{
	reclaim_twice(f, SAME, MIB_2);
}

#define DEFERRED .policies = ON_POLICY(EBB_DEFERRED), .shape.batch = 64
#define HARD	 DEFERRED, .shape.flags = EBB_NONSNOOPING | EBB_CACHING_MODE
#define MARKED	 DEFERRED, .shape.flags = EBB_ACCESSED_DIRTY
#define EACH(fn) CASE_WITH(fn, DEFERRED), CASE_WITH(fn, HARD), CASE_WITH(fn, MARKED)

static const struct test_case cases[] = {
	EACH(both_tables_of_a_pair_can_be_seen),
	EACH(a_device_does_not_learn_a_dead_pair_again),
	EACH(a_map_into_the_lower_table_keeps_both),
	EACH(a_map_into_another_line_of_the_lower_table_keeps_both),
	EACH(a_map_elsewhere_keeps_the_upper_table),
	EACH(a_map_elsewhere_in_another_line_keeps_the_upper_table),
	CASE_WITH(a_pair_in_use_again_keeps_the_accessed_bits, MARKED),
	EACH(a_large_leaf_elsewhere_keeps_the_upper_table),
	EACH(a_large_leaf_replaces_the_lower_table),
	EACH(a_large_leaf_replaces_both),
	EACH(a_large_leaf_and_a_page_replace_the_lower_table),
	EACH(a_covering_unmap_takes_the_lower_table),
	EACH(a_covering_unmap_takes_both),
	EACH(a_covering_unmap_takes_both_and_the_tables_above),
	EACH(another_reclaimer_leaves_the_lower_table_alone),
	EACH(another_reclaimer_leaves_the_upper_table_alone),
};

int main(void)
{
	return RUN_CASES("interleave, pairs", cases);
}
