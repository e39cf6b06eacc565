/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Mapping: page sizes, addresses, permissions, tables that appear and large leaves that replace
 * empty ones.
 */
#include "support.h"

#define ONLY_4K	 1u
#define NO_1G	 3u
#define NO_2M	 5u
#define LAST_TOP (1ull << 52)

static void assert_page(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t size)
{
	unsigned size_lg2 = (unsigned)__builtin_ctzll(size);

	assert_maps_to(f, iova, pa, size_lg2, RW);
	assert_maps_to(f, iova + size - PAGE, pa + size - PAGE, size_lg2, RW);
}

static void map_picks_the_largest_pages_that_length_allows(struct fixture *f)
{
	uint64_t len = GIB + 2 * MIB_2 + 3 * PAGE;

	do_map(f, 4 * GIB, 8 * GIB, len);
	assert_page(f, 4 * GIB, 8 * GIB, GIB);
	assert_page(f, 5 * GIB, 9 * GIB, MIB_2);
	assert_page(f, 5 * GIB + MIB_2, 9 * GIB + MIB_2, MIB_2);
	assert_page(f, 5 * GIB + 2 * MIB_2, 9 * GIB + 2 * MIB_2, PAGE);
	assert_page(f, 5 * GIB + 2 * MIB_2 + 2 * PAGE, 9 * GIB + 2 * MIB_2 + 2 * PAGE, PAGE);
	assert_maps_nothing(f, 4 * GIB + len);
	assert_int_equal(snapshot_of(f).leaves, 1 + 2 + 3);
	do_unmap_sync(f, 4 * GIB, len);
}

/*
 * The mirror image: small pages up to the first 2 MiB boundary, large ones up to the first 1 GiB
 * boundary.
 */
static void map_picks_the_largest_pages_that_the_start_allows(struct fixture *f)
{
	uint64_t len = 3 * PAGE + 2 * MIB_2 + GIB, iova = 6 * GIB - (len - GIB),
		 pa = 11 * GIB - (len - GIB);

	do_map(f, iova, pa, len);
	for (unsigned i = 0; i < 3; i++)
		assert_page(f, iova + i * PAGE, pa + i * PAGE, PAGE);
	assert_page(f, iova + 3 * PAGE, pa + 3 * PAGE, MIB_2);
	assert_page(f, 6 * GIB, 11 * GIB, GIB);
	assert_int_equal(snapshot_of(f).leaves, 3 + 2 + 1);
	do_unmap_sync(f, iova, len);
}

static void map_picks_the_largest_pages_that_the_output_address_allows(struct fixture *f)
{
	do_map(f, 0, PAGE, 2 * MIB_2);
	assert_page(f, 0, PAGE, PAGE);
	assert_page(f, 2 * MIB_2 - PAGE, 2 * MIB_2, PAGE);
	assert_int_equal(snapshot_of(f).leaves, 1024);
	do_map(f, GIB, 3 * MIB_2, GIB);
	assert_page(f, GIB, 3 * MIB_2, MIB_2);
	assert_int_equal(snapshot_of(f).leaves, 1024 + 512);
	do_unmap(f, 0, 2 * MIB_2);
	do_unmap_sync(f, GIB, GIB);
}

static void a_range_between_two_boundaries_has_small_pages_only(struct fixture *f)
{
	uint64_t iova = MIB_2 - 3 * PAGE, len = 6 * PAGE;

	do_map(f, iova, iova, len);
	for (uint64_t at = 0; at < len; at += PAGE)
		assert_page(f, iova + at, iova + at, PAGE);
	assert_int_equal(live_at(f, 0), 2);
	do_unmap_sync(f, iova, len);
}

static void without_1_gib_leaves_2_mib_ones_are_used(struct fixture *f)
{
	do_map(f, GIB, GIB, GIB + PAGE);
	assert_page(f, GIB, GIB, MIB_2);
	assert_page(f, 2 * GIB, 2 * GIB, PAGE);
	assert_int_equal(snapshot_of(f).leaves, 512 + 1);
	do_unmap_sync(f, GIB, GIB + PAGE);
}

/* Where the tables on the way are there, a leaf of this size goes a shorter way. */
static void one_large_leaf_is_of_a_size_that_is_on(struct fixture *f)
{
	static const unsigned size_lg2[] = { 21, 30 };

	for (unsigned i = 0; i < 2; i++) {
		uint64_t len = 1ull << size_lg2[i], at = 7 * GIB + len;
		unsigned on = f->shape.leaf_levels ? f->shape.leaf_levels : 7;

		do_map(f, at, 3 * GIB, len);
		do_map(f, at + len, 4 * GIB, len); /* beside it */
		on &= (4u << i) - 1; /* the sizes up to that */
		assert_maps_to(f, at + len, 4 * GIB, 12 + 9 * (31 - __builtin_clz(on)), RW);
		do_unmap(f, at + len, len);
		do_unmap_sync(f, at, len);
		assert_maps_nothing(f, at + len);
	}
}

static void without_2_mib_leaves_4_kib_ones_are_used(struct fixture *f)
{
	do_map(f, GIB, GIB, GIB + MIB_2);
	assert_page(f, GIB, GIB, GIB);
	assert_page(f, 2 * GIB, 2 * GIB, PAGE);
	assert_int_equal(snapshot_of(f).leaves, 1 + 512);
	do_unmap_sync(f, GIB, GIB + MIB_2);
}

static void without_large_leaves_4_kib_ones_are_used(struct fixture *f)
{
	do_map(f, GIB - 2 * MIB_2, GIB - 2 * MIB_2, 4 * MIB_2);
	assert_page(f, GIB - 2 * MIB_2, GIB - 2 * MIB_2, PAGE);
	assert_page(f, GIB, GIB, PAGE);
	assert_int_equal(snapshot_of(f).leaves, 4 * 512);
	do_unmap_sync(f, GIB - 2 * MIB_2, 4 * MIB_2);
}

static void permissions_and_snooping_come_back(struct fixture *f)
{
	static const unsigned prots[] = {
		EBB_READ, EBB_WRITE, RW, EBB_READ | EBB_SNOOP, EBB_WRITE | EBB_SNOOP, RW | EBB_SNOOP
	};

	for (unsigned i = 0; i < 6; i++) {
		do_map_prot(f, 3 * GIB, 0, PAGE, prots[i]);
		do_map_prot(f, 3 * GIB + MIB_2, 0, MIB_2, prots[i]);
		do_map_prot(f, 4 * GIB, 0, GIB, prots[i]);
		assert_maps_to(f, 3 * GIB, 0, 12, prots[i]);
		assert_maps_to(f, 3 * GIB + MIB_2, 0, 21, prots[i]);
		assert_maps_to(f, 4 * GIB, 0, 30, prots[i]);
		do_unmap(f, 3 * GIB, PAGE);
		do_unmap(f, 3 * GIB + MIB_2, MIB_2);
		do_unmap_sync(f, 4 * GIB, GIB);
	}
}

static void neighbours_may_differ_in_permissions(struct fixture *f)
{
	for (unsigned i = 0; i < 9; i++)
		do_map_prot(f, i * PAGE, i * PAGE, PAGE, i % 3 + 1);
	for (unsigned i = 0; i < 9; i++)
		assert_maps_to(f, i * PAGE, i * PAGE, 12, i % 3 + 1);
	do_unmap_sync(f, 0, 9 * PAGE);
}

static void output_address_zero_is_an_address(struct fixture *f)
{
	do_map(f, 0, 0, PAGE);
	assert_maps_to(f, 0, 0, 12, RW);
	do_unmap_sync(f, 0, PAGE);
}

static void translate_adds_the_offset_in_the_page(struct fixture *f)
{
	do_map(f, GIB, 5 * GIB, GIB);
	do_map(f, 0x8000, 0x3000, PAGE);
	assert_maps_to(f, GIB + 0x12345678, 5 * GIB + 0x12345678, 30, RW);
	assert_maps_to(f, 0x8fff, 0x3fff, 12, RW);
	do_unmap(f, 0x8000, PAGE);
	do_unmap_sync(f, GIB, GIB);
}

static void a_synced_range_can_be_mapped_to_something_else(struct fixture *f)
{
	for (unsigned i = 1; i < 50; i++) {
		do_map_prot(f, GIB, i * GIB, PAGE, i % 3 + 1);
		assert_maps_to(f, GIB, i * GIB, 12, i % 3 + 1);
		do_unmap_sync(f, GIB, PAGE);
		assert_maps_nothing(f, GIB);
	}
}

static void page_sizes_may_change_from_one_map_to_the_next(struct fixture *f)
{
	static const uint64_t sizes[] = { PAGE, GIB, MIB_2, PAGE, MIB_2, GIB, PAGE };

	for (unsigned i = 0; i < 7; i++) {
		do_map(f, GIB, 2 * GIB, sizes[i]);
		assert_page(f, GIB, 2 * GIB, sizes[i]);
		do_unmap_sync(f, GIB, sizes[i]);
	}
}

/* Leaves an empty level-0 table below an empty level-1 table, if the policy keeps such things. */
static void leave_empty_tables(struct fixture *f, uint64_t iova)
{
	do_map(f, iova, 0, PAGE);
	do_unmap_sync(f, iova, PAGE);
}

static void a_large_leaf_replaces_an_empty_table(struct fixture *f)
{
	do_map(f, GIB + 5 * MIB_2, 0, MIB_2); /* keeps the level-1 table */
	leave_empty_tables(f, GIB);
	assert_int_equal(live_at(f, 0), f->shape.policy != EBB_RWLOCK);
	do_map(f, GIB, 8 * GIB, MIB_2);
	assert_page(f, GIB, 8 * GIB, MIB_2);
	assert_int_equal(live_at(f, 0), 0);
	assert_int_equal(live_at(f, 1), 1);
	do_unmap(f, GIB, MIB_2);
	do_unmap_sync(f, GIB + 5 * MIB_2, MIB_2);
}

static void a_1_gib_leaf_replaces_a_whole_empty_subtree(struct fixture *f)
{
	do_map(f, 7 * GIB, 0, GIB);
	for (unsigned i = 0; i < 20; i++)
		leave_empty_tables(f, GIB + i * 3 * MIB_2);
	assert_int_equal(live_at(f, 0), f->shape.policy == EBB_RWLOCK ? 0 : 20);
	do_map(f, GIB, 8 * GIB, GIB);
	assert_page(f, GIB, 8 * GIB, GIB);
	assert_int_equal(live_at(f, 0), 0);
	assert_int_equal(live_at(f, 1), 0);
	do_unmap(f, 7 * GIB, GIB);
	do_unmap_sync(f, GIB, GIB);
}

/* The range begins with small pages and goes on with large ones over empty tables. */
static void a_mixed_map_replaces_the_empty_tables_in_its_middle(struct fixture *f)
{
	leave_empty_tables(f, 2 * GIB);
	leave_empty_tables(f, 2 * GIB + 7 * MIB_2);
	leave_empty_tables(f, 3 * GIB);
	do_map(f, 2 * GIB - PAGE, 2 * GIB - PAGE, GIB + 2 * PAGE);
	assert_page(f, 2 * GIB - PAGE, 2 * GIB - PAGE, PAGE);
	assert_page(f, 2 * GIB, 2 * GIB, GIB);
	assert_page(f, 3 * GIB, 3 * GIB, PAGE);
	assert_int_equal(snapshot_of(f).leaves, 3);
	do_unmap_sync(f, 2 * GIB - PAGE, GIB + 2 * PAGE);
}

static void a_table_that_is_not_empty_is_not_replaced(struct fixture *f)
{
	struct snapshot before;

	leave_empty_tables(f, GIB);
	do_map(f, GIB + 511 * MIB_2 + 511 * PAGE, 0, PAGE);
	before = snapshot_of(f);
	assert_int_equal(try_map(f, GIB, 0, GIB, RW), EBB_ERR_MAPPED);
	assert_int_equal(ebb_error_iova(&f->gather).v, 2 * GIB - PAGE);
	assert_unchanged(f, &before);
	do_unmap_sync(f, 2 * GIB - PAGE, PAGE);
}

static void a_map_makes_only_the_tables_that_it_needs(struct fixture *f)
{
	for (unsigned level = 0; level < 3; level++) {
		uint64_t live[VTD_LEVELS];

		do_map(f, 64 * GIB, 0, vtd_span(level));
		count_tables(f, live);
		for (unsigned l = 0; l < f->shape.levels; l++) {
			assert_int_equal(live[l], l >= level);
			assert_int_equal(live_at(f, l), live[l]);
		}
		do_unmap(f, 64 * GIB, vtd_span(level));
		/* the next size must not find the tables of this one */
		assert_int_equal(try_unmap(f, 0, f->aperture, NULL), EBB_ERR_NOT_MAPPED);
		do_sync(f);
		do_reclaim(f);
	}
}

/*
 * 512 GiB, 256 TiB; with 5 levels as much of the aperture as one run of output addresses can fill.
 */
static void the_whole_aperture_is_mapped_in_one_call(struct fixture *f)
{
	uint64_t len = f->aperture < LAST_TOP ? f->aperture : LAST_TOP;

	do_map(f, 0, 0, len);
	assert_range_maps_to(f, 0, 0, len);
	assert_maps_to(f, len - 1, len - 1, 30, RW);
	assert_int_equal(live_at(f, 0), 0);
	assert_int_equal(live_at(f, 1), 0);
	assert_int_equal(snapshot_of(f).leaves, len / GIB);
	do_unmap_sync(f, 0, len);
	assert_range_maps_nothing(f, 0, len);
}

static void more_than_all_output_addresses_are_refused(struct fixture *f)
{
	struct snapshot before = snapshot_of(f);

	assert_int_equal(try_map(f, 0, 0, f->aperture, RW), EBB_ERR_PA_WIDTH);
	assert_unchanged(f, &before);
}

static void a_page_at_either_end_of_every_span_is_mapped(struct fixture *f)
{
	for (unsigned level = 1; level < f->shape.levels; level++) {
		do_map(f, vtd_span(level) - PAGE, 0x1000 * level, PAGE);
		do_map(f, vtd_span(level), 0x100000 * level, PAGE);
	}
	for (unsigned level = 1; level < f->shape.levels; level++) {
		assert_maps_to(f, vtd_span(level) - PAGE, 0x1000 * level, 12, RW);
		assert_maps_to(f, vtd_span(level), 0x100000 * level, 12, RW);
	}
	for (unsigned level = 1; level < f->shape.levels; level++)
		do_unmap(f, vtd_span(level) - PAGE, 2 * PAGE);
	do_sync(f);
}

/* Two pages on either side of a boundary of every level, in one call. */
static void one_map_may_cross_a_boundary_of_every_level(struct fixture *f)
{
	for (unsigned level = 1; level < f->shape.levels; level++) {
		uint64_t iova = vtd_span(level) * (level + 1) - PAGE;

		do_map(f, iova, 0x7000, 2 * PAGE);
		assert_range_maps_to(f, iova, 0x7000, 2 * PAGE);
		assert_maps_nothing(f, iova - 1);
		assert_maps_nothing(f, iova + 2 * PAGE);
		do_unmap_sync(f, iova, 2 * PAGE);
	}
}

static void tables_come_from_the_node_that_the_domain_names(struct fixture *f)
{
	struct ebb_config c = shape_config(&f->shape);
	struct ebb_domain d;
	struct ebb_gather g;

	assert_int_equal(soft_node(f->device), -1);
	c.node = 3;
	assert_ok(ebb_domain_init(&d, &c, &f->platform));
	assert_int_equal(soft_node(f->device), 3);
	ebb_gather_init(&g, &d);
	assert_ok(ebb_map(&g, EBB_IOVA(0), EBB_PA(0), PAGE, RW));
	assert_int_equal(soft_node(f->device), 3);
	ebb_gather_fini(&g);
	ebb_domain_destroy(&d);
}

static const struct test_case cases[] = {
	CASE(map_picks_the_largest_pages_that_length_allows),
	CASE(map_picks_the_largest_pages_that_the_start_allows),
	CASE(map_picks_the_largest_pages_that_the_output_address_allows),
	CASE(a_range_between_two_boundaries_has_small_pages_only),
	CASE(one_large_leaf_is_of_a_size_that_is_on),
	CASE_WITH(one_large_leaf_is_of_a_size_that_is_on, .shape.leaf_levels = NO_1G),
	CASE_WITH(one_large_leaf_is_of_a_size_that_is_on, .shape.leaf_levels = NO_2M),
	CASE_WITH(one_large_leaf_is_of_a_size_that_is_on, .shape.leaf_levels = ONLY_4K),
	CASE_WITH(without_1_gib_leaves_2_mib_ones_are_used, .shape.leaf_levels = NO_1G),
	CASE_WITH(without_2_mib_leaves_4_kib_ones_are_used, .shape.leaf_levels = NO_2M),
	CASE_WITH(without_large_leaves_4_kib_ones_are_used, .shape.leaf_levels = ONLY_4K),
	CASE_WITH(permissions_and_snooping_come_back, .shape.flags = EBB_SNOOP_CONTROL),
	CASE(neighbours_may_differ_in_permissions),
	CASE(output_address_zero_is_an_address),
	CASE(translate_adds_the_offset_in_the_page),
	CASE(a_synced_range_can_be_mapped_to_something_else),
	CASE(page_sizes_may_change_from_one_map_to_the_next),
	CASE_WITH(a_large_leaf_replaces_an_empty_table, .shape.batch = 64),
	CASE_WITH(a_1_gib_leaf_replaces_a_whole_empty_subtree, .shape.batch = 64),
	CASE_WITH(a_mixed_map_replaces_the_empty_tables_in_its_middle, .shape.batch = 64),
	CASE_WITH(a_table_that_is_not_empty_is_not_replaced, .shape.batch = 64),
	CASE(a_map_makes_only_the_tables_that_it_needs),
	CASE(the_whole_aperture_is_mapped_in_one_call),
	CASE_WITH(more_than_all_output_addresses_are_refused, .levels = ON_LEVELS(5)),
	CASE(a_page_at_either_end_of_every_span_is_mapped),
	CASE(one_map_may_cross_a_boundary_of_every_level),
	CASE(tables_come_from_the_node_that_the_domain_names),
};

int main(void)
{
	return RUN_CASES("map", cases);
}
