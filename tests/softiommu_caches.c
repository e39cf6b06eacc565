/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* That the software IOMMU caches, queues, forgets and writes as hardware may. */
#include "bench.h"

/* ---- how it caches ---- */

static void a_page_is_remembered_until_it_is_invalidated(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	assert_true(bench_dma(b, BASE, SOFT_PROBE).present);
	*bench_word(b, BASE, 0) = 0;
	assert_true(bench_dma(b, BASE, SOFT_PROBE).present);
	bench_invalidate(b, BASE + PAGE, BASE + 2 * PAGE - 1, EBB_WIDE);
	assert_true(bench_dma(b, BASE, SOFT_PROBE).present);
	bench_invalidate(b, BASE, BASE + PAGE - 1, EBB_LEAF);
	assert_false(bench_dma(b, BASE, SOFT_PROBE).present);
	bench_close(b);
}

/* Only a wide invalidation of its whole span makes the device forget a table. */
static void a_table_is_remembered_until_a_wide_invalidation(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	bench_map(b, BASE + PAGE, 0x8000);
	bench_dma(b, BASE, SOFT_PROBE);
	*bench_word(b, BASE, 1) = 0;
	bench_invalidate(b, BASE, BASE + MIB_2 - 1, EBB_LEAF);
	assert_true(bench_dma(b, BASE + PAGE, SOFT_PROBE).present);
	bench_invalidate(b, BASE, BASE + MIB_2 - PAGE - 1, EBB_WIDE);
	assert_true(bench_dma(b, BASE, SOFT_PROBE).present);
	bench_invalidate(b, BASE, BASE + MIB_2 - 1, EBB_WIDE);
	assert_false(bench_dma(b, BASE + PAGE, SOFT_PROBE).present);
	bench_close(b);
}

/* Each level's table is remembered and forgotten by itself, and the lowest is asked first. */
static void tables_of_each_level_are_remembered(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	bench_map(b, BASE + PAGE, 0x8000);
	bench_map(b, BASE + MIB_2, 0x9000);
	bench_map(b, BASE + MIB_2 + PAGE, 0xa000);
	bench_dma(b, BASE, SOFT_PROBE);
	*bench_word(b, BASE, 1) = 0;
	*bench_word(b, BASE, 2) = 0;
	assert_int_equal(bench_dma(b, BASE + PAGE, SOFT_PROBE).pa, 0x8000); /* level 0 */
	assert_int_equal(bench_dma(b, BASE + MIB_2, SOFT_PROBE).pa, 0x9000); /* level 1 */
	bench_invalidate(b, BASE, BASE + MIB_2 - 1, EBB_WIDE);
	assert_false(bench_dma(b, BASE + PAGE, SOFT_PROBE).present);
	assert_int_equal(bench_dma(b, BASE + MIB_2 + PAGE, SOFT_PROBE).pa, 0xa000);
	bench_invalidate(b, BASE, BASE + GIB - 1, EBB_WIDE);
	assert_false(bench_dma(b, BASE + MIB_2, SOFT_PROBE).present);
	assert_true(soft_counts(b->device).walk_hits > 0);
	bench_close(b);
}

/* Slots are few, and shared: what stands in one is used for nothing else. */
static void many_pages_do_not_confuse_the_caches(void **state)
{
	struct bench *b = bench_open(EBB_CACHING_MODE, SOFT_INLINE);

	(void)state;
	for (uint64_t i = 1; i <= 3000; i++) {
		uint64_t iova = i * (MIB_2 + 2 * PAGE), pa = i << 20;

		bench_map(b, iova, pa);
		bench_map(b, iova + PAGE, pa + PAGE);
		assert_int_equal(bench_dma(b, iova, SOFT_PROBE).pa, pa);
		assert_int_equal(bench_dma(b, iova + PAGE, SOFT_PROBE).pa, pa + PAGE);
		assert_false(bench_dma(b, iova - PAGE, SOFT_PROBE).present);
		assert_false(bench_dma(b, iova + 2 * PAGE, SOFT_PROBE).present);
	}
	assert_int_equal(b->reports, 0);
	bench_close(b);
}

static void a_large_page_is_forgotten_as_a_whole(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	assert_ok(ebb_map(&b->gather, EBB_IOVA(BASE), EBB_PA(GIB), MIB_2, RW));
	assert_int_equal(bench_dma(b, BASE + 3 * PAGE, SOFT_PROBE).pa, GIB + 3 * PAGE);
	*bench_word(b, BASE, 1) = 0;
	assert_int_equal(bench_dma(b, BASE + 3 * PAGE, SOFT_PROBE).pa, GIB + 3 * PAGE);
	bench_invalidate(b, BASE + 100 * PAGE, BASE + 101 * PAGE - 1, EBB_LEAF);
	assert_false(bench_dma(b, BASE + 3 * PAGE, SOFT_PROBE).present);
	bench_close(b);
}

static void each_span_of_a_request_is_forgotten(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);
	const struct ebb_span spans[] = {
		{ { BASE }, { BASE + PAGE - 1 }, EBB_LEAF },
		{ { 2 * BASE }, { 2 * BASE + PAGE - 1 }, EBB_LEAF },
	};

	(void)state;
	for (unsigned i = 1; i <= 2; i++) {
		bench_map(b, i * BASE, 0x7000);
		bench_dma(b, i * BASE, SOFT_PROBE);
		*bench_word(b, i * BASE, 0) = 0;
	}
	b->platform.invalidate(b->platform.ctx, spans, 2);
	assert_false(bench_dma(b, BASE, SOFT_PROBE).present);
	assert_false(bench_dma(b, 2 * BASE, SOFT_PROBE).present);
	bench_close(b);
}

static void uncached_dma_neither_asks_the_caches_nor_fills_them(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);
	struct soft_walk w;

	(void)state;
	bench_map(b, BASE, 0x7000);
	soft_dma_uncached(b->device, BASE, SOFT_PROBE, &w);
	*bench_word(b, BASE, 0) = 0x8000 | VTD_READ;
	assert_int_equal(bench_dma(b, BASE, SOFT_PROBE).pa, 0x8000);
	*bench_word(b, BASE, 0) = 0x9000 | VTD_READ;
	soft_dma_uncached(b->device, BASE, SOFT_PROBE, &w);
	assert_int_equal(w.pa, 0x9000);
	bench_close(b);
}

static void a_device_that_was_detached_remembers_nothing(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	bench_dma(b, BASE, SOFT_PROBE);
	*bench_word(b, BASE, 0) = 0x8000 | VTD_READ;
	soft_detach(b->device);
	soft_attach(b->device, ebb_root_pa(&b->domain));
	assert_int_equal(bench_dma(b, BASE, SOFT_PROBE).pa, 0x8000);
	bench_close(b);
}

static void assert_stale(struct bench *b, const char *text)
{
	assert_non_null(soft_stale(b->device));
	assert_non_null(strstr(soft_stale(b->device), text));
	assert_int_equal(b->reports, 0);
	bench_close(b);
}

static struct bench *open_remembering(uint32_t flags)
{
	struct bench *b = bench_open(flags, SOFT_INLINE);

	bench_map(b, BASE, 0x7000);
	bench_dma(b, BASE, SOFT_PROBE);
	bench_dma(b, BASE + PAGE, SOFT_PROBE);
	assert_null(soft_stale(b->device));
	return b;
}

static void what_is_remembered_is_compared_with_the_tree(void **state)
{
	struct bench *b = open_remembering(0);

	(void)state;
	*bench_word(b, BASE, 0) = 0;
	assert_stale(b, "a page that is not mapped");
	b = open_remembering(0);
	*bench_word(b, BASE, 0) += PAGE;
	assert_stale(b, "another output address");
	b = open_remembering(0);
	*bench_word(b, BASE, 0) &= ~(uint64_t)VTD_WRITE;
	assert_stale(b, "other permissions");
	b = open_remembering(EBB_CACHING_MODE);
	*bench_word(b, BASE + PAGE, 0) = 0x8000 | VTD_READ;
	assert_stale(b, "an entry is not present");
	b = open_remembering(0);
	bench_invalidate(b, BASE, BASE + PAGE - 1, EBB_LEAF);
	*bench_word(b, BASE, 1) = 0;
	assert_stale(b, "a table that is not linked there");
}

static void page_is_still_there(struct bench *b)
{
	b->on_wait = NULL; /* reclaim invalidates as well */
	assert_true(bench_dma(b, BASE, SOFT_PROBE).present);
}

static void an_invalidation_takes_effect_when_it_completes(void **state)
{
	struct bench *b = bench_open(0, SOFT_STEPS);

	(void)state;
	bench_map(b, BASE, 0x7000);
	bench_dma(b, BASE, SOFT_PROBE);
	b->on_wait = page_is_still_there;
	assert_ok(ebb_unmap(&b->gather, EBB_IOVA(BASE), PAGE, NULL));
	ebb_sync(&b->gather);
	assert_true(b->waits > 0);
	assert_false(bench_dma(b, BASE, SOFT_PROBE).present);
	bench_close(b);
}

static void a_device_thread_completes_invalidations(void **state)
{
	struct bench *b = bench_open(0, SOFT_THREAD);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		bench_map(b, BASE, 0x7000);
		assert_true(bench_dma(b, BASE, SOFT_WRITE).present);
		assert_ok(ebb_unmap(&b->gather, EBB_IOVA(BASE), PAGE, NULL));
		ebb_sync(&b->gather);
		assert_false(bench_dma(b, BASE, SOFT_WRITE).present);
	}
	assert_int_equal(b->reports, 0);
	bench_close(b);
}

static void absence_is_remembered_in_caching_mode_alone(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct bench *b = bench_open(i ? EBB_CACHING_MODE : 0, SOFT_INLINE);

		bench_map(b, BASE, 0x7000);
		assert_false(bench_dma(b, BASE + PAGE, SOFT_PROBE).present);
		assert_false(bench_dma(b, BASE + MIB_2, SOFT_PROBE).present);
		*bench_word(b, BASE + PAGE, 0) = 0x8000 | VTD_READ;
		*bench_word(b, BASE + MIB_2, 1) = *bench_word(b, BASE, 1);
		assert_int_equal(bench_dma(b, BASE + PAGE, SOFT_PROBE).present, !i);
		assert_int_equal(bench_dma(b, BASE + MIB_2 + PAGE, SOFT_PROBE).present, !i);
		bench_invalidate(b, BASE, BASE + 2 * MIB_2 - 1, EBB_LEAF);
		assert_true(bench_dma(b, BASE + PAGE, SOFT_PROBE).present);
		assert_int_equal(bench_dma(b, BASE + MIB_2 + PAGE, SOFT_PROBE).present, !i);
		bench_invalidate(b, BASE, BASE + 2 * MIB_2 - 1, EBB_WIDE);
		assert_true(bench_dma(b, BASE + MIB_2 + PAGE, SOFT_PROBE).present);
		bench_close(b);
	}
	(void)state;
}

static void only_what_was_written_back_is_seen_without_snooping(void **state)
{
	struct bench *b = bench_open(EBB_NONSNOOPING, SOFT_INLINE);
	uint64_t *word;

	(void)state;
	bench_map(b, BASE, 0x7000);
	word = bench_word(b, BASE + PAGE, 0);
	*word = 0x8000 | VTD_READ;
	assert_false(bench_dma(b, BASE + PAGE, SOFT_PROBE).present);
	b->platform.write_back(b->platform.ctx, word, sizeof(*word));
	assert_int_equal(bench_dma(b, BASE + PAGE, SOFT_PROBE).pa, 0x8000);
	bench_close(b);
}

static void a_table_that_was_never_written_back_is_rubbish(void **state)
{
	struct bench *b = bench_open(EBB_NONSNOOPING, SOFT_INLINE);
	uint64_t *root = table_word(ebb_root_pa(&b->domain).v, 0);
	struct ebb_table *t = b->platform.alloc_table(b->platform.ctx, -1);

	(void)state;
	root[0] = ebb_hot_pa(t).v | VTD_READ | VTD_WRITE;
	b->platform.write_back(b->platform.ctx, root, sizeof(*root));
	bench_dma(b, 0, SOFT_PROBE);
	bench_expect(b, SOFT_RESERVED_BIT);
	bench_close(b);
}

/* ---- what it writes ---- */

static void dma_sets_accessed_and_dirty_bits(void **state)
{
	struct bench *b = bench_open(EBB_ACCESSED_DIRTY, SOFT_INLINE);
	uint64_t *leaf;

	(void)state;
	bench_map(b, BASE, 0x7000);
	leaf = bench_word(b, BASE, 0);
	bench_dma(b, BASE, SOFT_PROBE);
	assert_int_equal(*leaf & (VTD_ACCESSED | VTD_DIRTY), 0);
	bench_dma(b, BASE, SOFT_READ);
	assert_int_equal(*leaf & (VTD_ACCESSED | VTD_DIRTY), VTD_ACCESSED);
	bench_dma(b, BASE, SOFT_WRITE); /* the IOTLB knows the page, and that it is clean */
	assert_int_equal(*leaf & (VTD_ACCESSED | VTD_DIRTY), VTD_ACCESSED | VTD_DIRTY);
	soft_dma_uncached(b->device, BASE, SOFT_WRITE, &(struct soft_walk){ 0 });
	assert_true(*bench_word(b, BASE, 1) & VTD_ACCESSED);
	assert_false(*bench_word(b, BASE, 1) & VTD_DIRTY);
	bench_close(b);
}

static void a_write_that_is_not_allowed_sets_no_dirty_bit(void **state)
{
	struct bench *b = bench_open(EBB_ACCESSED_DIRTY, SOFT_INLINE);

	(void)state;
	assert_ok(ebb_map(&b->gather, EBB_IOVA(BASE), EBB_PA(0), PAGE, EBB_READ));
	assert_true(bench_dma(b, BASE, SOFT_WRITE).denied);
	assert_false(*bench_word(b, BASE, 0) & VTD_DIRTY);
	bench_close(b);
}

/*
 * Without snooping memory may say something else already: setting bits is a locked access, so the
 * device finds out. Bits are set where it says the same, save for what hardware ignores.
 */
static void bits_are_set_in_no_other_entry(void **state)
{
	struct bench *b = bench_open(EBB_NONSNOOPING | EBB_ACCESSED_DIRTY, SOFT_INLINE);
	uint64_t *word;
	struct soft_walk w;

	(void)state;
	bench_map(b, BASE, 0x7000);
	bench_map(b, BASE + PAGE, 0x8000);
	*bench_word(b, BASE, 0) = 0;
	assert_true(bench_dma(b, BASE, SOFT_PROBE).present);
	soft_dma_uncached(b->device, BASE, SOFT_WRITE, &w);
	assert_false(w.present);
	assert_int_equal(*bench_word(b, BASE, 0), 0);

	word = bench_word(b, BASE + PAGE, 0);
	*word |= VTD_IGNORED;
	soft_dma_uncached(b->device, BASE + PAGE, SOFT_WRITE, &w);
	assert_int_equal(*word,
			 0x8000 | VTD_READ | VTD_WRITE | VTD_IGNORED | VTD_ACCESSED | VTD_DIRTY);
	soft_dma_uncached(b->device, BASE + PAGE, SOFT_PROBE, &w);
	assert_true(w.entries[0] & VTD_DIRTY);
	bench_close(b);
}

static void dma_that_finds_nothing_leaves_a_record(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);
	struct soft_record records[16];

	(void)state;
	assert_ok(ebb_map(&b->gather, EBB_IOVA(BASE), EBB_PA(0), PAGE, EBB_READ));
	bench_dma(b, BASE + PAGE, SOFT_PROBE);
	assert_int_equal(soft_records(b->device, records, 16), 0);
	assert_true(bench_dma(b, BASE, SOFT_WRITE).denied);
	assert_false(bench_dma(b, BASE, SOFT_READ).denied);
	bench_dma(b, BASE + PAGE, SOFT_READ);
	assert_int_equal(soft_records(b->device, records, 16), 2);
	assert_int_equal(records[0].iova, BASE);
	assert_true(records[0].write && records[0].present);
	assert_int_equal(records[1].iova, BASE + PAGE);
	assert_false(records[1].write || records[1].present);
	for (unsigned i = 0; i < 100; i++)
		bench_dma(b, BASE + PAGE, SOFT_READ);
	assert_int_equal(soft_records(b->device, records, 16), 8); /* the rest is lost */
	assert_int_equal(soft_counts(b->device).fault_records, 102);
	bench_close(b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_remembered_until_it_is_invalidated),
		cmocka_unit_test(a_table_is_remembered_until_a_wide_invalidation),
		cmocka_unit_test(tables_of_each_level_are_remembered),
		cmocka_unit_test(many_pages_do_not_confuse_the_caches),
		cmocka_unit_test(a_large_page_is_forgotten_as_a_whole),
		cmocka_unit_test(each_span_of_a_request_is_forgotten),
		cmocka_unit_test(uncached_dma_neither_asks_the_caches_nor_fills_them),
		cmocka_unit_test(a_device_that_was_detached_remembers_nothing),
		cmocka_unit_test(what_is_remembered_is_compared_with_the_tree),
		cmocka_unit_test(an_invalidation_takes_effect_when_it_completes),
		cmocka_unit_test(a_device_thread_completes_invalidations),
		cmocka_unit_test(absence_is_remembered_in_caching_mode_alone),
		cmocka_unit_test(only_what_was_written_back_is_seen_without_snooping),
		cmocka_unit_test(a_table_that_was_never_written_back_is_rubbish),
		cmocka_unit_test(dma_sets_accessed_and_dirty_bits),
		cmocka_unit_test(a_write_that_is_not_allowed_sets_no_dirty_bit),
		cmocka_unit_test(bits_are_set_in_no_other_entry),
		cmocka_unit_test(dma_that_finds_nothing_leaves_a_record),
	};

	return cmocka_run_group_tests_name("softiommu_caches", tests, NULL, NULL);
}
