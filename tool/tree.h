/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_TREE_H
#define EBB_TOOL_TREE_H
/*
 * A tree as it stands: its tables per level, and what each region of 2 MiB, the span of a leaf
 * table, has in it.
 */
#include "ebb.h"

#define REGION_LG2   21u
#define REGION_SIZE  ((uint64_t)1 << REGION_LG2)
#define REGION_PAGES 512u

struct tree_level {
	uint64_t tables;
	uint64_t used; /* entries, of all tables */
	uint64_t empty; /* tables without a used entry */
	uint64_t needed; /* tables with a leaf somewhere below */
	uint64_t leaves;
};

/*
 * Neighbouring regions that look alike. Regions without a table and without a mapping are in no
 * run.
 */
struct tree_run {
	uint64_t first, count; /* regions; region n starts at IOVA n * REGION_SIZE */
	unsigned pages; /* 4 KiB pages mapped in each */
	bool has_table; /* a leaf table each, else each is mapped by a larger leaf */
};

struct tree {
	unsigned levels;
	struct tree_level level[EBB_LEVELS_MAX];
	uint64_t mapped_bytes;
	struct tree_run *runs; /* ascending */
	size_t nruns;
	/* while it is collected: */
	uint64_t first_region, last_region; /* that go into the runs */
	size_t room;
	bool counted[EBB_LEVELS_MAX]; /* the last table seen at a level is in `needed` */
};

/*
 * Looks at all tables of a domain that nobody changes meanwhile. Only regions that overlap [first,
 * last] go into the runs. Returns an enum tool_exit; on failure a message was printed.
 */
int tree_collect(struct tree *tree, struct ebb_domain *domain, unsigned levels, uint64_t first,
		 uint64_t last);
void tree_free(struct tree *tree);

/* The sum of all levels. */
struct tree_level tree_sum(const struct tree *tree);

/* ---- rows ------------------------------------------------------------------------------------ */

#define ROW_CELLS 64u

/* One cell of a row: a power of two of neighbouring regions. */
struct tree_cell {
	uint64_t regions; /* that have a table or a mapping; 0: nothing */
	uint64_t tables; /* leaf tables */
	uint64_t pages; /* mapped */
};

struct tree_row {
	uint64_t first; /* region */
	struct tree_cell cells[ROW_CELLS];
};

/* Goes through the rows that have anything in them, ascending. Start with run and done 0. */
struct tree_walk {
	const struct tree *tree;
	unsigned zoom_lg2; /* regions in a cell */
	size_t run; /* the next one to look at */
	uint64_t done; /* regions of that run that are in earlier rows */
};

bool tree_next_row(struct tree_walk *walk, struct tree_row *row);

/* Do two rows look the same? */
bool tree_rows_alike(const struct tree_row *a, const struct tree_row *b);

/*
 * The finest zoom at which no more than `rows` rows are left, alike neighbours counted once if
 * `fold` is set.
 */
unsigned tree_fit_zoom(const struct tree *tree, uint64_t rows, bool fold);

#endif
