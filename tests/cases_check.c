/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * ebb_check() is what most tests rely on. Here trees are damaged by hand, one word at a time, and
 * it must say what is wrong and where.
 */
#include <ebb_hot.h>
#include "support.h"

#define BASE   (5 * GIB)
#define OWNER  (1ull << 52) /* software bits of an entry that is frozen or dead */
#define KNOWN  (1ull << 10) /* ... known to be in memory */
#define SPARSE (1ull << 63) /* ... whose table has but one line that is not zero... */
#define LINE   (1ull << 56) /* ... with this number, times it */
#define RWLOCK .policies = ON_POLICY(EBB_RWLOCK)
#define KINDS  (EBB_UNSETTLED + 1)

struct report {
	unsigned found[KINDS];
	uint64_t iova[KINDS]; /* of the first of each kind */
	unsigned level[KINDS];
};

static void take_note(void *arg, enum ebb_violation what, ebb_iova iova, unsigned level)
{
	struct report *r = arg;

	assert_true((unsigned)what < KINDS);
	if (r->found[what]++)
		return;
	r->iova[what] = iova.v;
	r->level[what] = level;
}

static struct report check(struct fixture *f)
{
	struct report r = { 0 };
	unsigned violations = ebb_check(&f->domain, take_note, &r), sum = 0;

	for (unsigned i = 0; i < KINDS; i++)
		sum += r.found[i];
	assert_int_equal(violations, sum);
	assert_int_equal(ebb_check(&f->domain, NULL, NULL), violations);
	return r;
}

/* The entry at `level` on the way to BASE. */
static uint64_t *entry_at(struct fixture *f, unsigned level)
{
	struct soft_walk w;

	walk_memory(f, BASE, &w);
	assert_true(level >= w.level);
	return table_word(w.tables[level], vtd_index(BASE, level));
}

static struct ebb_desc *desc_at(struct fixture *f, unsigned level)
{
	struct soft_walk w;

	walk_memory(f, BASE, &w);
	return ebb_hot_desc(ebb_hot_va(EBB_PA(w.tables[level])));
}

/* A bad entry is found, with the place of it; then it is put right. */
static void assert_bad_entry(struct fixture *f, unsigned level, uint64_t bad,
			     enum ebb_violation what)
{
	uint64_t *entry = entry_at(f, level), good = *entry;
	struct report r;

	*entry = bad;
	r = check(f);
	*entry = good;
	assert_int_equal(r.found[what], 1);
	assert_int_equal(r.iova[what], BASE & ~(vtd_span(level) - 1));
	assert_int_equal(r.level[what], level);
	check_tree(f);
}

static void assert_bad_bits(struct fixture *f, unsigned level, uint64_t bits)
{
	assert_bad_entry(f, level, *entry_at(f, level) | bits, EBB_BAD_ENTRY);
}

static void a_sound_tree_has_no_violations(struct fixture *f)
{
	struct report r = check(f);

	do_map(f, BASE - 3 * PAGE, 0, GIB + MIB_2);
	for (unsigned i = 0; i < KINDS; i++)
		assert_int_equal(r.found[i], 0);
	do_unmap_sync(f, BASE - 3 * PAGE, GIB + MIB_2);
}

static void a_reserved_bit_is_found(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	assert_bad_bits(f, 0, VTD_TRANSIENT);
	assert_bad_bits(f, 0, VTD_SNOOP); /* the hardware has no snoop control */
	assert_bad_bits(f, 0, VTD_EXECUTE);
	for (unsigned level = 1; level < f->shape.levels; level++) {
		assert_bad_bits(f, level, VTD_TRANSIENT);
		assert_bad_bits(f, level, VTD_SNOOP);
	}
	do_unmap_sync(f, BASE, PAGE);
}

static void an_address_beyond_the_width_is_found(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	assert_bad_bits(f, 0, 1ull << 48);
	assert_bad_bits(f, 0, 1ull << 51);
	do_unmap_sync(f, BASE, PAGE);
}

static void a_misaligned_large_leaf_is_found(struct fixture *f)
{
	do_map(f, BASE, 0, MIB_2);
	assert_bad_bits(f, 1, 1ull << 12);
	assert_bad_bits(f, 1, 1ull << 20);
	do_unmap_sync(f, BASE, MIB_2);
	do_map(f, BASE, 0, GIB);
	assert_bad_bits(f, 2, 1ull << 21);
	do_unmap_sync(f, BASE, GIB);
}

static void a_leaf_of_a_size_that_is_off_is_found(struct fixture *f)
{
	do_map(f, BASE + MIB_2, 0, PAGE);
	*entry_at(f, 1) = VTD_READ | VTD_PAGE_SIZE;
	assert_int_equal(check(f).found[EBB_BAD_ENTRY], 1);
	*entry_at(f, 1) = 0;
	do_unmap_sync(f, BASE + MIB_2, PAGE);
}

/* Software bits alone: neither a leaf nor a table, nor what reclaim leaves. */
static void rubbish_that_hardware_ignores_is_found(struct fixture *f)
{
	do_map(f, BASE + PAGE, 0, PAGE);
	assert_bad_entry(f, 0, 0x5000, EBB_BAD_ENTRY);
	assert_bad_entry(f, 0, 1ull << 63, EBB_BAD_ENTRY);
	do_unmap_sync(f, BASE + PAGE, PAGE);
}

static void a_frozen_entry_that_nobody_reclaims_is_found(struct fixture *f)
{
	enum ebb_violation what = f->shape.policy == EBB_DEFERRED ? EBB_UNSETTLED : EBB_BAD_ENTRY;

	do_map(f, BASE, 0, PAGE);
	for (unsigned level = 1; level < f->shape.levels; level++)
		assert_bad_entry(f, level, *entry_at(f, level) | OWNER, what);
	do_unmap_sync(f, BASE, PAGE);
}

static void a_dead_entry_that_nobody_reclaims_is_found(struct fixture *f)
{
	enum ebb_violation what = f->shape.policy == EBB_DEFERRED ? EBB_UNSETTLED : EBB_BAD_ENTRY;

	do_map(f, BASE, 0, PAGE);
	assert_bad_entry(f, 1, (*entry_at(f, 1) & ~(VTD_READ | VTD_WRITE)) | OWNER, what);
	do_unmap_sync(f, BASE, PAGE);
}

/* Where walks snoop nothing is waited for. */
static void a_table_that_is_not_known_to_be_in_memory_is_found(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	for (unsigned level = 1; level < f->shape.levels; level++)
		assert_bad_entry(f, level, *entry_at(f, level) & ~KNOWN, EBB_BAD_ENTRY);
	do_unmap_sync(f, BASE, PAGE);
}

/* Other policies do not hint at all. */
static void a_hint_that_is_not_true_is_found(struct fixture *f)
{
	uint64_t plain, other_line = SPARSE | 5 * LINE;

	do_map(f, BASE, 0, PAGE);
	plain = *entry_at(f, 1) & ~(SPARSE | 63 * LINE);
	assert_bad_entry(f, 1, plain | other_line, EBB_BAD_ENTRY);
	if (f->shape.policy != EBB_DEFERRED)
		assert_bad_entry(f, 1, plain | SPARSE, EBB_BAD_ENTRY);
	do_map(f, BASE + 5 * 8 * PAGE, 0, PAGE);
	assert_bad_entry(f, 1, plain | SPARSE, EBB_BAD_ENTRY);
	assert_bad_entry(f, 1, plain | other_line, EBB_BAD_ENTRY);
	do_unmap(f, BASE, PAGE);
	do_unmap_sync(f, BASE + 5 * 8 * PAGE, PAGE);
}

/* A hint comes with the first page, and goes once its table is emptied and filled again. */
static void a_table_in_use_again_has_no_hint(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	assert_true(*entry_at(f, 1) & SPARSE);
	do_map(f, BASE + PAGE, PAGE, PAGE);
	assert_true(*entry_at(f, 1) & SPARSE);
	do_unmap(f, BASE, PAGE);
	do_unmap_sync(f, BASE + PAGE, PAGE);
	do_map(f, BASE, 0, PAGE);
	assert_false(*entry_at(f, 1) & SPARSE);
	assert_int_equal(check(f).found[EBB_BAD_ENTRY], 0);
	do_unmap_sync(f, BASE, PAGE);
}

static void a_table_too_few_in_the_accounts_is_found(struct fixture *f)
{
	struct report r;

	do_map(f, BASE, 0, PAGE);
	f->domain.held--;
	r = check(f);
	f->domain.held++;
	assert_int_equal(r.found[EBB_BAD_STATS], 1);
	check_tree(f);
	do_unmap_sync(f, BASE, PAGE);
}

static void a_wrong_descriptor_is_found(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	for (unsigned level = 0; level < f->shape.levels; level++) {
		struct ebb_desc *desc = desc_at(f, level);
		struct report r;

		desc->level = 0;
		r = check(f);
		desc->level = level + 1;
		assert_int_equal(r.found[EBB_BAD_DESC], 1);
		assert_int_equal(r.level[EBB_BAD_DESC], level);
		assert_int_equal(r.iova[EBB_BAD_DESC], BASE & ~(vtd_span(level + 1) - 1));
		check_tree(f);
	}
	do_unmap_sync(f, BASE, PAGE);
}

static void two_links_to_one_table_are_found(struct fixture *f)
{
	do_map(f, BASE, 0, PAGE);
	for (unsigned level = 1; level < f->shape.levels; level++) {
		uint64_t *entry = entry_at(f, level);

		entry[1] = *entry;
		assert_true(check(f).found[EBB_BAD_DESC] > 0);
		entry[1] = 0;
		check_tree(f);
	}
	do_unmap_sync(f, BASE, PAGE);
}

static void a_table_that_was_lost_is_found(struct fixture *f)
{
	uint64_t *entry, good;
	struct report r;

	do_map(f, BASE, 0, PAGE);
	do_map(f, BASE + MIB_2, 0, PAGE);
	entry = entry_at(f, 1);
	good = *entry;
	*entry = 0;
	r = check(f);
	*entry = good;
	assert_int_equal(r.found[EBB_BAD_STATS], 1);
	assert_int_equal(r.level[EBB_BAD_STATS], 0);
	check_tree(f);
	do_unmap(f, BASE, PAGE);
	do_unmap_sync(f, BASE + MIB_2, PAGE);
}

static void a_wrong_count_is_found(struct fixture *f)
{
	do_map(f, BASE, 0, 2 * PAGE);
	for (unsigned level = 0; level < f->shape.levels; level++) {
		struct ebb_desc *desc = desc_at(f, level);
		struct report r;

		desc->count++;
		r = check(f);
		desc->count--;
		assert_int_equal(r.found[EBB_BAD_COUNT], 1);
		assert_int_equal(r.level[EBB_BAD_COUNT], level);
	}
	do_unmap_sync(f, BASE, 2 * PAGE);
}

static void an_empty_table_that_was_not_freed_is_found(struct fixture *f)
{
	struct ebb_desc *desc;
	uint64_t *entry, good;
	struct report r;

	do_map(f, BASE, 0, PAGE);
	entry = entry_at(f, 0);
	desc = desc_at(f, 0);
	good = *entry;
	*entry = 0;
	desc->count = 0;
	r = check(f);
	*entry = good;
	desc->count = 1;
	assert_int_equal(r.found[EBB_EMPTY_TABLE], 1);
	assert_int_equal(r.iova[EBB_EMPTY_TABLE], BASE);
	assert_int_equal(r.level[EBB_EMPTY_TABLE], 0);
	do_unmap_sync(f, BASE, PAGE);
}

static const struct test_case cases[] = {
	CASE(a_sound_tree_has_no_violations),
	CASE(a_reserved_bit_is_found),
	CASE_WITH(an_address_beyond_the_width_is_found, .shape.pa_width_lg2 = 48),
	CASE(a_misaligned_large_leaf_is_found),
	CASE_WITH(a_leaf_of_a_size_that_is_off_is_found, .shape.leaf_levels = 5,
		  .policies = ON_POLICY(EBB_NONE) | ON_POLICY(EBB_DEFERRED)),
	CASE(rubbish_that_hardware_ignores_is_found),
	CASE(a_frozen_entry_that_nobody_reclaims_is_found),
	CASE(a_dead_entry_that_nobody_reclaims_is_found),
	CASE(a_table_that_is_not_known_to_be_in_memory_is_found),
	CASE(a_hint_that_is_not_true_is_found),
	CASE_WITH(a_table_in_use_again_has_no_hint, .policies = ON_POLICY(EBB_DEFERRED),
		  .shape.batch = 64),
	CASE(a_table_too_few_in_the_accounts_is_found),
	CASE(a_wrong_descriptor_is_found),
	CASE(two_links_to_one_table_are_found),
	CASE(a_table_that_was_lost_is_found),
	CASE_WITH(a_wrong_count_is_found, RWLOCK),
	CASE_WITH(an_empty_table_that_was_not_freed_is_found, RWLOCK),
};

int main(void)
{
	return RUN_CASES("check", cases);
}
