/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The bits of VT-d second-stage entries, read from memory: VT-d specification, sections 3.7 and
 * 9.8.
 */
#include "support.h"

#define PA_TOP (1ull << 52)

/* The entry that maps iova, read from memory. */
static uint64_t leaf_entry(struct fixture *f, uint64_t iova)
{
	struct soft_walk w;

	walk_memory(f, iova, &w);
	assert_true(w.present);
	return w.entries[w.level];
}

/* The entry at `level` on the way to iova. */
static uint64_t entry_at(struct fixture *f, uint64_t iova, unsigned level)
{
	struct soft_walk w;

	walk_memory(f, iova, &w);
	assert_true(level >= w.level);
	return table_entry(w.tables[level], vtd_index(iova, level));
}

/*
 * What hardware looks at: all but the bits that it ignores (software's, 10 and 63, and PS at level
 * 0).
 */
static uint64_t for_hardware(uint64_t entry)
{
	return entry & ~(VTD_SOFTWARE | (1ull << 10) | (1ull << 63));
}

static void a_leaf_is_its_address_and_its_permissions(struct fixture *f)
{
	do_map_prot(f, 0x5000, 0x123456789000, PAGE, RW);
	do_map_prot(f, 0x6000, 0x123456789000, PAGE, EBB_READ);
	do_map_prot(f, 0x7000, 0x123456789000, PAGE, EBB_WRITE);
	assert_int_equal(for_hardware(leaf_entry(f, 0x5000)),
			 0x123456789000 | VTD_READ | VTD_WRITE);
	assert_int_equal(for_hardware(leaf_entry(f, 0x6000)), 0x123456789000 | VTD_READ);
	assert_int_equal(for_hardware(leaf_entry(f, 0x7000)), 0x123456789000 | VTD_WRITE);
	do_unmap(f, 0x5000, 3 * PAGE);
}

static void large_leaves_carry_the_page_size_bit(struct fixture *f)
{
	do_map(f, GIB, 7 * GIB, GIB);
	do_map(f, 2 * GIB, 9 * GIB + MIB_2, MIB_2);
	do_map(f, 3 * GIB, 0, PAGE);
	assert_int_equal(for_hardware(leaf_entry(f, GIB)),
			 (7 * GIB) | VTD_READ | VTD_WRITE | VTD_PAGE_SIZE);
	assert_int_equal(for_hardware(leaf_entry(f, 2 * GIB)),
			 (9 * GIB + MIB_2) | VTD_READ | VTD_WRITE | VTD_PAGE_SIZE);
	assert_int_equal(for_hardware(leaf_entry(f, 3 * GIB)), VTD_READ | VTD_WRITE);
	do_unmap(f, GIB, GIB);
	do_unmap(f, 2 * GIB, MIB_2);
	do_unmap(f, 3 * GIB, PAGE);
}

static void the_snoop_bit_is_set_in_leaves_that_ask_for_it(struct fixture *f)
{
	for (unsigned level = 0; level < 3; level++) {
		uint64_t size = vtd_span(level), iova = (level + 1) * GIB;

		do_map_prot(f, iova, 0, size, RW | EBB_SNOOP);
		assert_true(leaf_entry(f, iova) & VTD_SNOOP);
		do_unmap_sync(f, iova, size);
		do_map_prot(f, iova, 0, size, RW);
		assert_false(leaf_entry(f, iova) & VTD_SNOOP);
		do_unmap_sync(f, iova, size);
	}
}

static void a_reference_to_a_table_has_all_permissions_and_nothing_reserved(struct fixture *f)
{
	static const unsigned prots[] = { EBB_READ, EBB_WRITE, RW, EBB_READ | EBB_SNOOP };

	for (unsigned i = 0; i < 4; i++) {
		do_map_prot(f, 0, 0, PAGE, prots[i]);
		for (unsigned level = 1; level < f->shape.levels; level++) {
			uint64_t entry = entry_at(f, 0, level);

			assert_int_equal(for_hardware(entry) & ~VTD_ADDRESS, VTD_READ | VTD_WRITE);
		}
		do_unmap_sync(f, 0, PAGE);
	}
}

static void the_root_is_where_the_hardware_is_pointed_at(struct fixture *f)
{
	ebb_pa root = ebb_root_pa(&f->domain);

	assert_int_equal(root.v & (PAGE - 1), 0);
	assert_int_equal(root.v & ~VTD_ADDRESS, 0);
	do_map(f, 0, 0, PAGE);
	do_unmap_sync(f, 0, PAGE);
	do_reclaim(f);
	assert_int_equal(ebb_root_pa(&f->domain).v, root.v);
}

static void every_index_bit_of_an_iova_selects_its_own_entry(struct fixture *f)
{
	unsigned bits = 9 * f->shape.levels;

	do_map(f, 0, 0x1000, PAGE);
	for (unsigned bit = 0; bit < bits; bit++)
		do_map(f, PAGE << bit, (uint64_t)(bit + 2) << 12, PAGE);
	assert_maps_to(f, 0, 0x1000, 12, RW);
	for (unsigned bit = 0; bit < bits; bit++)
		assert_maps_to(f, PAGE << bit, (uint64_t)(bit + 2) << 12, 12, RW);
	for (unsigned bit = 0; bit < bits; bit++)
		do_unmap(f, PAGE << bit, PAGE);
	do_unmap_sync(f, 0, PAGE);
}

static void every_address_bit_reaches_the_entry(struct fixture *f)
{
	for (unsigned level = 0; level < 3; level++) {
		uint64_t size = vtd_span(level);

		for (uint64_t pa = size; pa < PA_TOP; pa <<= 1) {
			do_map(f, 0, pa, size);
			assert_int_equal(leaf_entry(f, 0) & VTD_ADDRESS, pa);
			assert_maps_to(f, size - 1, pa + size - 1, 12 + 9 * level, RW);
			do_unmap_sync(f, 0, size);
		}
	}
}

static void an_unmapped_entry_is_zero(struct fixture *f)
{
	struct soft_walk w;

	do_map(f, 0x1000, 0, PAGE); /* keeps the table */
	do_map(f, 0x2000, 0xabc000, PAGE);
	do_unmap_sync(f, 0x2000, PAGE);
	walk_memory(f, 0x2000, &w);
	assert_int_equal(w.level, 0);
	assert_int_equal(w.entries[w.level], 0);
	do_unmap_sync(f, 0x1000, PAGE);
}

/*
 * Accessed and dirty are hardware's to set: software that set them would log writes that never
 * were.
 */
static void a_new_leaf_is_neither_accessed_nor_dirty(struct fixture *f)
{
	do_map(f, 0, 0, GIB);
	do_map(f, GIB, 0, MIB_2 + PAGE);
	assert_int_equal(leaf_entry(f, 0) & (VTD_ACCESSED | VTD_DIRTY), 0);
	assert_int_equal(leaf_entry(f, GIB) & (VTD_ACCESSED | VTD_DIRTY), 0);
	assert_int_equal(leaf_entry(f, GIB + MIB_2) & (VTD_ACCESSED | VTD_DIRTY), 0);
	assert_true(device_touch(f->device, 0, false));
	assert_int_equal(leaf_entry(f, 0) & (VTD_ACCESSED | VTD_DIRTY), VTD_ACCESSED);
	do_unmap(f, 0, GIB);
	do_unmap_sync(f, GIB, MIB_2 + PAGE);
}

/*
 * A table that hardware marked as accessed is an ordinary one: it is used, found empty, and freed.
 */
static void an_accessed_table_is_used_and_freed(struct fixture *f)
{
	do_map(f, 0, 0, PAGE);
	assert_true(device_touch(f->device, 0, true));
	assert_true(entry_at(f, 0, f->shape.levels - 1) & VTD_ACCESSED);
	do_map(f, PAGE, PAGE, PAGE);
	assert_maps_to(f, PAGE, PAGE, 12, RW);
	do_unmap_sync(f, 0, 2 * PAGE);
}

static const struct test_case cases[] = {
	CASE(a_leaf_is_its_address_and_its_permissions),
	CASE(large_leaves_carry_the_page_size_bit),
	CASE_WITH(the_snoop_bit_is_set_in_leaves_that_ask_for_it, .shape.flags = EBB_SNOOP_CONTROL),
	CASE_WITH(a_reference_to_a_table_has_all_permissions_and_nothing_reserved,
		  .shape.flags = EBB_SNOOP_CONTROL),
	CASE(the_root_is_where_the_hardware_is_pointed_at),
	CASE(every_index_bit_of_an_iova_selects_its_own_entry),
	CASE(every_address_bit_reaches_the_entry),
	CASE(an_unmapped_entry_is_zero),
	CASE_WITH(a_new_leaf_is_neither_accessed_nor_dirty, .shape.flags = EBB_ACCESSED_DIRTY),
	CASE_WITH(an_accessed_table_is_used_and_freed, .shape.flags = EBB_ACCESSED_DIRTY),
};

int main(void)
{
	return RUN_CASES("format", cases);
}
