/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* That the software IOMMU reports each thing that it is there to find, and nothing else. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

/* ---- what it reports ---- */

static void a_reserved_bit_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	*bench_word(b, BASE, 1) |= VTD_TRANSIENT;
	bench_dma(b, BASE, SOFT_PROBE);
	bench_expect(b, SOFT_RESERVED_BIT);
	assert_non_null(strstr(b->details, "bit 62 is set"));
	assert_non_null(strstr(b->details, "level 1: table"));
	bench_close(b);
}

struct rule {
	const char *text; /* of the report */
	unsigned level; /* of the entry that breaks it */
	uint64_t set, clear; /* bits */
	struct soft_config hardware;
};

#define LARGE (VTD_PAGE_SIZE | VTD_READ | VTD_WRITE)

static void each_rule_of_the_format_is_checked(void **state)
{
	static const struct rule rules[] = {
		{ "X, EMT or IPAT", 0, VTD_EXECUTE, 0, { 0 } },
		{ "X, EMT or IPAT", 0, 1ull << 3, 0, { 0 } },
		{ "X, EMT or IPAT", 0, 1ull << 5, 0, { 0 } },
		{ "X, EMT or IPAT", 1, VTD_IPAT, 0, { 0 } },
		{ "bit 62 is set", 0, VTD_TRANSIENT, 0, { 0 } },
		{ "bit 62 is set", 2, VTD_TRANSIENT, 0, { 0 } },
		{ "more bits than", 0, 1ull << 48, 0, { .pa_width_lg2 = 48 } },
		{ "more bits than", 1, 1ull << 51, 0, { .pa_width_lg2 = 51 } },
		{ "the page-size bit", 0, VTD_PAGE_SIZE, 0, { 0 } },
		{ "the snoop bit, which", 0, VTD_SNOOP, 0, { 0 } },
		{ "the snoop bit, which", 1, LARGE | VTD_SNOOP, VTD_ADDRESS, { 0 } },
		{ "is misaligned", 1, LARGE | PAGE, VTD_ADDRESS, { 0 } },
		{ "is misaligned", 2, LARGE | MIB_2, VTD_ADDRESS, { 0 } },
		{ "of a size that", 1, LARGE, VTD_ADDRESS, { .leaf_levels = 1 } },
		{ "of a size that", 2, LARGE, VTD_ADDRESS, { .leaf_levels = 3 } },
		{ "without all permissions", 1, 0, VTD_READ, { 0 } },
		{ "without all permissions", 2, 0, VTD_WRITE, { 0 } },
		{ "reference to a table", 1, VTD_SNOOP, 0, { .flags = EBB_SNOOP_CONTROL } },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *r = &rules[i];
		struct bench *b = bench_open_with(&r->hardware);
		uint64_t *word;

		bench_map(b, BASE, 0x7000);
		word = bench_word(b, BASE, r->level);
		*word = (*word & ~r->clear) | r->set;
		bench_dma(b, BASE, SOFT_PROBE);
		bench_expect(b, SOFT_RESERVED_BIT);
		assert_non_null(strstr(b->details, r->text));
		bench_close(b);
	}
}

static uint64_t read_large(void *unused, uint64_t table_pa, unsigned index, uint64_t iova)
{
	(void)unused;
	(void)table_pa;
	(void)index;
	(void)iova;
	return LARGE;
}

static void no_hardware_has_leaves_above_a_gigabyte(void **state)
{
	struct soft_walk w;

	(void)state;
	soft_walk(EBB_VTDSS, &w, read_large, NULL, 52, PAGE, 2, 0);
	assert_null(w.rule);
	soft_walk(EBB_VTDSS, &w, read_large, NULL, 52, PAGE, 3, 0);
	assert_non_null(w.rule);
}

static void bits_that_hardware_ignores_are_not_reported(void **state)
{
	const uint64_t ignored = VTD_SOFTWARE | VTD_IGNORED | VTD_ACCESSED | VTD_DIRTY;
	struct bench *b = bench_open(EBB_SNOOP_CONTROL, SOFT_INLINE);
	struct soft_walk w;

	(void)state;
	bench_map(b, BASE, 0x7000);
	*bench_word(b, BASE, 0) |= ignored | VTD_SNOOP;
	*bench_word(b, BASE, 1) |= ignored;
	*bench_word(b, BASE + PAGE, 0) = ~(uint64_t)(VTD_READ | VTD_WRITE); /* not present */
	w = bench_dma(b, BASE, SOFT_PROBE);
	assert_true(w.present && w.pa == 0x7000 && w.prot == (RW | EBB_SNOOP));
	assert_false(bench_dma(b, BASE + PAGE, SOFT_PROBE).present);
	assert_int_equal(b->reports, 0);
	bench_close(b);
}

static void a_walk_into_a_freed_table_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	bench_free(b, bench_table(b, BASE, 0));
	assert_int_equal(b->reports, 0);
	bench_dma(b, BASE, SOFT_PROBE);
	bench_expect(b, SOFT_FREED_TABLE);
	bench_close(b);
}

/* The core's own walk goes on in a freed table, and ends where nothing was mapped. */
static void a_freed_table_misleads_software(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);
	struct ebb_mapping m;
	struct ebb_table *t;

	(void)state;
	bench_map(b, BASE, 0x7000);
	t = bench_table(b, BASE, 0);
	bench_free(b, t);
	assert_ok(ebb_translate(&b->domain, EBB_IOVA(BASE), &m));
	assert_int_equal(m.pa.v, ebb_hot_pa(t).v);
	bench_close(b);
}

static void a_walk_to_what_is_no_table_is_reported(void **state)
{
	static _Alignas(4096) uint64_t page[EBB_TABLE_ENTRIES];
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	*bench_word(b, BASE, 1) =
		ebb_hot_pa((struct ebb_table *)(void *)page).v | VTD_READ | VTD_WRITE;
	bench_dma(b, BASE, SOFT_PROBE);
	bench_expect(b, SOFT_UNKNOWN_TABLE);
	bench_close(b);
}

static void unlink_by_hand(struct bench *b)
{
	bench_map(b, BASE, 0x7000);
	bench_dma(b, BASE, SOFT_PROBE);
	soft_expect_unmapped(b->device, BASE, MIB_2);
	*bench_word(b, BASE, 1) = 0;
}

static void a_walk_through_an_unlinked_table_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	unlink_by_hand(b);
	bench_dma(b, BASE + PAGE, SOFT_PROBE);
	bench_expect(b, SOFT_UNLINKED_TABLE);
	assert_non_null(strstr(b->details, "walk cache"));
	bench_close(b);
}

/* Its owner may have taken it, and is not done yet. */
static void a_walk_through_a_table_that_is_being_taken_is_not(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	unlink_by_hand(b);
	soft_expect_any(b->device, BASE, MIB_2);
	bench_dma(b, BASE + PAGE, SOFT_PROBE);
	assert_int_equal(b->reports, 0);
	bench_close(b);
}

/* A dead entry still names its table: a mapper may revive it before the device has forgotten. */
static void a_walk_through_a_dead_table_is_not(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	bench_dma(b, BASE, SOFT_PROBE);
	soft_expect_unmapped(b->device, BASE + PAGE, MIB_2 - PAGE);
	*bench_word(b, BASE, 1) &= ~(uint64_t)(VTD_READ | VTD_WRITE);
	bench_dma(b, BASE + PAGE, SOFT_PROBE);
	assert_int_equal(b->reports, 0);
	bench_close(b);
}

/* Policy rwlock: a mapper is kept out until the device has forgotten the table. */
static void where_tables_are_unlinked_first_it_is_not(void **state)
{
	const struct soft_config soft = { .unlinks_first = true };
	struct bench *b = bench_open_with(&soft);

	(void)state;
	unlink_by_hand(b);
	bench_dma(b, BASE + PAGE, SOFT_PROBE);
	assert_int_equal(b->reports, 0);
	bench_close(b);
}

static void a_table_freed_while_it_is_cached_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	bench_dma(b, BASE, SOFT_PROBE);
	bench_free(b, bench_table(b, BASE, 0));
	bench_expect(b, SOFT_CACHED_TABLE);
	bench_close(b);
}

static void a_table_freed_twice_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);
	struct ebb_table *t;

	(void)state;
	bench_map(b, BASE, 0x7000);
	t = bench_table(b, BASE, 0);
	bench_free(b, t);
	assert_int_equal(soft_quarantined(b->device), 1);
	bench_free(b, t);
	bench_expect(b, SOFT_FREED_TWICE);
	bench_close(b);
}

static void a_table_freed_that_was_never_given_out_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_free(b, b->inner.alloc_table(b->inner.ctx, -1));
	bench_expect(b, SOFT_FREED_TWICE);
	assert_non_null(strstr(b->details, "never given out"));
	bench_close(b);
}

static void a_store_into_a_freed_table_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);
	struct ebb_table *t;

	(void)state;
	bench_map(b, BASE, 0x7000);
	t = bench_table(b, BASE, 0);
	bench_free(b, t);
	*(uint64_t *)(void *)t = 0;
	assert_int_equal(b->reports, 0);
	bench_map(b, 3 * BASE, 0x7000); /* needs tables */
	bench_expect(b, SOFT_WRITTEN_FREED);
	bench_close(b);
}

static void a_table_given_out_twice_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	b->give = b->platform.alloc_table(b->platform.ctx, -1);
	assert_non_null(b->platform.alloc_table(b->platform.ctx, -1));
	bench_expect(b, SOFT_GIVEN_TWICE);
	assert_non_null(strstr(b->details, "in use"));
	bench_close(b);
}

static void a_table_given_out_with_old_entries_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	b->give = b->inner.alloc_table(b->inner.ctx, -1);
	((uint64_t *)(void *)b->give)[EBB_TABLE_ENTRIES - 1] = VTD_READ;
	b->platform.alloc_table(b->platform.ctx, -1);
	bench_expect(b, SOFT_GIVEN_TWICE);
	assert_non_null(strstr(b->details, "not zero"));
	bench_close(b);
}

static void a_lost_mapping_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	soft_expect_mapped(b->device, BASE, 0x7000, 4 * PAGE, RW);
	bench_dma(b, BASE + 4 * PAGE, SOFT_PROBE);
	assert_int_equal(b->reports, 0);
	bench_dma(b, BASE + 3 * PAGE, SOFT_PROBE);
	bench_expect(b, SOFT_LOST_MAPPING);
	bench_close(b);
}

static void a_wrong_mapping_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	soft_expect_mapped(b->device, BASE, 0x7000, PAGE, RW);
	bench_dma(b, BASE + 8, SOFT_PROBE);
	assert_int_equal(b->reports, 0);
	soft_expect_mapped(b->device, BASE, 0x8000, PAGE, RW);
	bench_dma(b, BASE + 8, SOFT_PROBE);
	bench_expect(b, SOFT_WRONG_MAPPING);
	bench_close(b);
}

static void other_permissions_are_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	soft_expect_mapped(b->device, BASE, 0x7000, PAGE, EBB_READ);
	bench_dma(b, BASE, SOFT_PROBE);
	bench_expect(b, SOFT_WRONG_MAPPING);
	bench_close(b);
}

/* What was said last of an IOVA counts, and says nothing of its neighbours. */
static void expectations_replace_each_other(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		bench_map(b, BASE + i * PAGE, 0x10000 + i * PAGE);
	soft_expect_unmapped(b->device, 0, 1ull << 39);
	soft_expect_mapped(b->device, BASE, 0x10000, 8 * PAGE, RW);
	soft_expect_any(b->device, BASE + 2 * PAGE, 2 * PAGE);
	soft_expect_mapped(b->device, BASE + 3 * PAGE, 0x13000, 2 * PAGE, RW);
	for (unsigned i = 0; i < 8; i++)
		bench_dma(b, BASE + i * PAGE + 8, SOFT_PROBE);
	bench_dma(b, BASE - PAGE, SOFT_PROBE);
	bench_dma(b, BASE + 8 * PAGE, SOFT_PROBE);
	assert_int_equal(b->reports, 0);
	*bench_word(b, BASE + 8 * PAGE, 0) = VTD_READ;
	bench_dma(b, BASE + 8 * PAGE, SOFT_PROBE);
	bench_expect(b, SOFT_STALE_MAPPING);
	bench_close(b);
}

/* As if a sync had returned without its invalidation. */
static void a_stale_hit_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	bench_dma(b, BASE, SOFT_PROBE);
	soft_expect_any(b->device, BASE, PAGE);
	assert_ok(ebb_unmap(&b->gather, EBB_IOVA(BASE), PAGE, NULL));
	assert_true(bench_dma(b, BASE, SOFT_PROBE).present);
	assert_int_equal(b->reports, 0);
	soft_expect_unmapped(b->device, BASE, PAGE);
	bench_dma(b, BASE, SOFT_PROBE);
	bench_expect(b, SOFT_STALE_MAPPING);
	assert_non_null(strstr(b->details, "IOTLB: 0x140000000"));
	assert_non_null(strstr(b->details, "DMA to 0x140000000 went to 0x7000"));
	assert_non_null(strstr(b->details, "expected: unmapped"));
	bench_close(b);
}

static void requests_without_sense_are_reported(void **state)
{
	static _Alignas(4096) uint64_t page[EBB_TABLE_ENTRIES];
	struct bench *b = bench_open(0, SOFT_INLINE);
	struct ebb_table *t;

	(void)state;
	bench_invalidate(b, PAGE, 0, EBB_LEAF);
	bench_expect(b, SOFT_BAD_REQUEST);
	bench_close(b);
	b = bench_open(0, SOFT_INLINE);
	b->platform.invalidate(b->platform.ctx, &(struct ebb_span){ 0 }, 0);
	bench_expect(b, SOFT_BAD_REQUEST);
	bench_close(b);
	b = bench_open(0, SOFT_INLINE);
	b->platform.write_back(b->platform.ctx, page, sizeof(page[0]));
	bench_expect(b, SOFT_BAD_REQUEST);
	bench_close(b);
	b = bench_open(EBB_NONSNOOPING, SOFT_INLINE);
	t = b->platform.alloc_table(b->platform.ctx, -1);
	bench_free(b, t);
	b->platform.write_back(b->platform.ctx, t, EBB_TABLE_SIZE);
	bench_expect(b, SOFT_BAD_REQUEST);
	bench_close(b);
}

static void dma_without_a_root_is_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	soft_detach(b->device);
	bench_dma(b, BASE, SOFT_PROBE);
	bench_expect(b, SOFT_DETACHED);
	bench_close(b);
}

/* What follows a fault is often its consequence. */
static void the_first_fault_is_the_one_reported(void **state)
{
	struct bench *b = bench_open(0, SOFT_INLINE);

	(void)state;
	bench_map(b, BASE, 0x7000);
	soft_expect_mapped(b->device, BASE, 0x8000, PAGE, RW);
	bench_dma(b, BASE, SOFT_PROBE);
	soft_expect_unmapped(b->device, BASE, PAGE);
	bench_dma(b, BASE, SOFT_PROBE);
	bench_expect(b, SOFT_WRONG_MAPPING);
	assert_non_null(strstr(soft_fault_text(b->device), "something else"));
	bench_close(b);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reserved_bit_is_reported),
		cmocka_unit_test(each_rule_of_the_format_is_checked),
		cmocka_unit_test(no_hardware_has_leaves_above_a_gigabyte),
		cmocka_unit_test(bits_that_hardware_ignores_are_not_reported),
		cmocka_unit_test(a_walk_into_a_freed_table_is_reported),
		cmocka_unit_test(a_freed_table_misleads_software),
		cmocka_unit_test(a_walk_to_what_is_no_table_is_reported),
		cmocka_unit_test(a_walk_through_an_unlinked_table_is_reported),
		cmocka_unit_test(a_walk_through_a_table_that_is_being_taken_is_not),
		cmocka_unit_test(a_walk_through_a_dead_table_is_not),
		cmocka_unit_test(where_tables_are_unlinked_first_it_is_not),
		cmocka_unit_test(a_table_freed_while_it_is_cached_is_reported),
		cmocka_unit_test(a_table_freed_twice_is_reported),
		cmocka_unit_test(a_table_freed_that_was_never_given_out_is_reported),
		cmocka_unit_test(a_store_into_a_freed_table_is_reported),
		cmocka_unit_test(a_table_given_out_twice_is_reported),
		cmocka_unit_test(a_table_given_out_with_old_entries_is_reported),
		cmocka_unit_test(a_lost_mapping_is_reported),
		cmocka_unit_test(a_wrong_mapping_is_reported),
		cmocka_unit_test(other_permissions_are_reported),
		cmocka_unit_test(expectations_replace_each_other),
		cmocka_unit_test(a_stale_hit_is_reported),
		cmocka_unit_test(requests_without_sense_are_reported),
		cmocka_unit_test(dma_without_a_root_is_reported),
		cmocka_unit_test(the_first_fault_is_the_one_reported),
		cmocka_unit_test(by_default_a_fault_ends_the_program_with_a_report),
	};

	return cmocka_run_group_tests_name("softiommu", tests, NULL, NULL);
}
