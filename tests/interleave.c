/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * What another caller does while a reclaimer waits. A hook in the platform runs the other caller,
 * with a gather of its own, at an exact point of ebb_reclaim(): in its first grace period, when the
 * table is frozen; or around its invalidation, when the table is dead. Mostly one thread; where
 * there are two, they wait for each other. No luck needed.
 */
#include <sched.h>
#include <semaphore.h>
#include "support.h"

#define BASE (5 * GIB)

struct other {
	struct fixture *f;
	struct ebb_gather gather;
	uint64_t iova, len; /* what the hook works on */
	unsigned ran;
	uint64_t graces; /* when the hook ran */
	pthread_t thread;
	sem_t waiting;
	bool finished;
};

static struct other other;

static void other_open(struct fixture *f, uint64_t iova, uint64_t len)
{
	memset(&other, 0, sizeof(other));
	other.f = f;
	other.iova = iova;
	other.len = len;
	ebb_gather_init(&other.gather, &f->domain);
}

static void other_close(void)
{
	assert_true(other.ran > 0);
	ebb_gather_fini(&other.gather);
	check_tree(other.f);
}

/* An empty level-0 table at BASE, in a level-1 table that stays, and a candidate for it. */
static void make_candidate(struct fixture *f)
{
	do_map(f, BASE + 3 * MIB_2, 0, PAGE);
	do_map(f, BASE, 0, PAGE);
	assert_maps_to(f, BASE, 0, 12, RW); /* the device has walked it */
	do_unmap_sync(f, BASE, PAGE);
	assert_int_equal(stats_of(f).candidates, 1);
}

static void remove_keeper(struct fixture *f)
{
	do_unmap_sync(f, BASE + 3 * MIB_2, PAGE);
}

static struct soft_hook hook(void (*fn)(void *))
{
	return (struct soft_hook){ fn, &other };
}

/* ---- what the other one does ---- */

static void map_some(void *arg)
{
	struct other *o = arg;
	struct ebb_mapping m;
	struct soft_walk w;

	o->ran++;
	assert_ok(ebb_map(&o->gather, EBB_IOVA(o->iova), EBB_PA(0x7000), o->len, RW));
	assert_ok(ebb_translate(&o->f->domain, EBB_IOVA(o->iova), &m));
	assert_int_equal(m.pa.v, 0x7000);
	soft_dma(o->f->device, o->iova, SOFT_PROBE, &w);
	assert_no_fault(soft_fault_text(o->f->device));
	assert_true(w.present);
	assert_int_equal(w.pa, 0x7000);
}

static void map_and_unmap_some(void *arg)
{
	struct other *o = arg;

	map_some(arg);
	assert_ok(ebb_unmap(&o->gather, EBB_IOVA(o->iova), o->len, NULL));
	ebb_sync(&o->gather);
}

static void map_large(void *arg)
{
	struct other *o = arg;

	o->ran++;
	assert_ok(ebb_map(&o->gather, EBB_IOVA(BASE), EBB_PA(GIB), MIB_2, RW));
}

static void unmap_span(void *arg)
{
	struct other *o = arg;

	o->ran++;
	assert_int_equal(ebb_unmap(&o->gather, EBB_IOVA(o->iova), o->len, NULL),
			 EBB_ERR_NOT_MAPPED);
	ebb_sync(&o->gather);
}

static void reclaim_too(void *arg)
{
	struct other *o = arg;

	o->ran++;
	ebb_reclaim(&o->gather, UINT_MAX);
}

static void trim_too(void *arg)
{
	struct other *o = arg;

	o->ran++;
	ebb_trim(&o->gather);
}

static int note_state(void *arg, const struct ebb_visit *v)
{
	if (v->is_table && v->level == 0 && v->first.v == BASE)
		*(int *)arg = (int)v->state;
	return 0;
}

/* -1: no table is there. */
static int state_at_base(struct fixture *f)
{
	int state = -1;

	assert_ok(ebb_for_each(&f->domain, EBB_IOVA(BASE), PAGE, EBB_VISIT_TABLES, note_state,
			       &state));
	return state;
}

static void see_frozen(void *arg)
{
	struct other *o = arg;

	o->ran++;
	assert_int_equal(state_at_base(o->f), EBB_ENTRY_FROZEN);
	assert_int_equal(stats_of(o->f).frozen, 1);
}

static void see_dead(void *arg)
{
	struct other *o = arg;
	struct ebb_mapping m;

	o->ran++;
	assert_int_equal(state_at_base(o->f), EBB_ENTRY_DEAD);
	assert_int_equal(ebb_translate(&o->f->domain, EBB_IOVA(BASE), &m), EBB_ERR_NOT_MAPPED);
}

static void note_graces(void *arg)
{
	struct other *o = arg;

	o->ran++;
	o->graces = soft_counts(o->f->device).graces;
}

/* DMA to the table's span: the device learns what it can. */
static void walk_there(void *arg)
{
	struct other *o = arg;
	struct soft_walk w;

	o->ran++;
	soft_dma(o->f->device, BASE, SOFT_PROBE, &w);
	assert_false(w.present);
}

/* There is no memory for the table that this map needs below the one that it thaws. */
static void map_without_memory(void *arg)
{
	struct other *o = arg;

	o->ran++;
	ebb_trim(&o->gather);
	ebb_hosted_set_limit(o->f->hosted, tables_out(o->f));
	assert_int_equal(ebb_map(&o->gather, EBB_IOVA(BASE), EBB_PA(0), PAGE, RW),
			 EBB_ERR_NO_MEMORY);
	ebb_hosted_set_limit(o->f->hosted, 0);
}

/* ---- grace periods ---- */

/*
 * One between the freeze and the second look, one between the invalidation and the table's next
 * use.
 */
static void a_table_is_free_after_two_grace_periods(struct fixture *f)
{
	uint64_t before;

	make_candidate(f);
	other_open(f, 0, 0);
	before = soft_counts(f->device).graces;
	soft_set_hook(f->device, SOFT_AFTER_INVALIDATION, hook(note_graces));
	assert_int_equal(do_reclaim(f), 1);
	assert_int_equal(other.graces, before + 1);
	assert_int_equal(soft_counts(f->device).graces, before + 2);
	other_close();
	remove_keeper(f);
}

static void see_nothing_freed(void *arg)
{
	struct other *o = arg;

	o->ran++;
	assert_int_equal(stats_of(o->f).freed, 0);
	assert_int_equal(stats_of(o->f).held, o->f->shape.levels);
}

static void look_in_the_second_grace_period(void *arg)
{
	struct other *o = arg;

	soft_set_hook(o->f->device, SOFT_ON_GRACE, hook(see_nothing_freed));
}

/* Here the next batch is the table above. Till that grace period has ended nobody may have it. */
static void a_batch_is_free_after_the_grace_period_of_the_next(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	do_unmap_sync(f, BASE, PAGE);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(look_in_the_second_grace_period));
	assert_int_equal(do_reclaim(f), f->shape.levels - 1);
	other_close();
}

static void a_covered_table_is_free_after_a_grace_period(struct fixture *f)
{
	uint64_t before;

	do_map(f, BASE, 0, PAGE);
	do_map(f, BASE + 3 * MIB_2, 0, PAGE);
	before = soft_counts(f->device).graces;
	assert_ok(try_unmap(f, BASE, MIB_2, NULL));
	do_sync(f);
	do_reclaim(f);
	assert_int_equal(stats_of(f).freed, 1);
	assert_int_equal(soft_counts(f->device).graces, before + 1);
	remove_keeper(f);
}

/* ---- the table is frozen ---- */

static void a_frozen_table_can_be_seen(struct fixture *f)
{
	make_candidate(f);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(see_frozen));
	assert_int_equal(do_reclaim(f), 1);
	other_close();
	assert_int_equal(state_at_base(f), -1);
	remove_keeper(f);
}

static void a_map_into_a_frozen_table_keeps_it(struct fixture *f)
{
	make_candidate(f);
	other_open(f, BASE + 9 * PAGE, 2 * PAGE);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(map_some));
	assert_int_equal(do_reclaim(f), 0);
	other_close();
	assert_range_maps_to(f, BASE + 9 * PAGE, 0x7000, 2 * PAGE);
	assert_int_equal(stats_of(f).thawed, 1);
	assert_int_equal(state_at_base(f), EBB_ENTRY_TABLE);
	do_unmap_sync(f, BASE + 9 * PAGE, 2 * PAGE);
	remove_keeper(f);
}

static void a_table_thawed_and_emptied_again_is_freed_in_the_end(struct fixture *f)
{
	make_candidate(f);
	other_open(f, BASE, PAGE);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(map_and_unmap_some));
	do_reclaim(f);
	check_tree(f);
	do_reclaim(f);
	assert_int_equal(state_at_base(f), -1);
	assert_int_equal(live_at(f, 0), 1);
	other_close();
	remove_keeper(f);
}

/* The last leaf in a frozen table goes while its reclaimer waits: nobody else will notice. */
static void a_leaf_that_comes_and_stays_until_the_second_look_is_found(struct fixture *f)
{
	make_candidate(f);
	other_open(f, BASE + 511 * PAGE, PAGE);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(map_some));
	assert_int_equal(do_reclaim(f), 0);
	assert_maps_to(f, BASE + 511 * PAGE, 0x7000, 12, RW);
	other_close();
	do_unmap_sync(f, BASE + 511 * PAGE, PAGE);
	do_reclaim(f);
	assert_int_equal(state_at_base(f), -1);
	remove_keeper(f);
}

static void a_large_leaf_replaces_a_frozen_table(struct fixture *f)
{
	make_candidate(f);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(map_large));
	do_reclaim(f);
	other_close();
	assert_range_maps_to(f, BASE, GIB, MIB_2);
	assert_int_equal(live_at(f, 0), 1);
	assert_no_fault(soft_stale(f->device));
	do_unmap_sync(f, BASE, MIB_2);
	remove_keeper(f);
}

static void a_covering_unmap_takes_a_frozen_table(struct fixture *f)
{
	make_candidate(f);
	other_open(f, BASE, MIB_2);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(unmap_span));
	do_reclaim(f);
	other_close();
	assert_int_equal(live_at(f, 0), 1);
	assert_no_fault(soft_stale(f->device));
	remove_keeper(f);
}

static void two_reclaimers_free_a_table_once(struct fixture *f)
{
	make_candidate(f);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(reclaim_too));
	do_reclaim(f);
	other_close();
	do_reclaim(f);
	assert_int_equal(stats_of(f).freed, 1);
	remove_keeper(f);
}

/* What tells a reclaimer's own freeze from another's: numbers in bits that hardware ignores. */
static uint64_t software_bits(struct fixture *f, uint64_t iova)
{
	struct soft_walk w;

	walk_memory(f, iova, &w);
	assert_int_equal(w.level, 0);
	return table_entry(w.tables[1], vtd_index(iova, 1)) & VTD_SOFTWARE;
}

static void compare_numbers(void *arg)
{
	struct other *o = arg;

	o->ran++;
	assert_int_not_equal(software_bits(o->f, BASE), software_bits(o->f, o->iova));
}

static void freeze_another_table(void *arg)
{
	struct other *o = arg;

	assert_ok(ebb_map(&o->gather, EBB_IOVA(o->iova), EBB_PA(0), PAGE, RW));
	assert_ok(ebb_unmap(&o->gather, EBB_IOVA(o->iova), PAGE, NULL));
	ebb_sync(&o->gather);
	assert_int_equal(software_bits(o->f, o->iova) & software_bits(o->f, BASE),
			 software_bits(o->f, o->iova)); /* alike but for the freeze */
	soft_set_hook(o->f->device, SOFT_ON_GRACE, hook(compare_numbers));
	ebb_reclaim(&o->gather, UINT_MAX);
}

static void two_reclaimers_freeze_under_different_numbers(struct fixture *f)
{
	make_candidate(f);
	other_open(f, BASE + 5 * MIB_2, PAGE);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(freeze_another_table));
	do_reclaim(f);
	other_close();
	assert_int_equal(stats_of(f).freed, 2);
	remove_keeper(f);
}

/* ---- the table is dead ---- */

static void a_dead_table_can_be_seen(struct fixture *f)
{
	make_candidate(f);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_BEFORE_INVALIDATION, hook(see_dead));
	assert_int_equal(do_reclaim(f), 1);
	assert_int_equal(stats_of(f).dead, 1);
	other_close();
	remove_keeper(f);
}

static void revive(struct fixture *f, bool after)
{
	make_candidate(f);
	other_open(f, BASE + 9 * PAGE, 2 * PAGE);
	if (after)
		soft_set_hook(f->device, SOFT_AFTER_INVALIDATION, hook(map_some));
	else
		soft_set_hook(f->device, SOFT_BEFORE_INVALIDATION, hook(map_some));
	assert_int_equal(do_reclaim(f), 0);
	other_close();
	assert_range_maps_to(f, BASE + 9 * PAGE, 0x7000, 2 * PAGE);
	assert_int_equal(stats_of(f).revived, 1);
	assert_int_equal(state_at_base(f), EBB_ENTRY_TABLE);
	assert_no_fault(soft_stale(f->device));
	do_unmap_sync(f, BASE + 9 * PAGE, 2 * PAGE);
	remove_keeper(f);
}

static void a_map_into_a_dead_table_revives_it_before_the_invalidation(struct fixture *f)
{
	revive(f, false);
}

static void a_map_into_a_dead_table_revives_it_after_the_invalidation(struct fixture *f)
{
	revive(f, true);
}

static void a_dead_table_revived_and_emptied_again_is_freed_in_the_end(struct fixture *f)
{
	make_candidate(f);
	other_open(f, BASE, PAGE);
	soft_set_hook(f->device, SOFT_AFTER_INVALIDATION, hook(map_and_unmap_some));
	do_reclaim(f);
	do_reclaim(f);
	assert_int_equal(state_at_base(f), -1);
	assert_int_equal(live_at(f, 0), 1);
	other_close();
	remove_keeper(f);
}

static void a_large_leaf_replaces_a_dead_table(struct fixture *f)
{
	make_candidate(f);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_AFTER_INVALIDATION, hook(map_large));
	do_reclaim(f);
	other_close();
	assert_range_maps_to(f, BASE, GIB, MIB_2);
	assert_int_equal(live_at(f, 0), 1);
	assert_no_fault(soft_stale(f->device));
	do_unmap_sync(f, BASE, MIB_2);
	remove_keeper(f);
}

static void a_covering_unmap_takes_a_dead_table(struct fixture *f)
{
	make_candidate(f);
	other_open(f, BASE, MIB_2);
	soft_set_hook(f->device, SOFT_BEFORE_INVALIDATION, hook(unmap_span));
	do_reclaim(f);
	other_close();
	assert_int_equal(live_at(f, 0), 1);
	assert_no_fault(soft_stale(f->device));
	remove_keeper(f);
}

/* The owner of a larger span takes the table above the dead one. */
static void a_covering_unmap_takes_the_table_above_a_dead_one(struct fixture *f)
{
	make_candidate(f);
	remove_keeper(f);
	other_open(f, BASE, GIB);
	soft_set_hook(f->device, SOFT_BEFORE_INVALIDATION, hook(unmap_span));
	do_reclaim(f);
	other_close();
	assert_int_equal(live_at(f, 0), 0);
	assert_int_equal(live_at(f, 1), 0);
	assert_no_fault(soft_stale(f->device));
}

static void another_reclaimer_leaves_a_dead_table_alone(struct fixture *f)
{
	make_candidate(f);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_BEFORE_INVALIDATION, hook(reclaim_too));
	do_reclaim(f);
	other_close();
	do_reclaim(f);
	assert_int_equal(stats_of(f).freed, 1);
	remove_keeper(f);
}

static void a_trim_during_reclaim_takes_only_spares(struct fixture *f)
{
	make_candidate(f);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(trim_too));
	soft_set_hook(f->device, SOFT_AFTER_INVALIDATION, hook(trim_too));
	assert_int_equal(do_reclaim(f), 1);
	other_close();
	remove_keeper(f);
}

/*
 * Between the invalidation and the unlinking DMA may come by again: what it finds must not be the
 * table.
 */
static void a_device_does_not_learn_a_dead_table_again(struct fixture *f)
{
	make_candidate(f);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_AFTER_INVALIDATION, hook(walk_there));
	assert_int_equal(do_reclaim(f), 1);
	assert_no_fault(soft_stale(f->device));
	ebb_trim(&f->gather);
	other_close();
	remove_keeper(f);
}

/*
 * Hardware marked the reference to the table as accessed: that outlives the freeze, the death and
 * the thaw.
 */
static void assert_accessed(struct fixture *f)
{
	struct soft_walk w;

	walk_memory(f, BASE + 9 * PAGE, &w);
	assert_true(table_entry(w.tables[1], vtd_index(BASE, 1)) & VTD_ACCESSED);
}

static void a_thaw_keeps_the_accessed_bit(struct fixture *f)
{
	do_map(f, BASE + 3 * MIB_2, 0, PAGE);
	for (unsigned i = 0; i < 3; i++) {
		do_map(f, BASE, 0, PAGE);
		assert_true(device_touch(f->device, BASE, true));
		do_unmap_sync(f, BASE, PAGE);
		other_open(f, BASE + 9 * PAGE, 2 * PAGE);
		if (i == 0)
			soft_set_hook(f->device, SOFT_ON_GRACE, hook(map_some));
		else if (i == 1)
			soft_set_hook(f->device, SOFT_BEFORE_INVALIDATION, hook(map_some));
		else
			soft_set_hook(f->device, SOFT_AFTER_INVALIDATION, hook(map_some));
		do_reclaim(f);
		other_close();
		assert_accessed(f);
		do_unmap_sync(f, BASE + 9 * PAGE, 2 * PAGE);
		do_reclaim(f);
		assert_int_equal(live_at(f, 0), 1);
	}
	assert_int_equal(stats_of(f).thawed, 1);
	assert_int_equal(stats_of(f).revived, 2);
	remove_keeper(f);
}

/* ---- a map in the middle of its read section ---- */

static void *reclaim_in_thread(void *arg)
{
	struct other *o = arg;

	ebb_reclaim(&o->gather, UINT_MAX);
	__atomic_store_n(&o->finished, true, __ATOMIC_RELEASE);
	sem_post(&o->waiting);
	return NULL;
}

static void post_waiting(void *arg)
{
	struct other *o = arg;

	sem_post(&o->waiting);
}

/*
 * Runs in the write-backs of a map. When it has filled a table and has not yet linked it to the one
 * above, a reclaimer gets to work on that, and the map goes on when the reclaimer waits for its
 * grace period, or has done without.
 */
static void let_reclaim_freeze(void *arg)
{
	struct other *o = arg;

	if (live_at(o->f, 0) == 0) {
		soft_set_hook(o->f->device, SOFT_ON_WRITE_BACK, hook(let_reclaim_freeze));
		return;
	}
	o->ran++;
	soft_set_hook(o->f->device, SOFT_ON_GRACE, hook(post_waiting));
	assert_int_equal(pthread_create(&o->thread, NULL, reclaim_in_thread, o), 0);
	sem_wait(&o->waiting);
	/* It cannot finish while the map is in its section; if it can, let it. */
	for (unsigned i = 0; i < 50 && !__atomic_load_n(&o->finished, __ATOMIC_ACQUIRE); i++)
		sched_yield();
}

static void a_table_linked_after_the_freeze_is_found_by_the_second_look(struct fixture *f)
{
	make_candidate(f);
	/* The leaf tables go; the one above, empty now, is a candidate. */
	assert_int_equal(try_unmap(f, BASE, MIB_2, NULL), EBB_ERR_NOT_MAPPED);
	assert_ok(try_unmap(f, BASE + 3 * MIB_2, MIB_2, NULL));
	do_sync(f);
	assert_int_equal(live_at(f, 0), 0);
	assert_int_equal(live_at(f, 1), 1);
	other_open(f, 0, 0);
	assert_int_equal(sem_init(&other.waiting, 0, 0), 0);
	soft_set_hook(f->device, SOFT_ON_WRITE_BACK, hook(let_reclaim_freeze));
	assert_ok(ebb_map(&f->gather, EBB_IOVA(BASE), EBB_PA(0x8000), PAGE, RW));
	soft_set_hook(f->device, SOFT_ON_WRITE_BACK, (struct soft_hook){ NULL, NULL });
	assert_int_equal(other.ran, 1);
	pthread_join(other.thread, NULL);
	other_close();
	/* with the one above it, unless that is the root */
	assert_int_equal(stats_of(f).frozen, f->shape.levels > 3 ? 2 : 1);
	assert_maps_to(f, BASE, 0x8000, 12, RW);
	assert_int_equal(state_at_base(f), EBB_ENTRY_TABLE);
	do_unmap_sync(f, BASE, PAGE);
}

/* ---- a map that waits for memory ---- */

static void in_the_second_grace_period(void *arg)
{
	struct other *o = arg;

	soft_set_hook(o->f->device, SOFT_ON_GRACE, hook(map_without_memory));
}

/*
 * The map thaws the level-1 table, so its reclaimer drops it; then it fails. Somebody must remember
 * that it is empty.
 */
static void a_map_that_thaws_a_table_and_fails_makes_it_a_candidate(struct fixture *f)
{
	make_candidate(f);
	remove_keeper(f);
	ebb_trim(&f->gather);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_ON_GRACE, hook(in_the_second_grace_period));
	ebb_reclaim(&f->gather, UINT_MAX);
	assert_int_equal(other.ran, 1);
	other_close();
	do_reclaim(f);
	assert_int_equal(stats_of(f).held, 1);
}

/* While a map allocates, it is in no section: the tables that it walked through may go. */
static void tables_on_the_way_may_go_while_a_map_allocates(struct fixture *f)
{
	unsigned level1 = 1;

	make_candidate(f);
	remove_keeper(f);
	ebb_trim(&f->gather);
	other_open(f, 0, 0);
	soft_set_hook(f->device, SOFT_ON_ALLOCATION, hook(reclaim_too));
	do_map(f, BASE + 7 * MIB_2, 0x9000, PAGE);
	assert_maps_to(f, BASE + 7 * MIB_2, 0x9000, 12, RW);
	other_close();
	do_reclaim(f);
	assert_int_equal(live_at(f, level1), 1);
	assert_int_equal(live_at(f, 0), 1);
	do_unmap_sync(f, BASE + 7 * MIB_2, PAGE);
}

/* Two mappers find the same hole: one of them installs its table, the other one uses it. */
static void a_neighbour_may_install_the_table_while_a_map_allocates(struct fixture *f)
{
	other_open(f, BASE + PAGE, PAGE);
	soft_set_hook(f->device, SOFT_ON_ALLOCATION, hook(map_some));
	do_map(f, BASE, 0x6000, PAGE);
	assert_maps_to(f, BASE, 0x6000, 12, RW);
	assert_maps_to(f, BASE + PAGE, 0x7000, 12, RW);
	assert_int_equal(live_at(f, 0), 1);
	assert_int_equal(stats_of(f).held, f->shape.levels);
	other_close();
	do_unmap_sync(f, BASE, 2 * PAGE);
}

#define DEFERRED  .policies = ON_POLICY(EBB_DEFERRED), .shape.batch = 64
#define HARD	  DEFERRED, .shape.flags = EBB_NONSNOOPING | EBB_CACHING_MODE
#define TWICE(fn) CASE_WITH(fn, DEFERRED), CASE_WITH(fn, HARD)

static const struct test_case cases[] = {
	TWICE(a_table_is_free_after_two_grace_periods),
	TWICE(a_batch_is_free_after_the_grace_period_of_the_next),
	TWICE(a_covered_table_is_free_after_a_grace_period),
	CASE_WITH(a_covered_table_is_free_after_a_grace_period, .policies = ON_POLICY(EBB_NONE)),
	TWICE(a_frozen_table_can_be_seen),
	TWICE(a_map_into_a_frozen_table_keeps_it),
	TWICE(a_table_thawed_and_emptied_again_is_freed_in_the_end),
	TWICE(a_leaf_that_comes_and_stays_until_the_second_look_is_found),
	TWICE(a_large_leaf_replaces_a_frozen_table),
	TWICE(a_covering_unmap_takes_a_frozen_table),
	TWICE(two_reclaimers_free_a_table_once),
	TWICE(two_reclaimers_freeze_under_different_numbers),
	TWICE(a_dead_table_can_be_seen),
	TWICE(a_map_into_a_dead_table_revives_it_before_the_invalidation),
	TWICE(a_map_into_a_dead_table_revives_it_after_the_invalidation),
	TWICE(a_dead_table_revived_and_emptied_again_is_freed_in_the_end),
	TWICE(a_large_leaf_replaces_a_dead_table),
	TWICE(a_covering_unmap_takes_a_dead_table),
	TWICE(a_covering_unmap_takes_the_table_above_a_dead_one),
	TWICE(another_reclaimer_leaves_a_dead_table_alone),
	TWICE(a_trim_during_reclaim_takes_only_spares),
	TWICE(a_device_does_not_learn_a_dead_table_again),
	CASE_WITH(a_thaw_keeps_the_accessed_bit, DEFERRED, .shape.flags = EBB_ACCESSED_DIRTY),
	CASE_WITH(a_table_linked_after_the_freeze_is_found_by_the_second_look, HARD),
	TWICE(a_map_that_thaws_a_table_and_fails_makes_it_a_candidate),
	TWICE(tables_on_the_way_may_go_while_a_map_allocates),
	CASE(a_neighbour_may_install_the_table_while_a_map_allocates),
};

int main(void)
{
	return RUN_CASES("interleave", cases);
}
