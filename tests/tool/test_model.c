/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* The model that computes what live mappings need, against an array that knows each page. */
#include "model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE  ((uint64_t)4096)
#define MIB_2 ((uint64_t)2 << 20)
#define GIB_1 ((uint64_t)1 << 30)
#define BASE  (3 * GIB_1) /* the part of the address space that the random test plays in */
#define PAGES 8192u /* 32 MiB */

static void assert_tables(const struct model *model, uint64_t below_root)
{
	assert_int_equal(model_tables(model), 1 + below_root);
}

static struct model *new_model(void)
{
	struct model *model = model_new(4);

	assert_non_null(model);
	assert_tables(model, 0);
	return model;
}

static void a_page_needs_a_table_at_each_level_until_it_goes(void **state)
{
	struct model *model = new_model();

	(void)state;
	assert_int_equal(model_map(model, 5 * GIB_1, 0, PAGE), EBB_OK);
	assert_tables(model, 3);
	assert_int_equal(model_map(model, 5 * GIB_1 + MIB_2, 0, PAGE), EBB_OK);
	assert_tables(model, 4);
	assert_int_equal(model_unmap(model, 5 * GIB_1, PAGE), EBB_OK);
	assert_tables(model, 3);
	assert_int_equal(model_unmap(model, 5 * GIB_1 + MIB_2, PAGE), EBB_OK);
	assert_tables(model, 0);
	model_free(model);
}

static void large_pages_need_no_tables_below_them(void **state)
{
	struct model *model = new_model();

	(void)state;
	assert_int_equal(model_map(model, GIB_1, GIB_1, GIB_1), EBB_OK);
	assert_tables(model, 1);
	assert_int_equal(model_map(model, 2 * GIB_1, MIB_2, MIB_2), EBB_OK);
	assert_tables(model, 2);
	assert_int_equal(model_map(model, 3 * GIB_1, PAGE, GIB_1),
			 EBB_OK); /* not aligned to each other */
	assert_tables(model, 3 + 512);
	model_free(model);
}

static void a_hole_in_a_large_page_splits_it(void **state)
{
	struct model *model = new_model();

	(void)state;
	assert_int_equal(model_map(model, GIB_1, GIB_1, GIB_1), EBB_OK);
	assert_int_equal(model_unmap(model, GIB_1 + 5 * PAGE, PAGE), EBB_OK);
	assert_tables(model, 3);
	assert_int_equal(model_map(model, GIB_1 + 5 * PAGE, 0, PAGE), EBB_OK);
	assert_int_equal(model_unmap(model, GIB_1, GIB_1), EBB_OK);
	assert_tables(model, 0);
	model_free(model);
}

static void mistakes_are_told_apart_and_change_nothing(void **state)
{
	struct model *model = new_model();

	(void)state;
	assert_int_equal(model_map(model, GIB_1, 0, PAGE), EBB_OK);
	assert_int_equal(model_map(model, GIB_1 - PAGE, 0, 3 * PAGE), EBB_ERR_MAPPED);
	assert_int_equal(model_map(model, 0, 0, 0), EBB_ERR_INVALID);
	assert_int_equal(model_map(model, 1, 0, PAGE), EBB_ERR_MISALIGNED);
	assert_int_equal(model_map(model, 0, 1, PAGE), EBB_ERR_MISALIGNED);
	assert_int_equal(model_map(model, (uint64_t)1 << 48, 0, PAGE), EBB_ERR_APERTURE);
	assert_int_equal(model_map(model, ((uint64_t)1 << 48) - PAGE, 0, 2 * PAGE),
			 EBB_ERR_APERTURE);
	assert_int_equal(model_map(model, UINT64_MAX - PAGE + 1, 0, 2 * PAGE), EBB_ERR_APERTURE);
	assert_int_equal(model_map(model, 0, (uint64_t)1 << 52, PAGE), EBB_ERR_PA_WIDTH);
	assert_int_equal(model_unmap(model, 0, PAGE), EBB_ERR_NOT_MAPPED);
	assert_int_equal(model_unmap(model, 0, PAGE - 1), EBB_ERR_MISALIGNED);
	assert_tables(model, 3);
	assert_int_equal(model_unmap(model, 0, 2 * GIB_1), EBB_OK); /* holes are passed over */
	assert_tables(model, 0);
	model_free(model);
}

/* 0: not mapped, 1: by a 4 KiB page, 2: by a 2 MiB page. */
static unsigned char pages[PAGES];

static uint64_t tables_by_counting(void)
{
	uint64_t tables = 0;
	bool any = false;

	for (unsigned region = 0; region < PAGES / 512; region++) {
		any = any || memchr(pages + region * 512, 2, 512) != NULL;
		if (memchr(pages + region * 512, 1, 512) != NULL) {
			any = true;
			tables++;
		}
	}
	return tables + (any ? 2 : 0);
}

/* Maps one page or one large page at a time, so that the array knows which. */
static void map_at(struct model *model, unsigned page, bool large)
{
	uint64_t at = (uint64_t)page * PAGE;
	unsigned count = large ? 512 : 1;
	bool free_range = true;
	int error = model_map(model, BASE + at, BASE + at, count * PAGE);

	for (unsigned i = page; i < page + count; i++)
		free_range = free_range && pages[i] == 0;
	assert_int_equal(error, free_range ? EBB_OK : EBB_ERR_MAPPED);
	if (free_range)
		memset(pages + page, large ? 2 : 1, count);
}

static void unmap_at(struct model *model, unsigned page, unsigned count)
{
	bool any = false;
	int error = model_unmap(model, BASE + (uint64_t)page * PAGE, count * PAGE);

	for (unsigned i = page; i < page + count; i++)
		any = any || pages[i] != 0;
	assert_int_equal(error, any ? EBB_OK : EBB_ERR_NOT_MAPPED);
	for (unsigned i = page; i < page + count; i++) {
		unsigned region = i / 512 * 512;
		bool whole = region >= page && region + 512 <= page + count;

		if (pages[i] == 2 && !whole)
			memset(pages + region, 1, 512); /* split */
		pages[i] = 0;
	}
}

static void random_mappings_need_what_counting_says(void **state)
{
	struct model *model = new_model();

	(void)state;
	srandom(3);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned page = (unsigned)random() % PAGES, count = 1 + (unsigned)random() % 1500;

		if (round % 3 == 0)
			map_at(model, page / 512 * 512, true);
		else if (round % 3 == 1)
			map_at(model, page, false);
		else
			unmap_at(model, page, page + count > PAGES ? PAGES - page : count);
		assert_tables(model, tables_by_counting());
	}
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_needs_a_table_at_each_level_until_it_goes),
		cmocka_unit_test(large_pages_need_no_tables_below_them),
		cmocka_unit_test(a_hole_in_a_large_page_splits_it),
		cmocka_unit_test(mistakes_are_told_apart_and_change_nothing),
		cmocka_unit_test(random_mappings_need_what_counting_says),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
