/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Bad input: each mistake gets its own error, and nothing changes.
 */
#include "support.h"

#define BASE  (5 * GIB)
#define WIDTH 48u

/* Some leaves of every size, so that "nothing changes" means something. */
static void furnish(struct fixture *f)
{
	do_map(f, BASE, 0x1000, PAGE);
	do_map(f, BASE + 16 * PAGE, 0x20000, 16 * PAGE);
	do_map(f, BASE + 2 * MIB_2, 2 * MIB_2, MIB_2);
	do_map(f, BASE + GIB, GIB, GIB);
}

static void clear_away(struct fixture *f)
{
	do_unmap(f, BASE, PAGE);
	do_unmap(f, BASE + 16 * PAGE, 16 * PAGE);
	do_unmap(f, BASE + 2 * MIB_2, MIB_2);
	do_unmap_sync(f, BASE + GIB, GIB);
}

static void refuse_map(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t len, unsigned prot,
		       int error)
{
	struct snapshot before = snapshot_of(f);

	assert_int_equal(try_map(f, iova, pa, len, prot), error);
	assert_unchanged(f, &before);
}

static void refuse_unmap(struct fixture *f, uint64_t iova, uint64_t len, int error)
{
	struct snapshot before = snapshot_of(f);
	uint64_t unmapped = 0x5555;

	assert_int_equal(try_unmap(f, iova, len, &unmapped), error);
	assert_int_equal(unmapped, 0);
	assert_int_equal(try_unmap(f, iova, len, NULL), error);
	assert_unchanged(f, &before);
}

static int count_visit(void *arg, const struct ebb_visit *visit)
{
	(void)visit;
	++*(unsigned *)arg;
	return 0;
}

static void count_run(void *arg, ebb_iova first, uint64_t len, unsigned bits)
{
	(void)first;
	(void)len;
	(void)bits;
	++*(unsigned *)arg;
}

static void refuse_read_dirty(struct fixture *f, uint64_t iova, uint64_t len, unsigned bits,
			      int error)
{
	unsigned calls = 0;

	assert_int_equal(ebb_read_dirty(&f->gather, EBB_IOVA(iova), len, bits, count_run, &calls),
			 error);
	assert_int_equal(calls, 0);
}

static void refuse_for_each(struct fixture *f, uint64_t iova, uint64_t len, unsigned what,
			    int error)
{
	unsigned calls = 0;

	assert_int_equal(ebb_for_each(&f->domain, EBB_IOVA(iova), len, what, count_visit, &calls),
			 error);
	assert_int_equal(calls, 0);
}

static void a_zero_length_is_invalid(struct fixture *f)
{
	furnish(f);
	refuse_map(f, 0, 0, 0, RW, EBB_ERR_INVALID);
	refuse_map(f, BASE, 0, 0, RW, EBB_ERR_INVALID);
	refuse_unmap(f, 0, 0, EBB_ERR_INVALID);
	refuse_unmap(f, BASE, 0, EBB_ERR_INVALID);
	refuse_read_dirty(f, BASE, 0, EBB_LOG_DIRTY, EBB_ERR_INVALID);
	refuse_for_each(f, BASE, 0, EBB_VISIT_LEAVES, EBB_ERR_INVALID);
	clear_away(f);
}

static void an_unaligned_range_is_misaligned(struct fixture *f)
{
	static const uint64_t off[] = { 1, 8, 0x800, 0xfff };

	furnish(f);
	for (unsigned i = 0; i < 4; i++) {
		refuse_map(f, BASE + MIB_2 + off[i], 0, PAGE, RW, EBB_ERR_MISALIGNED);
		refuse_map(f, BASE + MIB_2, off[i], PAGE, RW, EBB_ERR_MISALIGNED);
		refuse_map(f, BASE + MIB_2, 0, off[i], RW, EBB_ERR_MISALIGNED);
		refuse_map(f, BASE + MIB_2, 0, PAGE + off[i], RW, EBB_ERR_MISALIGNED);
		refuse_unmap(f, BASE + off[i], PAGE, EBB_ERR_MISALIGNED);
		refuse_unmap(f, BASE, off[i], EBB_ERR_MISALIGNED);
		refuse_unmap(f, BASE, PAGE + off[i], EBB_ERR_MISALIGNED);
		refuse_read_dirty(f, BASE + off[i], PAGE, EBB_LOG_DIRTY, EBB_ERR_MISALIGNED);
		refuse_read_dirty(f, BASE, PAGE + off[i], EBB_LOG_DIRTY, EBB_ERR_MISALIGNED);
	}
	clear_away(f);
}

static void refuse_range(struct fixture *f, uint64_t iova, uint64_t len)
{
	refuse_map(f, iova, 0, len, RW, EBB_ERR_APERTURE);
	refuse_unmap(f, iova, len, EBB_ERR_APERTURE);
	refuse_read_dirty(f, iova, len, EBB_LOG_DIRTY, EBB_ERR_APERTURE);
	refuse_for_each(f, iova, len, EBB_VISIT_LEAVES | EBB_VISIT_TABLES, EBB_ERR_APERTURE);
}

static void a_range_that_leaves_the_aperture_is_refused(struct fixture *f)
{
	furnish(f);
	refuse_range(f, f->aperture, PAGE);
	refuse_range(f, f->aperture + GIB, PAGE);
	refuse_range(f, f->aperture - PAGE, 2 * PAGE);
	refuse_range(f, 0, f->aperture + PAGE);
	refuse_range(f, BASE, f->aperture);
	refuse_range(f, 1ull << 63, PAGE);
	clear_away(f);
}

static void a_range_that_overflows_is_refused(struct fixture *f)
{
	uint64_t all = 0 - PAGE;

	furnish(f);
	refuse_range(f, BASE, all);
	refuse_range(f, PAGE, all);
	refuse_range(f, 2 * PAGE, all);
	refuse_range(f, all, PAGE);
	refuse_range(f, all, 2 * PAGE);
	refuse_range(f, all, all);
	refuse_range(f, BASE, 0 - BASE);
	clear_away(f);
}

static void the_first_and_the_last_page_of_the_aperture_are_in_it(struct fixture *f)
{
	do_map(f, 0, 0, PAGE);
	do_map(f, f->aperture - PAGE, PAGE, PAGE);
	assert_maps_to(f, PAGE - 1, PAGE - 1, 12, RW);
	assert_maps_to(f, f->aperture - 1, 2 * PAGE - 1, 12, RW);
	do_unmap(f, 0, PAGE);
	do_unmap_sync(f, f->aperture - PAGE, PAGE);
}

static void an_output_address_beyond_the_width_is_refused(struct fixture *f)
{
	uint64_t top = 1ull << WIDTH;

	furnish(f);
	refuse_map(f, 0, top, PAGE, RW, EBB_ERR_PA_WIDTH);
	refuse_map(f, 0, top - PAGE, 2 * PAGE, RW, EBB_ERR_PA_WIDTH);
	refuse_map(f, 0, top + GIB, GIB, RW, EBB_ERR_PA_WIDTH);
	refuse_map(f, 0, 1ull << 63, PAGE, RW, EBB_ERR_PA_WIDTH);
	refuse_map(f, 0, 0 - PAGE, PAGE, RW, EBB_ERR_PA_WIDTH);
	refuse_map(f, 0, 0 - PAGE, 2 * PAGE, RW, EBB_ERR_PA_WIDTH);
	do_map(f, 0, top - 2 * PAGE, 2 * PAGE);
	assert_maps_to(f, PAGE, top - PAGE, 12, RW);
	do_unmap_sync(f, 0, 2 * PAGE);
	clear_away(f);
}

static void the_format_bounds_the_width_of_its_own(struct fixture *f)
{
	refuse_map(f, 0, 1ull << 52, PAGE, RW, EBB_ERR_PA_WIDTH);
	refuse_map(f, 0, (1ull << 52) - GIB, GIB + PAGE, RW, EBB_ERR_PA_WIDTH);
	do_map(f, 0, (1ull << 52) - GIB, GIB);
	do_unmap_sync(f, 0, GIB);
}

/*
 * Where no table is missing, a page is mapped and unmapped in the shortest way, which makes its own
 * checks: here the way to the first pages is there.
 */
static void the_shortest_way_refuses_the_same(struct fixture *f)
{
	uint64_t top = 1ull << (f->shape.pa_width_lg2 ? f->shape.pa_width_lg2 : 52);

	do_map(f, PAGE, 0, PAGE);
	refuse_map(f, f->aperture, 0, PAGE, RW, EBB_ERR_APERTURE);
	refuse_unmap(f, f->aperture + PAGE, PAGE, EBB_ERR_APERTURE);
	refuse_map(f, 0, top, PAGE, RW, EBB_ERR_PA_WIDTH);
	refuse_map(f, 2 * PAGE, top - PAGE, 2 * PAGE, RW, EBB_ERR_PA_WIDTH);
	refuse_map(f, 0, 0 - PAGE, PAGE, RW, EBB_ERR_PA_WIDTH);
	refuse_map(f, 0, 0, PAGE, 0, EBB_ERR_INVALID);
	refuse_map(f, 0, 0, PAGE, RW | 1u << 31, EBB_ERR_INVALID);
	refuse_map(f, 2 * PAGE, 0, 0, RW, EBB_ERR_INVALID);
	refuse_unmap(f, PAGE, 0, EBB_ERR_INVALID);
	refuse_map(f, 0x800, 0, PAGE, RW, EBB_ERR_MISALIGNED);
	refuse_map(f, 0, 0x800, PAGE, RW, EBB_ERR_MISALIGNED);
	refuse_unmap(f, PAGE, 0x800, EBB_ERR_MISALIGNED);
	do_unmap_sync(f, PAGE, PAGE);
}

/* A large leaf by itself has a short way, too. */
static void the_short_way_of_a_large_leaf_refuses_the_same(struct fixture *f)
{
	uint64_t top = 1ull << (f->shape.pa_width_lg2 ? f->shape.pa_width_lg2 : 52);
	uint64_t at = 3 * GIB;

	do_map(f, 0, 0, MIB_2);
	do_map(f, at, 0, MIB_2);
	do_map(f, at + GIB, 0, GIB);
	for (uint64_t len = MIB_2; len <= GIB; len *= 512) {
		uint64_t next = at + (len == GIB ? 2 * GIB : MIB_2);

		refuse_map(f, f->aperture + 6 * len, 0, len, RW, EBB_ERR_APERTURE);
		refuse_unmap(f, f->aperture, len, EBB_ERR_APERTURE);
		refuse_map(f, next, top, len, RW, EBB_ERR_PA_WIDTH);
		refuse_map(f, next, 0 - len, len, RW, EBB_ERR_PA_WIDTH);
		refuse_map(f, next, 0, len, 0, EBB_ERR_INVALID);
		refuse_map(f, next, 0, len, RW | 1u << 31, EBB_ERR_INVALID);
		refuse_map(f, next, 0x800, len, RW, EBB_ERR_MISALIGNED);
		refuse_unmap(f, next + 0x800, len, EBB_ERR_MISALIGNED);
		refuse_unmap(f, next, len, EBB_ERR_NOT_MAPPED);
	}
	refuse_unmap(f, at + PAGE, MIB_2, EBB_ERR_LARGE_LEAF);
	refuse_unmap(f, at + GIB + PAGE, GIB, EBB_ERR_LARGE_LEAF);
	do_unmap(f, 0, MIB_2);
	do_unmap(f, at, MIB_2);
	do_unmap_sync(f, at + GIB, GIB);
}

static void a_map_without_permissions_is_invalid(struct fixture *f)
{
	furnish(f);
	refuse_map(f, 0, 0, PAGE, 0, EBB_ERR_INVALID);
	refuse_map(f, 0, 0, PAGE, EBB_SNOOP, EBB_ERR_INVALID);
	refuse_map(f, 0, 0, GIB, 0, EBB_ERR_INVALID);
	clear_away(f);
}

static void an_unknown_permission_is_invalid(struct fixture *f)
{
	for (unsigned bit = 3; bit < 32; bit++)
		refuse_map(f, 0, 0, PAGE, RW | 1u << bit, EBB_ERR_INVALID);
}

static void snooping_needs_snoop_control(struct fixture *f)
{
	refuse_map(f, 0, 0, PAGE, RW | EBB_SNOOP, EBB_ERR_UNSUPPORTED);
	refuse_map(f, 0, 0, GIB, EBB_READ | EBB_SNOOP, EBB_ERR_UNSUPPORTED);
}

static void refuse_overlap(struct fixture *f, uint64_t iova, uint64_t len, uint64_t where)
{
	refuse_map(f, iova, 0, len, RW, EBB_ERR_MAPPED);
	assert_int_equal(ebb_error_iova(&f->gather).v, where);
}

static void a_map_over_a_live_leaf_names_the_first_mapped_iova(struct fixture *f)
{
	furnish(f);
	refuse_overlap(f, BASE, PAGE, BASE);
	refuse_overlap(f, BASE - PAGE, 2 * PAGE, BASE);
	refuse_overlap(f, BASE - PAGE, 3 * PAGE, BASE);
	refuse_overlap(f, BASE + PAGE, 16 * PAGE, BASE + 16 * PAGE);
	refuse_overlap(f, BASE + 31 * PAGE, 2 * PAGE, BASE + 31 * PAGE);
	refuse_overlap(f, BASE + 2 * MIB_2, PAGE, BASE + 2 * MIB_2);
	refuse_overlap(f, BASE + 2 * MIB_2 + PAGE, PAGE, BASE + 2 * MIB_2 + PAGE);
	refuse_overlap(f, BASE + 2 * MIB_2 - PAGE, 2 * PAGE, BASE + 2 * MIB_2);
	refuse_overlap(f, BASE + GIB + MIB_2 + PAGE, PAGE, BASE + GIB + MIB_2 + PAGE);
	refuse_overlap(f, BASE + 2 * GIB - PAGE, 2 * PAGE, BASE + 2 * GIB - PAGE);
	clear_away(f);
}

static void a_large_page_does_not_cover_a_live_leaf(struct fixture *f)
{
	furnish(f);
	refuse_overlap(f, BASE, MIB_2, BASE);
	refuse_overlap(f, BASE, GIB, BASE);
	refuse_overlap(f, BASE + 2 * MIB_2, MIB_2, BASE + 2 * MIB_2);
	refuse_overlap(f, BASE + GIB, GIB, BASE + GIB);
	refuse_overlap(f, 0, 8 * GIB, BASE);
	clear_away(f);
}

/* The first pages could be mapped; the last one could not. */
static void a_map_that_fails_late_maps_nothing(struct fixture *f)
{
	uint64_t last = 3 * GIB + 5 * MIB_2 + 7 * PAGE;

	do_map(f, last, 0, PAGE);
	refuse_overlap(f, 0, last + PAGE, last);
	refuse_overlap(f, GIB + PAGE, last - GIB, last);
	refuse_overlap(f, last - 8 * PAGE, 16 * PAGE, last);
	refuse_overlap(f, last - 8 * MIB_2, 16 * MIB_2, last);
	assert_range_maps_nothing(f, 0, last);
	assert_range_maps_nothing(f, last + PAGE, GIB);
	do_unmap_sync(f, last, PAGE);
}

static void unmapping_a_hole_finds_nothing_mapped(struct fixture *f)
{
	refuse_unmap(f, 0, PAGE, EBB_ERR_NOT_MAPPED);
	refuse_unmap(f, 0, f->aperture, EBB_ERR_NOT_MAPPED);
	furnish(f);
	refuse_unmap(f, BASE + PAGE, PAGE, EBB_ERR_NOT_MAPPED);
	refuse_unmap(f, BASE + PAGE, 15 * PAGE, EBB_ERR_NOT_MAPPED);
	refuse_unmap(f, BASE + MIB_2, MIB_2, EBB_ERR_NOT_MAPPED);
	refuse_unmap(f, 0, BASE, EBB_ERR_NOT_MAPPED);
	refuse_unmap(f, BASE + 2 * GIB, 100 * GIB, EBB_ERR_NOT_MAPPED);
	clear_away(f);
	refuse_unmap(f, BASE, PAGE, EBB_ERR_NOT_MAPPED);
}

static void refuse_cut(struct fixture *f, uint64_t iova, uint64_t len, uint64_t where)
{
	refuse_unmap(f, iova, len, EBB_ERR_LARGE_LEAF);
	assert_int_equal(ebb_error_iova(&f->gather).v, where);
}

static void unmapping_a_part_of_a_large_leaf_is_refused(struct fixture *f)
{
	furnish(f);
	refuse_cut(f, BASE + 2 * MIB_2, PAGE, BASE + 2 * MIB_2);
	refuse_cut(f, BASE + 2 * MIB_2 + 5 * PAGE, PAGE, BASE + 2 * MIB_2);
	refuse_cut(f, BASE + 3 * MIB_2 - PAGE, PAGE, BASE + 2 * MIB_2);
	refuse_cut(f, BASE + GIB, MIB_2, BASE + GIB);
	refuse_cut(f, BASE + GIB + PAGE, GIB - PAGE, BASE + GIB);
	refuse_cut(f, BASE + 2 * GIB - MIB_2, 2 * MIB_2, BASE + GIB);
	clear_away(f);
}

/* What comes before the large leaf in the range stays as well. */
static void a_cut_at_the_end_of_the_range_leaves_its_beginning_mapped(struct fixture *f)
{
	furnish(f);
	refuse_cut(f, BASE, 2 * MIB_2 + PAGE, BASE + 2 * MIB_2);
	refuse_cut(f, BASE, GIB + PAGE, BASE + GIB);
	refuse_cut(f, BASE, GIB + MIB_2, BASE + GIB);
	refuse_cut(f, 0, BASE + GIB + MIB_2, BASE + GIB);
	refuse_cut(f, BASE + 2 * MIB_2 + PAGE, GIB, BASE + 2 * MIB_2);
	clear_away(f);
}

static void translate_names_what_is_wrong_with_an_iova(struct fixture *f)
{
	struct ebb_mapping m;

	assert_int_equal(ebb_translate(&f->domain, EBB_IOVA(f->aperture), &m), EBB_ERR_APERTURE);
	assert_int_equal(ebb_translate(&f->domain, EBB_IOVA(UINT64_MAX), &m), EBB_ERR_APERTURE);
	assert_int_equal(ebb_translate(&f->domain, EBB_IOVA(f->aperture - 1), &m),
			 EBB_ERR_NOT_MAPPED);
	assert_int_equal(ebb_translate(&f->domain, EBB_IOVA(0), &m), EBB_ERR_NOT_MAPPED);
}

static void a_visit_of_nothing_or_of_unknown_things_is_invalid(struct fixture *f)
{
	refuse_for_each(f, 0, f->aperture, 0, EBB_ERR_INVALID);
	refuse_for_each(f, 0, f->aperture, 1u << 2, EBB_ERR_INVALID);
	refuse_for_each(f, 0, f->aperture, EBB_VISIT_LEAVES | 1u << 31, EBB_ERR_INVALID);
	assert_int_equal(ebb_for_each(&f->domain, EBB_IOVA(0), PAGE, EBB_VISIT_LEAVES, NULL, NULL),
			 EBB_ERR_INVALID);
}

static void a_log_of_nothing_or_of_unknown_bits_is_invalid(struct fixture *f)
{
	refuse_read_dirty(f, 0, PAGE, 0, EBB_ERR_INVALID);
	refuse_read_dirty(f, 0, PAGE, 1u << 2, EBB_ERR_INVALID);
	refuse_read_dirty(f, 0, PAGE, EBB_LOG_DIRTY | 1u << 31, EBB_ERR_INVALID);
	assert_int_equal(ebb_read_dirty(&f->gather, EBB_IOVA(0), PAGE, EBB_LOG_DIRTY, NULL, NULL),
			 EBB_ERR_INVALID);
}

static void a_log_needs_hardware_that_keeps_it(struct fixture *f)
{
	refuse_read_dirty(f, 0, PAGE, EBB_LOG_DIRTY, EBB_ERR_UNSUPPORTED);
	refuse_read_dirty(f, 0, PAGE, EBB_LOG_ACCESSED, EBB_ERR_UNSUPPORTED);
}

static const struct test_case cases[] = {
	CASE_WITH(a_zero_length_is_invalid, .shape.flags = EBB_ACCESSED_DIRTY),
	CASE_WITH(an_unaligned_range_is_misaligned, .shape.flags = EBB_ACCESSED_DIRTY),
	CASE_WITH(a_range_that_leaves_the_aperture_is_refused, .shape.flags = EBB_ACCESSED_DIRTY),
	CASE_WITH(a_range_that_overflows_is_refused, .shape.flags = EBB_ACCESSED_DIRTY),
	CASE(the_first_and_the_last_page_of_the_aperture_are_in_it),
	CASE_WITH(an_output_address_beyond_the_width_is_refused, .shape.pa_width_lg2 = WIDTH),
	CASE(the_format_bounds_the_width_of_its_own),
	CASE(the_shortest_way_refuses_the_same),
	CASE_WITH(the_shortest_way_refuses_the_same, .shape.pa_width_lg2 = WIDTH),
	CASE(the_short_way_of_a_large_leaf_refuses_the_same),
	CASE_WITH(the_short_way_of_a_large_leaf_refuses_the_same, .shape.pa_width_lg2 = WIDTH),
	CASE(a_map_without_permissions_is_invalid),
	CASE(an_unknown_permission_is_invalid),
	CASE(snooping_needs_snoop_control),
	CASE(a_map_over_a_live_leaf_names_the_first_mapped_iova),
	CASE(a_large_page_does_not_cover_a_live_leaf),
	CASE(a_map_that_fails_late_maps_nothing),
	CASE(unmapping_a_hole_finds_nothing_mapped),
	CASE(unmapping_a_part_of_a_large_leaf_is_refused),
	CASE(a_cut_at_the_end_of_the_range_leaves_its_beginning_mapped),
	CASE(translate_names_what_is_wrong_with_an_iova),
	CASE(a_visit_of_nothing_or_of_unknown_things_is_invalid),
	CASE_WITH(a_log_of_nothing_or_of_unknown_bits_is_invalid,
		  .shape.flags = EBB_ACCESSED_DIRTY),
	CASE(a_log_needs_hardware_that_keeps_it),
};

int main(void)
{
	return RUN_CASES("bad input", cases);
}
