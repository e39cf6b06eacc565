/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The software IOMMU itself: that it caches, queues and forgets as hardware may, and that it
 * reports each thing that it is there to find. The faults are made by hand, on tables that the core
 * built.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ebb_hot.h>
#include "support.h"

#define BASE   (5 * GIB)
#define LEVELS 3u

struct bench {
	struct ebb_hosted *hosted;
	struct ebb_platform inner, platform;
	struct soft_iommu *device;
	struct ebb_domain domain;
	struct ebb_gather gather;
	struct ebb_table *give; /* the inner platform gives this table out next */
	enum soft_fault fault;
	char details[4352]; /* with the text before them */
	unsigned reports, waits;
	void (*on_wait)(struct bench *b);
};

static struct bench bench;

static void on_fault(void *arg, const struct soft_report *report)
{
	struct bench *b = arg;

	b->reports++;
	b->fault = report->fault;
	snprintf(b->details, sizeof(b->details), "%s\n%s", report->text, report->details);
}

static void on_wait(void *arg)
{
	struct bench *b = arg;

	b->waits++;
	if (b->on_wait)
		b->on_wait(b);
	soft_step(b->device);
}

static struct ebb_table *give(void *ctx, int node)
{
	struct bench *b = ctx;
	struct ebb_platform hosted = ebb_hosted_platform(b->hosted);
	struct ebb_table *table = b->give;

	b->give = NULL;
	return table ? table : hosted.alloc_table(hosted.ctx, node);
}

static void take(void *ctx, struct ebb_table *list)
{
	struct bench *b = ctx;
	struct ebb_platform hosted = ebb_hosted_platform(b->hosted);

	hosted.free_tables(hosted.ctx, list);
}

static struct bench *open_bench(uint32_t flags, enum soft_completion completion)
{
	struct bench *b = &bench;
	struct ebb_config config = { .format = EBB_VTDSS,
				     .policy = EBB_DEFERRED,
				     .levels = LEVELS,
				     .flags = flags,
				     .node = -1 };
	struct soft_config soft = {
		.format = EBB_VTDSS,
		.levels = LEVELS,
		.flags = flags,
		.completion = completion,
		.wait = on_wait,
		.on_fault = on_fault,
		.arg = b,
	};

	memset(b, 0, sizeof(*b));
	b->hosted = ebb_hosted_create(0);
	assert_non_null(b->hosted);
	b->inner = ebb_hosted_platform(b->hosted);
	b->inner.ctx = b;
	b->inner.alloc_table = give;
	b->inner.free_tables = take;
	b->device = soft_create(&b->inner, &soft);
	b->platform = soft_platform(b->device);
	assert_ok(ebb_domain_init(&b->domain, &config, &b->platform));
	soft_attach(b->device, ebb_root_pa(&b->domain));
	ebb_gather_init(&b->gather, &b->domain);
	return b;
}

static void expect_fault(struct bench *b, enum soft_fault fault)
{
	assert_int_equal(b->fault, fault);
	assert_int_equal(b->reports, 1);
}

/* Tables may be in any state: what is freed by hand is not freed again. */
static void close_bench(struct bench *b)
{
	soft_detach(b->device);
	soft_destroy(b->device);
	ebb_hosted_destroy(b->hosted);
}

static void map(struct bench *b, uint64_t iova, uint64_t pa)
{
	assert_ok(ebb_map(&b->gather, EBB_IOVA(iova), EBB_PA(pa), PAGE, RW));
}

static struct soft_walk dma(struct bench *b, uint64_t iova, enum soft_access access)
{
	struct soft_walk w;

	soft_dma(b->device, iova, access, &w);
	return w;
}

/* The table at `level` on the way to iova, by its entry one level up. */
static uint64_t *entry_of(struct bench *b, uint64_t iova, unsigned level)
{
	uint64_t pa = ebb_root_pa(&b->domain).v;

	for (unsigned l = LEVELS - 1; l > level + 1; l--)
		pa = table_entry(pa, vtd_index(iova, l)) & VTD_ADDRESS;
	return table_word(pa, vtd_index(iova, level + 1));
}

static struct ebb_table *table_of(struct bench *b, uint64_t iova, unsigned level)
{
	return ebb_hot_va(EBB_PA(*entry_of(b, iova, level) & VTD_ADDRESS));
}

static void free_one(struct bench *b, struct ebb_table *t)
{
	ebb_hot_desc(t)->next = NULL;
	b->platform.free_tables(b->platform.ctx, t);
}

static void invalidate(struct bench *b, uint64_t first, uint64_t last, enum ebb_invalidation kind)
{
	struct ebb_span span = { EBB_IOVA(first), EBB_IOVA(last), kind };

	b->platform.invalidate(b->platform.ctx, &span, 1);
}

/* ---- what it reports ---- */

static void a_reserved_bit_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	map(b, BASE, 0x7000);
	*entry_of(b, BASE, 0) |= VTD_TRANSIENT;
	dma(b, BASE, SOFT_PROBE);
	expect_fault(b, SOFT_RESERVED_BIT);
	assert_non_null(strstr(b->details, "bit 62 is set"));
	assert_non_null(strstr(b->details, "level 1: table"));
	close_bench(b);
}

static void a_walk_into_a_freed_table_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	map(b, BASE, 0x7000);
	free_one(b, table_of(b, BASE, 0));
	assert_int_equal(b->reports, 0);
	dma(b, BASE, SOFT_PROBE);
	expect_fault(b, SOFT_FREED_TABLE);
	close_bench(b);
}

/* The core's own walk goes on in a freed table, and ends where nothing was mapped. */
static void a_freed_table_misleads_software(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);
	struct ebb_mapping m;
	struct ebb_table *t;

	(void)state;
	map(b, BASE, 0x7000);
	t = table_of(b, BASE, 0);
	free_one(b, t);
	assert_ok(ebb_translate(&b->domain, EBB_IOVA(BASE), &m));
	assert_int_equal(m.pa.v, ebb_hot_pa(t).v);
	close_bench(b);
}

static void a_walk_to_what_is_no_table_is_reported(void **state)
{
	static _Alignas(4096) uint64_t page[EBB_TABLE_ENTRIES];
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	map(b, BASE, 0x7000);
	*entry_of(b, BASE, 0) =
		ebb_hot_pa((struct ebb_table *)(void *)page).v | VTD_READ | VTD_WRITE;
	dma(b, BASE, SOFT_PROBE);
	expect_fault(b, SOFT_UNKNOWN_TABLE);
	close_bench(b);
}

static void unlink_by_hand(struct bench *b)
{
	map(b, BASE, 0x7000);
	dma(b, BASE, SOFT_PROBE);
	soft_expect_unmapped(b->device, BASE, MIB_2);
	*entry_of(b, BASE, 0) = 0;
}

static void a_walk_through_an_unlinked_table_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	unlink_by_hand(b);
	dma(b, BASE + PAGE, SOFT_PROBE);
	expect_fault(b, SOFT_UNLINKED_TABLE);
	assert_non_null(strstr(b->details, "walk cache"));
	close_bench(b);
}

/* Its owner may have taken it, and is not done yet. */
static void a_walk_through_a_table_that_is_being_taken_is_not(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	unlink_by_hand(b);
	soft_expect_any(b->device, BASE, MIB_2);
	dma(b, BASE + PAGE, SOFT_PROBE);
	assert_int_equal(b->reports, 0);
	close_bench(b);
}

static void a_table_freed_while_it_is_cached_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	map(b, BASE, 0x7000);
	dma(b, BASE, SOFT_PROBE);
	free_one(b, table_of(b, BASE, 0));
	expect_fault(b, SOFT_CACHED_TABLE);
	close_bench(b);
}

static void a_table_freed_twice_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);
	struct ebb_table *t;

	(void)state;
	map(b, BASE, 0x7000);
	t = table_of(b, BASE, 0);
	free_one(b, t);
	assert_int_equal(soft_quarantined(b->device), 1);
	free_one(b, t);
	expect_fault(b, SOFT_FREED_TWICE);
	close_bench(b);
}

static void a_store_into_a_freed_table_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);
	struct ebb_table *t;

	(void)state;
	map(b, BASE, 0x7000);
	t = table_of(b, BASE, 0);
	free_one(b, t);
	*(uint64_t *)(void *)t = 0;
	assert_int_equal(b->reports, 0);
	map(b, 3 * BASE, 0x7000); /* needs tables */
	expect_fault(b, SOFT_WRITTEN_FREED);
	close_bench(b);
}

static void a_table_given_out_twice_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	map(b, BASE, 0x7000);
	b->give = table_of(b, BASE, 1);
	assert_non_null(b->platform.alloc_table(b->platform.ctx, -1));
	expect_fault(b, SOFT_GIVEN_TWICE);
	close_bench(b);
}

static void a_lost_mapping_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	soft_expect_mapped(b->device, BASE, 0x7000, 4 * PAGE, RW);
	dma(b, BASE + 4 * PAGE, SOFT_PROBE);
	assert_int_equal(b->reports, 0);
	dma(b, BASE + 3 * PAGE, SOFT_PROBE);
	expect_fault(b, SOFT_LOST_MAPPING);
	close_bench(b);
}

static void a_wrong_mapping_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	map(b, BASE, 0x7000);
	soft_expect_mapped(b->device, BASE, 0x7000, PAGE, RW);
	dma(b, BASE + 8, SOFT_PROBE);
	assert_int_equal(b->reports, 0);
	soft_expect_mapped(b->device, BASE, 0x8000, PAGE, RW);
	dma(b, BASE + 8, SOFT_PROBE);
	expect_fault(b, SOFT_WRONG_MAPPING);
	close_bench(b);
}

/* As if a sync had returned without its invalidation. */
static void a_stale_hit_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	map(b, BASE, 0x7000);
	dma(b, BASE, SOFT_PROBE);
	soft_expect_any(b->device, BASE, PAGE);
	assert_ok(ebb_unmap(&b->gather, EBB_IOVA(BASE), PAGE, NULL));
	assert_true(dma(b, BASE, SOFT_PROBE).present);
	assert_int_equal(b->reports, 0);
	soft_expect_unmapped(b->device, BASE, PAGE);
	dma(b, BASE, SOFT_PROBE);
	expect_fault(b, SOFT_STALE_MAPPING);
	assert_non_null(strstr(b->details, "IOTLB"));
	close_bench(b);
}

static void requests_without_sense_are_reported(void **state)
{
	static _Alignas(4096) uint64_t page[EBB_TABLE_ENTRIES];
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	invalidate(b, PAGE, 0, EBB_LEAF);
	expect_fault(b, SOFT_BAD_REQUEST);
	close_bench(b);
	b = open_bench(0, SOFT_INLINE);
	b->platform.write_back(b->platform.ctx, page, sizeof(page[0]));
	expect_fault(b, SOFT_BAD_REQUEST);
	close_bench(b);
}

static void dma_without_a_root_is_reported(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	soft_detach(b->device);
	dma(b, BASE, SOFT_PROBE);
	expect_fault(b, SOFT_DETACHED);
	close_bench(b);
}

static void child_walks_into_a_freed_table(int out)
{
	struct ebb_hosted *hosted = ebb_hosted_create(0);
	struct ebb_platform inner = ebb_hosted_platform(hosted), platform;
	struct soft_config config = { .format = EBB_VTDSS, .levels = LEVELS };
	struct soft_iommu *s = soft_create(&inner, &config);
	struct ebb_table *root;
	struct soft_walk w;

	dup2(out, STDERR_FILENO);
	signal(SIGABRT, SIG_DFL);
	platform = soft_platform(s);
	root = platform.alloc_table(platform.ctx, -1);
	soft_attach(s, ebb_hot_pa(root));
	ebb_hot_desc(root)->next = NULL;
	platform.free_tables(platform.ctx, root);
	soft_dma(s, BASE, SOFT_READ, &w);
	_exit(0);
}

static void by_default_a_fault_ends_the_program_with_a_report(void **state)
{
	char text[4096] = "";
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child_walks_into_a_freed_table(ends[1]);
	close(ends[1]);
	n = read(ends[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "a walk into a table that has been freed"));
	assert_non_null(strstr(text, "IOVA 0x140000000"));
}

/* ---- how it caches ---- */

static void a_page_is_remembered_until_it_is_invalidated(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	map(b, BASE, 0x7000);
	assert_true(dma(b, BASE, SOFT_PROBE).present);
	*table_word(ebb_hot_pa(table_of(b, BASE, 0)).v, 0) = 0;
	assert_true(dma(b, BASE, SOFT_PROBE).present);
	invalidate(b, BASE + PAGE, BASE + 2 * PAGE - 1, EBB_WIDE);
	assert_true(dma(b, BASE, SOFT_PROBE).present);
	invalidate(b, BASE, BASE + PAGE - 1, EBB_LEAF);
	assert_false(dma(b, BASE, SOFT_PROBE).present);
	close_bench(b);
}

/* Only a wide invalidation of its whole span makes the device forget a table. */
static void a_table_is_remembered_until_a_wide_invalidation(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);

	(void)state;
	map(b, BASE, 0x7000);
	map(b, BASE + PAGE, 0x8000);
	dma(b, BASE, SOFT_PROBE);
	*entry_of(b, BASE, 0) = 0;
	invalidate(b, BASE, BASE + MIB_2 - 1, EBB_LEAF);
	assert_true(dma(b, BASE + PAGE, SOFT_PROBE).present);
	invalidate(b, BASE, BASE + MIB_2 - PAGE - 1, EBB_WIDE);
	assert_true(dma(b, BASE, SOFT_PROBE).present);
	invalidate(b, BASE, BASE + MIB_2 - 1, EBB_WIDE);
	assert_false(dma(b, BASE + PAGE, SOFT_PROBE).present);
	close_bench(b);
}

static void page_is_still_there(struct bench *b)
{
	b->on_wait = NULL; /* reclaim invalidates as well */
	assert_true(dma(b, BASE, SOFT_PROBE).present);
}

static void an_invalidation_takes_effect_when_it_completes(void **state)
{
	struct bench *b = open_bench(0, SOFT_STEPS);

	(void)state;
	map(b, BASE, 0x7000);
	dma(b, BASE, SOFT_PROBE);
	b->on_wait = page_is_still_there;
	assert_ok(ebb_unmap(&b->gather, EBB_IOVA(BASE), PAGE, NULL));
	ebb_sync(&b->gather);
	assert_true(b->waits > 0);
	assert_false(dma(b, BASE, SOFT_PROBE).present);
	close_bench(b);
}

static void a_device_thread_completes_invalidations(void **state)
{
	struct bench *b = open_bench(0, SOFT_THREAD);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		map(b, BASE, 0x7000);
		assert_true(dma(b, BASE, SOFT_WRITE).present);
		assert_ok(ebb_unmap(&b->gather, EBB_IOVA(BASE), PAGE, NULL));
		ebb_sync(&b->gather);
		assert_false(dma(b, BASE, SOFT_WRITE).present);
	}
	assert_int_equal(b->reports, 0);
	close_bench(b);
}

static void absence_is_remembered_in_caching_mode_alone(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct bench *b = open_bench(i ? EBB_CACHING_MODE : 0, SOFT_INLINE);

		map(b, BASE, 0x7000);
		assert_false(dma(b, BASE + PAGE, SOFT_PROBE).present);
		assert_false(dma(b, BASE + MIB_2, SOFT_PROBE).present);
		*table_word(ebb_hot_pa(table_of(b, BASE, 0)).v, 1) = 0x8000 | VTD_READ;
		*entry_of(b, BASE + MIB_2, 0) = *entry_of(b, BASE, 0);
		assert_int_equal(dma(b, BASE + PAGE, SOFT_PROBE).present, !i);
		assert_int_equal(dma(b, BASE + MIB_2 + PAGE, SOFT_PROBE).present, !i);
		invalidate(b, BASE, BASE + 2 * MIB_2 - 1, EBB_LEAF);
		assert_true(dma(b, BASE + PAGE, SOFT_PROBE).present);
		assert_int_equal(dma(b, BASE + MIB_2 + PAGE, SOFT_PROBE).present, !i);
		invalidate(b, BASE, BASE + 2 * MIB_2 - 1, EBB_WIDE);
		assert_true(dma(b, BASE + MIB_2 + PAGE, SOFT_PROBE).present);
		close_bench(b);
	}
	(void)state;
}

static void only_what_was_written_back_is_seen_without_snooping(void **state)
{
	struct bench *b = open_bench(EBB_NONSNOOPING, SOFT_INLINE);
	uint64_t *word;

	(void)state;
	map(b, BASE, 0x7000);
	word = table_word(ebb_hot_pa(table_of(b, BASE, 0)).v, 1);
	*word = 0x8000 | VTD_READ;
	assert_false(dma(b, BASE + PAGE, SOFT_PROBE).present);
	b->platform.write_back(b->platform.ctx, word, sizeof(*word));
	assert_int_equal(dma(b, BASE + PAGE, SOFT_PROBE).pa, 0x8000);
	close_bench(b);
}

static void a_table_that_was_never_written_back_is_rubbish(void **state)
{
	struct bench *b = open_bench(EBB_NONSNOOPING, SOFT_INLINE);
	uint64_t *root = table_word(ebb_root_pa(&b->domain).v, 0);
	struct ebb_table *t = b->platform.alloc_table(b->platform.ctx, -1);

	(void)state;
	root[0] = ebb_hot_pa(t).v | VTD_READ | VTD_WRITE;
	b->platform.write_back(b->platform.ctx, root, sizeof(*root));
	dma(b, 0, SOFT_PROBE);
	expect_fault(b, SOFT_RESERVED_BIT);
	close_bench(b);
}

/* ---- what it writes ---- */

static void dma_sets_accessed_and_dirty_bits(void **state)
{
	struct bench *b = open_bench(EBB_ACCESSED_DIRTY, SOFT_INLINE);
	uint64_t *leaf;

	(void)state;
	map(b, BASE, 0x7000);
	leaf = table_word(ebb_hot_pa(table_of(b, BASE, 0)).v, 0);
	dma(b, BASE, SOFT_PROBE);
	assert_int_equal(*leaf & (VTD_ACCESSED | VTD_DIRTY), 0);
	dma(b, BASE, SOFT_READ);
	assert_int_equal(*leaf & (VTD_ACCESSED | VTD_DIRTY), VTD_ACCESSED);
	dma(b, BASE, SOFT_WRITE); /* the IOTLB knows the page, and that it is clean */
	assert_int_equal(*leaf & (VTD_ACCESSED | VTD_DIRTY), VTD_ACCESSED | VTD_DIRTY);
	soft_dma_uncached(b->device, BASE, SOFT_WRITE, &(struct soft_walk){ 0 });
	assert_true(*entry_of(b, BASE, 0) & VTD_ACCESSED);
	assert_false(*entry_of(b, BASE, 0) & VTD_DIRTY);
	close_bench(b);
}

static void dma_that_finds_nothing_leaves_a_record(void **state)
{
	struct bench *b = open_bench(0, SOFT_INLINE);
	struct soft_record records[16];

	(void)state;
	assert_ok(ebb_map(&b->gather, EBB_IOVA(BASE), EBB_PA(0), PAGE, EBB_READ));
	dma(b, BASE + PAGE, SOFT_PROBE);
	assert_int_equal(soft_records(b->device, records, 16), 0);
	assert_true(dma(b, BASE, SOFT_WRITE).denied);
	assert_false(dma(b, BASE, SOFT_READ).denied);
	dma(b, BASE + PAGE, SOFT_READ);
	assert_int_equal(soft_records(b->device, records, 16), 2);
	assert_int_equal(records[0].iova, BASE);
	assert_true(records[0].write && records[0].present);
	assert_int_equal(records[1].iova, BASE + PAGE);
	assert_false(records[1].write || records[1].present);
	for (unsigned i = 0; i < 100; i++)
		dma(b, BASE + PAGE, SOFT_READ);
	assert_int_equal(soft_records(b->device, records, 16), 8); /* the rest is lost */
	assert_int_equal(soft_counts(b->device).fault_records, 102);
	close_bench(b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reserved_bit_is_reported),
		cmocka_unit_test(a_walk_into_a_freed_table_is_reported),
		cmocka_unit_test(a_freed_table_misleads_software),
		cmocka_unit_test(a_walk_to_what_is_no_table_is_reported),
		cmocka_unit_test(a_walk_through_an_unlinked_table_is_reported),
		cmocka_unit_test(a_walk_through_a_table_that_is_being_taken_is_not),
		cmocka_unit_test(a_table_freed_while_it_is_cached_is_reported),
		cmocka_unit_test(a_table_freed_twice_is_reported),
		cmocka_unit_test(a_store_into_a_freed_table_is_reported),
		cmocka_unit_test(a_table_given_out_twice_is_reported),
		cmocka_unit_test(a_lost_mapping_is_reported),
		cmocka_unit_test(a_wrong_mapping_is_reported),
		cmocka_unit_test(a_stale_hit_is_reported),
		cmocka_unit_test(requests_without_sense_are_reported),
		cmocka_unit_test(dma_without_a_root_is_reported),
		cmocka_unit_test(by_default_a_fault_ends_the_program_with_a_report),
		cmocka_unit_test(a_page_is_remembered_until_it_is_invalidated),
		cmocka_unit_test(a_table_is_remembered_until_a_wide_invalidation),
		cmocka_unit_test(an_invalidation_takes_effect_when_it_completes),
		cmocka_unit_test(a_device_thread_completes_invalidations),
		cmocka_unit_test(absence_is_remembered_in_caching_mode_alone),
		cmocka_unit_test(only_what_was_written_back_is_seen_without_snooping),
		cmocka_unit_test(a_table_that_was_never_written_back_is_rubbish),
		cmocka_unit_test(dma_sets_accessed_and_dirty_bits),
		cmocka_unit_test(dma_that_finds_nothing_leaves_a_record),
	};

	return cmocka_run_group_tests_name("softiommu", tests, NULL, NULL);
}
