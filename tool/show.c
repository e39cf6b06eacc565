/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * ebb show: the tree that a trace or a sweep leaves behind, per level and as a map of the IOVA
 * space.
 */
#include "fit.h"
#include "player.h"
#include "plot.h"
#include "report.h"
#include "tool.h"
#include "tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TERMINAL_ROWS 40u
#define PLOT_ROWS     96u
#define AT_END	      UINT64_MAX
#define AT_PEAK	      (UINT64_MAX - 1)

struct show {
	struct common_options common;
	struct sweep sweep;
	bool stress; /* show a sweep, else a trace */
	const char *trace_name, *plot;
	unsigned levels;
	uint64_t at; /* events to replay, or one of the above */
	uint64_t first, last; /* of the map of the IOVA space */
};

/* What is being shown. */
struct scene {
	const struct show *show;
	const struct trace *trace; /* NULL: a sweep */
	enum ebb_policy policy;
	unsigned levels;
	uint64_t events; /* of the trace, played */
};

/* ---- for people ------------------------------------------------------------------------------ */

static const struct report_column columns[] = {
	{ "level", -5 }, { "span", -7 }, { "tables", 9 }, { "memory", 10 }, { "entries used", 12 },
	{ "of all", 8 }, { "empty", 9 }, { "needed", 9 }, { "leaves", 9 },
};

static unsigned table_span_lg2(unsigned level)
{
	return REGION_LG2 + 9 * level;
}

static void print_level(struct report_table *table, const char *name, const char *span,
			const struct tree_level *level)
{
	double entries = (double)level->tables * EBB_TABLE_ENTRIES;

	report_cell(table, "%s", name);
	report_cell(table, "%s", span);
	report_count(table, level->tables);
	report_bytes(table, table_bytes(level->tables));
	report_count(table, level->used);
	report_cell(table, "%.2f %%", entries > 0 ? 100 * (double)level->used / entries : 0);
	report_count(table, level->empty);
	report_count(table, level->needed);
	report_count(table, level->leaves);
}

static void print_levels(const struct tree *tree)
{
	struct report_table table = { columns, sizeof(columns) / sizeof(columns[0]), 0 };
	struct tree_level sum = tree_sum(tree);
	char span[BYTES_TEXT], name[16];

	report_header(&table);
	for (unsigned level = tree->levels; level-- > 0;) {
		snprintf(name, sizeof(name), "%u", level);
		print_level(&table, name, bytes_text(span, (uint64_t)1 << table_span_lg2(level)),
			    &tree->level[level]);
	}
	print_level(&table, "all", "", &sum);
}

static void print_memory(const struct tree *tree, const struct ebb_stats *stats)
{
	struct tree_level sum = tree_sum(tree);
	char mapped[BYTES_TEXT], needed[BYTES_TEXT], spare[BYTES_TEXT], pooled[BYTES_TEXT];
	uint64_t root_only = sum.needed == 0; /* the root is needed even if nothing is mapped */
	uint64_t surplus = sum.tables - sum.needed - root_only;

	printf("\nmapped: %s; its tables: %s; tables that nothing is mapped through: %s (%.1f %%); "
	       "pooled: %s\n",
	       bytes_text(mapped, tree->mapped_bytes),
	       bytes_text(needed, table_bytes(sum.needed + root_only)),
	       bytes_text(spare, table_bytes(surplus)),
	       100 * (double)surplus / (double)(sum.tables + (sum.tables == 0)),
	       bytes_text(pooled, table_bytes(stats->pooled)));
}

static char cell_symbol(const struct tree_cell *cell)
{
	if (cell->regions == 0)
		return ' ';
	if (cell->pages == 0)
		return '.';
	if (cell->pages == cell->regions * REGION_PAGES)
		return cell->tables == 0 ? 'L' : '#';
	return (char)('1' + cell->pages * 9 / (cell->regions * REGION_PAGES));
}

static void print_row(const struct tree *tree, const struct tree_row *row)
{
	char symbols[ROW_CELLS + 1] = "";

	for (unsigned i = 0; i < ROW_CELLS; i++)
		symbols[i] = cell_symbol(&row->cells[i]);
	printf("0x%0*" PRIx64 " |%s|\n", (int)(table_span_lg2(tree->levels - 1) + 3) / 4,
	       row->first << REGION_LG2, symbols);
}

/* What lies between two rows that differ: rows that look like the first, or nothing. */
static void print_between(uint64_t repeats, uint64_t gap_regions)
{
	char text[BYTES_TEXT];

	if (repeats != 0)
		printf("  * %" PRIu64 " more row%s like this\n", repeats, repeats == 1 ? "" : "s");
	if (gap_regions != 0)
		printf("  ... nothing for %s\n", bytes_text(text, gap_regions << REGION_LG2));
}

static void print_map(const struct tree *tree)
{
	struct tree_walk walk = { .tree = tree,
				  .zoom_lg2 = tree_fit_zoom(tree, TERMINAL_ROWS, true) };
	uint64_t row_regions = (uint64_t)ROW_CELLS << walk.zoom_lg2;
	struct tree_row row, shown = { 0 };
	uint64_t repeats = 0, end = 0;
	char cell[BYTES_TEXT];

	printf("\neach character is %s of IOVA space: '.' empty tables only, "
	       "'1'-'9' mapped up to 1/9 - 9/9,\n"
	       "'#' all mapped, 'L' all mapped by large pages, ' ' no table\n",
	       bytes_text(cell, REGION_SIZE << walk.zoom_lg2));
	for (bool any = false; tree_next_row(&walk, &row); any = true) {
		if (any && row.first == end && tree_rows_alike(&row, &shown)) {
			repeats++;
		} else {
			print_between(repeats, any ? row.first - end : 0);
			print_row(tree, &row);
			shown = row;
			repeats = 0;
		}
		end = row.first + row_regions;
	}
	print_between(repeats, 0);
}

/* "net-rx.trace.xz after 1000 of 299576 events, policy none" */
static void scene_text(const struct scene *scene, char *text, size_t room)
{
	const char *slash = scene->trace != NULL ? strrchr(scene->trace->name, '/') : NULL;
	char total[BYTES_TEXT], step[BYTES_TEXT];

	if (scene->trace == NULL)
		snprintf(text, room, "sweep of %s, a page every %s, policy %s",
			 bytes_text(total, scene->show->sweep.total),
			 bytes_text(step, scene->show->sweep.step), policy_name(scene->policy));
	else
		snprintf(text, room, "%s after %" PRIu64 " of %zu events, policy %s",
			 slash != NULL ? slash + 1 : scene->trace->name, scene->events,
			 scene->trace->count, policy_name(scene->policy));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static cJSON *scene_object(const struct scene *scene)
{
	cJSON *object = json_object("show", policy_name(scene->policy));

	if (scene->trace == NULL) {
		json_text(object, "pattern", "sweep");
		return object;
	}
	json_text(object, "trace", scene->trace->name);
	json_count(object, "events", scene->events);
	return object;
}

static int json_level(const struct scene *scene, const struct tree *tree, unsigned number)
{
	const struct tree_level *level = &tree->level[number];
	cJSON *object = scene_object(scene);

	json_count(object, "level", number);
	json_count(object, "tables", level->tables);
	json_count(object, "entries_used", level->used);
	json_count(object, "empty_tables", level->empty);
	json_count(object, "needed_tables", level->needed);
	json_count(object, "leaves", level->leaves);
	return json_print(object);
}

static int json_run(const struct scene *scene, const struct tree_run *run)
{
	cJSON *object = scene_object(scene);
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, run->first << REGION_LG2);
	json_text(object, "first_iova", text);
	snprintf(text, sizeof(text), "0x%" PRIx64, ((run->first + run->count) << REGION_LG2) - 1);
	json_text(object, "last_iova", text);
	json_count(object, "regions", run->count);
	json_count(object, "pages_per_region", run->pages);
	cJSON_AddBoolToObject(object, "has_table", run->has_table);
	return json_print(object);
}

static int json_tree(const struct scene *scene, const struct tree *tree,
		     const struct ebb_stats *stats)
{
	struct tree_level sum = tree_sum(tree);
	cJSON *object = scene_object(scene);
	int status;

	json_count(object, "final_table_bytes", table_bytes(stats->held));
	json_count(object, "needed_table_bytes", table_bytes(sum.needed + (sum.needed == 0)));
	json_count(object, "pooled_bytes", table_bytes(stats->pooled));
	json_count(object, "mapped_bytes", tree->mapped_bytes);
	status = json_print(object);
	for (unsigned level = tree->levels; level-- > 0 && status == TOOL_OK;)
		status = json_level(scene, tree, level);
	for (size_t i = 0; i < tree->nruns && status == TOOL_OK; i++)
		status = json_run(scene, &tree->runs[i]);
	return status;
}

/* ---- plot ------------------------------------------------------------------------------------ */

/*
 * Column, row and a number for each cell with anything in it: what share is mapped, or -0.1 for
 * empty tables only.
 */
static void plot_cells(struct plot *plot, const struct tree_row *row, uint64_t number)
{
	for (unsigned i = 0; i < ROW_CELLS; i++) {
		const struct tree_cell *cell = &row->cells[i];
		double share = (double)cell->pages / (double)(cell->regions * REGION_PAGES);

		if (cell->regions != 0)
			fprintf(plot->script, "%u %" PRIu64 " %.4f\n", i, number,
				cell->pages != 0 ? share : -0.1);
	}
}

/* The cells of all rows, then a label for some of the rows. Returns the number of rows. */
static uint64_t plot_rows(struct plot *plot, const struct tree *tree, unsigned zoom_lg2)
{
	struct tree_walk walk = { .tree = tree, .zoom_lg2 = zoom_lg2 };
	uint64_t rows = 0, labelled = 0;
	struct tree_row row;

	fputs("$cells << EOD\n", plot->script);
	for (; tree_next_row(&walk, &row); rows++)
		plot_cells(plot, &row, rows);
	fputs("EOD\nset ytics (", plot->script);
	walk = (struct tree_walk){ .tree = tree, .zoom_lg2 = zoom_lg2 };
	for (; tree_next_row(&walk, &row); labelled++)
		if (labelled % (rows / 16 + 1) == 0)
			fprintf(plot->script, "%s'0x%" PRIx64 "' %" PRIu64,
				labelled != 0 ? ", " : "", row.first << REGION_LG2, labelled);
	fputs(")\n", plot->script);
	return rows;
}

static void plot_map(struct plot *plot, const struct scene *scene, const struct tree *tree)
{
	unsigned zoom_lg2 = tree_fit_zoom(tree, PLOT_ROWS, false);
	char title[512], cell[BYTES_TEXT], row[BYTES_TEXT];
	uint64_t rows = plot_rows(plot, tree, zoom_lg2);

	scene_text(scene, title, sizeof(title));
	plot_start(plot, title, 260 + (unsigned)(rows < 18 ? rows * 30 : 540));
	bytes_text(cell, REGION_SIZE << zoom_lg2);
	bytes_text(row, (REGION_SIZE << zoom_lg2) * ROW_CELLS);
	fprintf(plot->script,
		"set xlabel 'offset in the row (%s), %s per cell'\nset ylabel 'IOVA of the row'\n"
		"set xtics ('0' -0.5, '1/4' 15.5, '1/2' 31.5, '3/4' 47.5, '1' 63.5)\n"
		"set xrange [-0.5:63.5]\nset yrange [%" PRIu64
		".5:-0.5]\nunset key\nset tmargin 3\nset rmargin at screen 0.84\n"
		"set palette defined (-0.2 '#e69f00', -0.0001 '#e69f00', "
		"0 '#c9e3f5', 0.5 '#3b8fcf', 1 '#08306b')\n"
		"set cbrange [-0.2:1]\nset cblabel 'mapped' offset -1\n"
		"set cbtics ('empty' -0.1, '1/2' 0.5, 'all' 1)\n"
		"set style fill solid noborder\n"
		"plot $cells using 1:2:($1-0.46):($1+0.46):($2-0.46):($2+0.46):3 "
		"with boxxyerror lc palette\n",
		row, cell, rows - 1);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int print_scene(const struct scene *scene, struct space *space, const struct tree *tree,
		       struct plot *plot)
{
	struct ebb_stats stats;
	char text[512];

	ebb_stats(&space->domain, &stats);
	if (plot != NULL) {
		if (tree->nruns == 0)
			return tool_fail(
				"cannot draw %s: there is no leaf table and no mapping to show",
				plot->file);
		plot_map(plot, scene, tree);
		if (plot_draw(plot) != TOOL_OK)
			return TOOL_FAILED;
	}
	if (scene->show->common.json)
		return json_tree(scene, tree, &stats);
	scene_text(scene, text, sizeof(text));
	printf("%s\n\n", text);
	print_levels(tree);
	print_memory(tree, &stats);
	if (tree->nruns != 0)
		print_map(tree);
	return TOOL_OK;
}

/* Shows what is in a space. */
static int show_space(const struct scene *scene, struct space *space, struct plot *plot)
{
	struct tree tree;
	int status = tree_collect(&tree, &space->domain, scene->levels, scene->show->first,
				  scene->show->last);

	if (status != TOOL_OK)
		return status;
	status = print_scene(scene, space, &tree, plot);
	tree_free(&tree);
	return status;
}

/* How many events lead to the most table memory. */
static int find_peak(const struct scene *scene, uint64_t *events)
{
	struct play_counts counts = { 0 };
	uint64_t most = 0;
	struct space space;
	int status = space_open(&space, scene->policy, scene->levels);

	if (status != TOOL_OK)
		return status;
	for (size_t i = 0; i < scene->trace->count && status == TOOL_OK; i++) {
		struct ebb_stats stats;

		status = play(&space, scene->trace, i, i + 1, &counts);
		ebb_stats(&space.domain, &stats);
		if (stats.held > most) {
			most = stats.held;
			*events = i + 1;
		}
	}
	space_close(&space);
	return status;
}

/* Brings a space to the state that is to be shown. */
static int prepare(struct scene *scene, struct space *space)
{
	const struct show *show = scene->show;
	struct play_counts counts = { 0 };
	struct sweep_result result;

	if (scene->trace == NULL)
		return sweep_run(space, &show->sweep, policy_name(scene->policy), &result);
	return play(space, scene->trace, 0, scene->events, &counts);
}

static int show_policy(struct scene *scene, struct plot *plot)
{
	const struct show *show = scene->show;
	struct space space;
	int status = TOOL_OK;

	if (scene->trace != NULL && show->at == AT_PEAK)
		status = find_peak(scene, &scene->events);
	else if (scene->trace != NULL)
		scene->events = show->at < scene->trace->count ? show->at : scene->trace->count;
	if (status == TOOL_OK)
		status = space_open(&space, scene->policy, scene->levels);
	if (status != TOOL_OK)
		return status;
	status = prepare(scene, &space);
	if (status == TOOL_OK)
		status = show_space(scene, &space, plot);
	space_close(&space);
	return status;
}

static int show_policies(const struct show *show, const struct trace *trace, struct plot *plot)
{
	struct scene scene = { .show = show, .trace = trace, .levels = show->levels };
	bool first = true;
	int status = TOOL_OK;

	for (unsigned policy = 0; policy < EBB_POLICIES && status == TOOL_OK; policy++) {
		if ((show->common.policies & (1u << policy)) == 0)
			continue;
		if (!first && !show->common.json)
			putchar('\n');
		first = false;
		scene.policy = policy;
		status = show_policy(&scene, plot);
	}
	return status;
}

static int show_source(const struct show *show, struct plot *plot)
{
	struct trace trace;
	int status;

	if (show->stress) {
		status = sweep_fits(&show->sweep, show->common.policies);
		return status != TOOL_OK ? status : show_policies(show, NULL, plot);
	}
	status = trace_load(&trace, show->trace_name);
	if (status != TOOL_OK)
		return status;
	status = show_policies(show, &trace, plot);
	trace_unload(&trace);
	return status;
}

static int run(const struct show *show)
{
	struct plot plot;
	int status;

	if (show->plot == NULL)
		return show_source(show, NULL);
	status = plot_open(&plot, show->plot);
	if (status != TOOL_OK)
		return status;
	status = show_source(show, &plot);
	plot_close(&plot);
	return status;
}

/* ---- options --------------------------------------------------------------------------------- */

static void parse_at(struct show *show, const char *text, const struct argp_state *state)
{
	if (strcmp(text, "end") == 0)
		show->at = AT_END;
	else if (strcmp(text, "peak") == 0)
		show->at = AT_PEAK;
	else if (!parse_number(text, AT_PEAK - 1, &show->at))
		argp_error(state, "--at takes 'end', 'peak' or a number of events, not '%s'", text);
}

static void parse_range(struct show *show, char *text, const struct argp_state *state)
{
	char *dash = strchr(text, '-');

	if (dash != NULL)
		*dash = '\0';
	if (dash == NULL || !parse_number(text, UINT64_MAX, &show->first) ||
	    !parse_number(dash + 1, UINT64_MAX, &show->last) || show->first > show->last)
		argp_error(state, "--range takes two addresses such as 0xff000000-0xffffffff");
}

static void check(struct show *show, const struct argp_state *state)
{
	if (show->stress == (show->trace_name != NULL))
		argp_error(state, "either a trace or --stress is needed");
	if (show->stress && show->at != AT_END)
		argp_error(state, "--at is for traces");
	if (show->plot != NULL && (show->common.policies & (show->common.policies - 1)) != 0)
		argp_error(state, "--plot draws one policy");
	if (show->stress && show->levels < sweep_levels(&show->sweep))
		show->levels = sweep_levels(&show->sweep);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct show *show = state->input;

	switch (key) {
	case OPTION_STRESS:
		show->stress = true;
		return 0;
	case OPTION_AT:
		parse_at(show, arg, state);
		return 0;
	case OPTION_RANGE:
		parse_range(show, arg, state);
		return 0;
	case OPTION_LEVELS:
		show->levels = parse_levels(arg, state);
		return 0;
	case OPTION_PLOT:
		if (!plot_file_ok(arg))
			argp_error(state, "--plot draws FILE.svg or FILE.png, not '%s'", arg);
		show->plot = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (show->trace_name != NULL)
			argp_error(state, "one trace at a time: unexpected argument '%s'", arg);
		show->trace_name = arg;
		return 0;
	case ARGP_KEY_END:
		check(show, state);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &show->sweep;
		state->child_inputs[1] = &show->common;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int show_main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "stress", OPTION_STRESS, NULL, 0,
		  "show the tree after a sweep instead of a trace", 0 },
		{ "at", OPTION_AT, "WHEN", 0, "end, peak (of table memory) or a number of events",
		  0 },
		{ "range", OPTION_RANGE, "FIRST-LAST", 0, "map only this part of the IOVA space",
		  0 },
		{ "levels", OPTION_LEVELS, "N", 0, "levels of the tree: 3, 4 or 5 (4)", 0 },
		{ "plot", OPTION_PLOT, "FILE", 0, "draw the map of the IOVA space (.svg, .png)",
		  0 },
		{ 0 },
	};
	static const struct argp_child children[] = {
		{ &sweep_argp, 0, "The sweep of --stress:", 1 },
		{ &common_argp, 0, NULL, 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "TRACE\n--stress",
		.doc = "Shows the tree of page tables that a trace or a sweep leaves behind.\v"
		       "The policy is none unless --policy names another, so that empty tables can "
		       "be seen.",
		.children = children,
	};
	struct show show = {
		.common.policies = 1u << EBB_NONE,
		.sweep = { .total = 4 * GIB, .step = 2 * MIB, .size = 4 * KIB, .threads = 1 },
		.levels = 4,
		.at = AT_END,
		.last = UINT64_MAX,
	};

	if (argp_parse(&argp, argc, argv, 0, NULL, &show) != 0)
		return TOOL_USAGE;
	return run(&show);
}
