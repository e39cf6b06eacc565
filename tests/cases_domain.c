/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Making and unmaking domains and gathers: configurations, their errors, and what is left behind.
 */
#include "support.h"

/* A second domain on the fixture's platform. */
static int try_init(const struct ebb_config *config, const struct ebb_platform *platform)
{
	struct ebb_domain d;
	int error;

	error = ebb_domain_init(&d, config, platform);
	if (error == EBB_OK)
		ebb_domain_destroy(&d);
	return error;
}

static struct ebb_config good_config(struct fixture *f)
{
	return shape_config(&f->shape);
}

/* The error, and no table more than before. */
static void refuse_config(struct fixture *f, const struct ebb_config *config, int error)
{
	assert_int_equal(try_init(config, &f->platform), error);
	check_tree(f);
}

static void a_configuration_outside_its_sets_is_invalid(struct fixture *f)
{
	struct ebb_config c;

	refuse_config(f, &(struct ebb_config){ .format = EBB_FORMAT_IDS, .levels = 4 },
		      EBB_ERR_INVALID);
	c = good_config(f);
	c.format = (enum ebb_format_id)77;
	refuse_config(f, &c, EBB_ERR_INVALID);
	c = good_config(f);
	c.policy = EBB_POLICIES;
	refuse_config(f, &c, EBB_ERR_INVALID);
	c = good_config(f);
	c.partial = EBB_PARTIAL_SPLIT + 1;
	refuse_config(f, &c, EBB_ERR_INVALID);
	c = good_config(f);
	c.batch = EBB_BATCH_MAX + 1;
	refuse_config(f, &c, EBB_ERR_INVALID);
	c = good_config(f);
	c.leaf_levels = 6; /* no smallest leaves */
	refuse_config(f, &c, EBB_ERR_INVALID);
	for (unsigned bit = 4; bit < 32; bit++) {
		c = good_config(f);
		c.flags = 1u << bit;
		refuse_config(f, &c, EBB_ERR_INVALID);
	}
}

static void what_the_format_lacks_is_unsupported(struct fixture *f)
{
	static const unsigned levels[] = { 0, 1, 2, 6, 7, UINT_MAX };
	struct ebb_config c;

	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		c = good_config(f);
		c.levels = levels[i];
		refuse_config(f, &c, EBB_ERR_UNSUPPORTED);
	}
	c = good_config(f);
	c.leaf_levels = 1 | 1 << 3;
	refuse_config(f, &c, EBB_ERR_UNSUPPORTED);
	c = good_config(f);
	c.pa_width_lg2 = 53;
	refuse_config(f, &c, EBB_ERR_UNSUPPORTED);
	c = good_config(f);
	c.pa_width_lg2 = 64;
	refuse_config(f, &c, EBB_ERR_UNSUPPORTED);
	c = good_config(f);
	c.pa_width_lg2 = 12;
	refuse_config(f, &c, EBB_ERR_UNSUPPORTED);
}

static void every_callback_is_needed(struct fixture *f)
{
	struct ebb_config c = good_config(f);
	struct ebb_platform p[4];

	for (unsigned i = 0; i < 4; i++)
		p[i] = f->platform;
	p[0].alloc_table = NULL;
	p[1].free_tables = NULL;
	p[2].grace_wait = NULL;
	p[3].invalidate = NULL;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(try_init(&c, &p[i]), EBB_ERR_INVALID);
	check_tree(f);
}

static void write_back_is_needed_where_walks_do_not_snoop(struct fixture *f)
{
	struct ebb_config c = good_config(f);
	struct ebb_platform p = f->platform;

	p.write_back = NULL;
	assert_ok(try_init(&c, &p));
	c.flags = EBB_NONSNOOPING;
	assert_int_equal(try_init(&c, &p), EBB_ERR_INVALID);
	assert_ok(try_init(&c, &f->platform));
	check_tree(f);
}

/* The hosted platform keeps no tables in the first MiB. */
static void tables_beyond_the_width_are_refused(struct fixture *f)
{
	struct ebb_config c = good_config(f);

	c.pa_width_lg2 = 20;
	assert_int_equal(try_init(&c, &f->platform), EBB_ERR_PA_WIDTH);
	check_tree(f);
}

/* As if the platform came to the end of the memory that hardware can reach. */
static void a_table_beyond_the_width_fails_the_map_that_needs_it(struct fixture *f)
{
	uint64_t mask = f->domain.pa_mask, out = tables_out(f);
	int error;

	f->domain.pa_mask = (1ull << 20) - 1;
	error = ebb_map(&f->gather, EBB_IOVA(0), EBB_PA(0), PAGE, RW);
	f->domain.pa_mask = mask;
	assert_int_equal(error, EBB_ERR_PA_WIDTH);
	check_tree(f);
	assert_int_equal(tables_out(f), out);
	assert_maps_nothing(f, 0);
	do_map(f, 0, 0, PAGE);
	do_unmap_sync(f, 0, PAGE);
}

static void a_domain_without_memory_for_a_root_is_not_made(struct fixture *f)
{
	struct ebb_config c = good_config(f);

	ebb_hosted_fail_nth(f->hosted, 1);
	refuse_config(f, &c, EBB_ERR_NO_MEMORY);
	assert_ok(try_init(&c, &f->platform));
	check_tree(f);
}

static void a_new_domain_is_a_root_and_nothing_else(struct fixture *f)
{
	struct ebb_stats stats = stats_of(f);

	assert_int_equal(tables_out(f), 1);
	assert_int_equal(stats.held, 1);
	assert_int_equal(stats.held_peak, 1);
	assert_int_equal(stats.pooled, 0);
	assert_int_equal(stats.candidates, 0);
	assert_int_equal(stats.freed, 0);
	assert_int_equal(snapshot_of(f).leaves, 0);
	assert_range_maps_nothing(f, 0, f->aperture);
}

/* Its update follows that of what is held; who asks in between gets no nonsense. */
static void the_peak_is_never_below_what_is_held(struct fixture *f)
{
	do_map(f, 0, 0, PAGE);
	f->domain.held_peak = 1;
	assert_int_equal(stats_of(f).held_peak, f->shape.levels);
	do_unmap_sync(f, 0, PAGE);
}

/* Whatever is mapped, unlinked, waiting or spare: all tables go back. The platform counts them. */
static void destruction_frees_every_table(struct fixture *f)
{
	struct ebb_config c = good_config(f);
	uint64_t before = tables_out(f);
	struct ebb_domain d;
	struct ebb_gather g;

	assert_ok(ebb_domain_init(&d, &c, &f->platform));
	ebb_gather_init(&g, &d);
	for (unsigned i = 0; i < 100; i++)
		assert_ok(ebb_map(&g, EBB_IOVA(i * (GIB + MIB_2)), EBB_PA(0), PAGE, RW));
	for (unsigned i = 0; i < 50; i++)
		assert_ok(ebb_unmap(&g, EBB_IOVA(i * (GIB + MIB_2)), PAGE, NULL));
	assert_ok(ebb_unmap(&g, EBB_IOVA(80 * GIB), 10 * GIB, NULL));
	ebb_sync(&g); /* these wait for a grace period */
	assert_ok(ebb_unmap(&g, EBB_IOVA(60 * GIB), 10 * GIB,
			    NULL)); /* unlinks tables, no sync follows */
	ebb_domain_destroy(&d);
	assert_int_equal(tables_out(f), before);
	check_tree(f);
}

/* A reclaimer that never came back. */
static void destruction_frees_a_dead_table(struct fixture *f)
{
	struct ebb_config c = good_config(f);
	uint64_t before = tables_out(f), pa, *entry;
	unsigned level = f->shape.levels - 1;
	struct ebb_domain d;
	struct ebb_gather g;

	assert_ok(ebb_domain_init(&d, &c, &f->platform));
	ebb_gather_init(&g, &d);
	assert_ok(ebb_map(&g, EBB_IOVA(0), EBB_PA(0), PAGE, RW));
	pa = ebb_root_pa(&d).v;
	do {
		entry = table_word(pa, 0);
		pa = *entry & VTD_ADDRESS;
	} while (--level > 0);
	*table_word(pa, 0) = 0;
	*entry = pa | 1ull << 52;
	ebb_domain_destroy(&d);
	assert_int_equal(tables_out(f), before);
	check_tree(f);
}

static void domains_do_not_see_each_other(struct fixture *f)
{
	struct ebb_config c = good_config(f);
	struct ebb_mapping m;
	struct ebb_domain d;
	struct ebb_gather g;

	assert_ok(ebb_domain_init(&d, &c, &f->platform));
	ebb_gather_init(&g, &d);
	assert_ok(ebb_map(&g, EBB_IOVA(PAGE), EBB_PA(0x7000), PAGE, RW));
	assert_maps_nothing(f, PAGE);
	assert_ok(ebb_map(&f->gather, EBB_IOVA(PAGE), EBB_PA(0x9000), PAGE, RW));
	assert_ok(ebb_translate(&d, EBB_IOVA(PAGE), &m));
	assert_int_equal(m.pa.v, 0x7000);
	assert_ok(ebb_unmap(&g, EBB_IOVA(PAGE), PAGE, NULL));
	ebb_gather_fini(&g);
	assert_int_equal(ebb_check(&d, NULL, NULL), 0);
	ebb_domain_destroy(&d);
	assert_maps_to(f, PAGE, 0x9000, 12, RW);
	do_unmap_sync(f, PAGE, PAGE);
}

/* A gather that is finished syncs what it had unmapped, and what it counted stays counted. */
static void finishing_a_gather_leaves_nothing_of_it(struct fixture *f)
{
	struct ebb_gather g;

	ebb_gather_init(&g, &f->domain);
	for (unsigned i = 0; i < 20; i++)
		assert_ok(ebb_map(&g, EBB_IOVA(i * GIB), EBB_PA(0), PAGE, RW));
	assert_ok(ebb_unmap(&g, EBB_IOVA(0), 20 * GIB, NULL));
	soft_forget(f->device);
	ebb_gather_fini(&g);
	assert_true(soft_was_told(f->device, 0, PAGE - 1, EBB_LEAF));
	assert_true(soft_was_told(f->device, 19 * GIB, 19 * GIB + PAGE - 1, EBB_LEAF));
	check_tree(f);
	assert_int_equal(stats_of(f).candidates, 0);
	if (f->shape.policy != EBB_NONE)
		assert_int_equal(live_at(f, 0), 0);
	assert_true(stats_of(f).leaf_invalidations + stats_of(f).wide_invalidations > 0);
}

static void gathers_come_and_go_in_any_order(struct fixture *f)
{
	struct ebb_gather g[5];
	static const unsigned order[5] = { 2, 0, 4, 1, 3 };

	for (unsigned i = 0; i < 5; i++) {
		ebb_gather_init(&g[i], &f->domain);
		assert_ok(ebb_map(&g[i], EBB_IOVA(i * PAGE), EBB_PA(i * PAGE), PAGE, RW));
	}
	for (unsigned i = 0; i < 5; i++) {
		struct ebb_gather *one = &g[order[i]];

		assert_ok(ebb_unmap(one, EBB_IOVA(order[i] * PAGE), PAGE, NULL));
		ebb_gather_fini(one);
		check_tree(f);
	}
}

static void errors_have_texts(struct fixture *f)
{
	(void)f;
	for (int error = EBB_ERR_UNSUPPORTED; error <= EBB_OK; error++) {
		assert_non_null(ebb_strerror(error));
		assert_string_not_equal(ebb_strerror(error), "unknown error");
		for (int other = EBB_ERR_UNSUPPORTED; other < error; other++)
			assert_string_not_equal(ebb_strerror(error), ebb_strerror(other));
	}
	assert_string_equal(ebb_strerror(1), "unknown error");
	assert_string_equal(ebb_strerror(EBB_ERR_UNSUPPORTED - 1), "unknown error");
	assert_string_equal(ebb_strerror(INT_MIN), "unknown error");
	assert_string_equal(ebb_strerror(INT_MAX), "unknown error");
}

static void the_structs_fit_in_a_page(struct fixture *f)
{
	(void)f;
	assert_true(sizeof(struct ebb_domain) <= 4096);
	assert_true(sizeof(struct ebb_gather) <= 4096);
}

static const struct test_case cases[] = {
	CASE(a_configuration_outside_its_sets_is_invalid),
	CASE(what_the_format_lacks_is_unsupported),
	CASE(every_callback_is_needed),
	CASE(write_back_is_needed_where_walks_do_not_snoop),
	CASE(tables_beyond_the_width_are_refused),
	CASE(a_table_beyond_the_width_fails_the_map_that_needs_it),
	CASE(a_domain_without_memory_for_a_root_is_not_made),
	CASE(a_new_domain_is_a_root_and_nothing_else),
	CASE(the_peak_is_never_below_what_is_held),
	CASE(destruction_frees_every_table),
	CASE_WITH(destruction_frees_every_table, .shape.batch = 64),
	CASE(destruction_frees_a_dead_table),
	CASE(domains_do_not_see_each_other),
	CASE(finishing_a_gather_leaves_nothing_of_it),
	CASE_WITH(gathers_come_and_go_in_any_order, .shape.batch = 64),
	CASE_WITH(errors_have_texts, .policies = ON_POLICY(EBB_NONE), .levels = ON_LEVELS(3)),
	CASE_WITH(the_structs_fit_in_a_page, .policies = ON_POLICY(EBB_NONE),
		  .levels = ON_LEVELS(3)),
};

int main(void)
{
	return RUN_CASES("domain", cases);
}
