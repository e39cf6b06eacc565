/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "tree.h"
#include "tool.h"

#include <stdlib.h>
#include <string.h>

/* ---- collecting ------------------------------------------------------------------------------ */

static bool runs_join(const struct tree_run *a, const struct tree_run *b)
{
	return a->first + a->count == b->first && a->pages == b->pages &&
	       a->has_table == b->has_table;
}

/* The last run is complete: joins it with the one before if they look alike. */
static void close_run(struct tree *tree)
{
	struct tree_run *last;

	if (tree->nruns < 2)
		return;
	last = &tree->runs[tree->nruns - 1];
	if (!runs_join(last - 1, last))
		return;
	last[-1].count += last->count;
	tree->nruns--;
}

static bool wanted(const struct tree *tree, const struct tree_run *run)
{
	return run->first <= tree->last_region && run->first + run->count > tree->first_region;
}

static int add_run(struct tree *tree, const struct tree_run *run)
{
	if (!wanted(tree, run))
		return 0;
	close_run(tree);
	if (tree->nruns == tree->room) {
		size_t room = tree->room != 0 ? tree->room * 2 : 64;
		struct tree_run *runs = reallocarray(tree->runs, room, sizeof(*runs));

		if (runs == NULL)
			return EBB_ERR_NO_MEMORY;
		tree->runs = runs;
		tree->room = room;
	}
	tree->runs[tree->nruns++] = *run;
	return 0;
}

static int see_table(struct tree *tree, const struct ebb_visit *visit)
{
	struct tree_level *level = &tree->level[visit->level];
	const struct tree_run run = { .first = visit->first.v >> REGION_LG2,
				      .count = 1,
				      .has_table = true };

	level->tables++;
	level->used += visit->used;
	level->empty += visit->used == 0;
	tree->counted[visit->level] = false;
	return visit->level == 0 ? add_run(tree, &run) : 0;
}

static int see_leaf(struct tree *tree, const struct ebb_visit *visit)
{
	uint64_t size = visit->last.v - visit->first.v + 1;
	const struct tree_run run = {
		.first = visit->first.v >> REGION_LG2,
		.count = visit->level == 0 ? 1 : size >> REGION_LG2,
		.pages = REGION_PAGES,
	};

	tree->level[visit->level].leaves++;
	tree->mapped_bytes += size;
	for (unsigned level = visit->level; level < tree->levels && !tree->counted[level];
	     level++) {
		tree->level[level].needed++;
		tree->counted[level] = true;
	}
	if (visit->level > 0)
		return add_run(tree, &run);
	if (wanted(tree, &run))
		tree->runs[tree->nruns - 1].pages++; /* that of its table, which came first */
	return 0;
}

static int see(void *arg, const struct ebb_visit *visit)
{
	return visit->is_table ? see_table(arg, visit) : see_leaf(arg, visit);
}

int tree_collect(struct tree *tree, struct ebb_domain *domain, unsigned levels, uint64_t first,
		 uint64_t last)
{
	int error;

	*tree = (struct tree){
		.levels = levels,
		.first_region = first >> REGION_LG2,
		.last_region = last >> REGION_LG2,
	};
	error = ebb_for_each(domain, EBB_IOVA(0), (uint64_t)REGION_SIZE << (9 * (levels - 1)),
			     EBB_VISIT_LEAVES | EBB_VISIT_TABLES, see, tree);
	if (error != 0) {
		tree_free(tree);
		return tool_fail("cannot look at the tree: %s", ebb_strerror(error));
	}
	close_run(tree);
	return TOOL_OK;
}

void tree_free(struct tree *tree)
{
	free(tree->runs);
	tree->runs = NULL;
}

struct tree_level tree_sum(const struct tree *tree)
{
	struct tree_level sum = { 0 };

	for (unsigned level = 0; level < tree->levels; level++) {
		sum.tables += tree->level[level].tables;
		sum.used += tree->level[level].used;
		sum.empty += tree->level[level].empty;
		sum.needed += tree->level[level].needed;
		sum.leaves += tree->level[level].leaves;
	}
	return sum;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Adds the part of a run that is in this row. Returns the end of that part. */
static uint64_t fill_cells(struct tree_row *row, const struct tree_run *run, uint64_t from,
			   unsigned zoom_lg2)
{
	uint64_t row_end = row->first + ((uint64_t)ROW_CELLS << zoom_lg2);
	uint64_t end = run->first + run->count < row_end ? run->first + run->count : row_end;

	while (from < end) {
		uint64_t index = (from - row->first) >> zoom_lg2;
		uint64_t cell_end = row->first + ((index + 1) << zoom_lg2);
		uint64_t regions = (cell_end < end ? cell_end : end) - from;

		row->cells[index].regions += regions;
		row->cells[index].tables += run->has_table ? regions : 0;
		row->cells[index].pages += regions * run->pages;
		from += regions;
	}
	return end;
}

bool tree_next_row(struct tree_walk *walk, struct tree_row *row)
{
	const struct tree *tree = walk->tree;
	uint64_t row_regions = (uint64_t)ROW_CELLS << walk->zoom_lg2;
	uint64_t from;

	if (walk->run == tree->nruns)
		return false;
	from = tree->runs[walk->run].first + walk->done;
	*row = (struct tree_row){ .first = from & ~(row_regions - 1) };
	while (walk->run < tree->nruns) {
		const struct tree_run *run = &tree->runs[walk->run];

		from = run->first + walk->done;
		if (from >= row->first + row_regions)
			break;
		walk->done = fill_cells(row, run, from, walk->zoom_lg2) - run->first;
		if (walk->done < run->count)
			break;
		walk->run++;
		walk->done = 0;
	}
	return true;
}

bool tree_rows_alike(const struct tree_row *a, const struct tree_row *b)
{
	return memcmp(a->cells, b->cells, sizeof(a->cells)) == 0;
}

/* Counts rows at a zoom, but no further than `enough`. */
static uint64_t count_rows(const struct tree *tree, unsigned zoom_lg2, uint64_t enough, bool fold)
{
	struct tree_walk walk = { .tree = tree, .zoom_lg2 = zoom_lg2 };
	struct tree_row row, previous = { .first = UINT64_MAX };
	uint64_t rows = 0;

	while (rows < enough && tree_next_row(&walk, &row)) {
		rows += !fold || !tree_rows_alike(&row, &previous);
		previous = row;
	}
	return rows;
}

unsigned tree_fit_zoom(const struct tree *tree, uint64_t rows, bool fold)
{
	unsigned zoom_lg2 = 0;

	while (count_rows(tree, zoom_lg2, rows + 1, fold) > rows)
		zoom_lg2++;
	return zoom_lg2;
}
