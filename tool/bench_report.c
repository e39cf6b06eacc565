/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "bench_report.h"
#include "tool.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- instructions counted before ------------------------------------------------------------- */

int bench_report_instructions(struct bench_report *report, const char *file)
{
	FILE *stream = fopen(file, "re");
	char line[4096];
	bool bad = false;

	if (stream == NULL)
		return tool_fail("cannot read %s: %s", file, strerror(errno));
	report->instructions = cJSON_CreateArray();
	while (!bad && fgets(line, sizeof(line), stream) != NULL) {
		cJSON *row = cJSON_Parse(line);

		bad = !cJSON_IsObject(row);
		cJSON_AddItemToArray(report->instructions, row);
	}
	fclose(stream);
	return bad ? tool_fail("%s: not the output of 'ebb bench --json'", file) : TOOL_OK;
}

static bool text_is(const cJSON *row, const char *key, const char *text)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(row, key));

	return value != NULL && strcmp(value, text) == 0;
}

static double counted_before(const struct bench_report *report, const struct bench_cell *cell,
			     const char *policy)
{
	const cJSON *row;

	cJSON_ArrayForEach(row, report->instructions)
	{
		const cJSON *count = cJSON_GetObjectItem(row, "instructions_per_pair");
		const cJSON *threads = cJSON_GetObjectItem(row, "threads");

		if (cJSON_IsNumber(count) && cJSON_IsNumber(threads) &&
		    threads->valuedouble == cell->threads && text_is(row, "policy", policy) &&
		    text_is(row, "pattern", cell->pattern->name) &&
		    text_is(row, "size", cell->pattern->size))
			return count->valuedouble;
	}
	return NAN;
}

/* ---- one row --------------------------------------------------------------------------------- */

struct row {
	const struct bench_cell *cell;
	const struct bench_result *results, *result;
	const char *policy;
	struct bench_spread ns;
	double instructions;
};

static int print_json(const struct row *row)
{
	const struct bench_cell *cell = row->cell;
	const struct bench_result *result = row->result;
	cJSON *object = json_object("bench", row->policy), *ratios;

	json_text(object, "pattern", cell->pattern->name);
	json_text(object, "size", cell->pattern->size);
	json_count(object, "threads", cell->threads);
	json_count(object, "pairs", cell->pairs);
	json_count(object, "rounds", row->ns.rounds);
	json_ns(object, "ns_per_pair_min", row->ns.least);
	json_ns(object, "ns_per_pair_median", row->ns.median);
	json_ns(object, "ns_per_pair_max", row->ns.most);
	json_ns(object, "instructions_per_pair", row->instructions);
	json_count(object, "peak_table_bytes", table_bytes(result->tables.peak));
	json_count(object, "final_table_bytes", table_bytes(result->tables.final));
	json_count(object, "peak_allocated_bytes", table_bytes(result->pages_peak));
	json_count(object, "slices", result->slices);
	json_count(object, "slices_disturbed", result->disturbed);
	json_count(object, "slices_slept", result->waits);
	ratios = cJSON_AddObjectToObject(object, "ratios");
	for (unsigned e = 0; e < cell->nengines; e++) {
		struct bench_spread ratio = bench_ratio(cell, result, &row->results[e]);
		cJSON *to;

		if (&row->results[e] == result)
			continue;
		to = cJSON_AddObjectToObject(ratios, cell->engines[e]->name);
		json_ratio(to, "min", ratio.least);
		json_ratio(to, "median", ratio.median);
		json_ratio(to, "max", ratio.most);
	}
	return json_print(object);
}

static void print_number(struct report_table *table, double number)
{
	if (isnan(number))
		report_cell(table, "-");
	else
		report_cell(table, "%.1f", number);
}

static void print_row(struct bench_report *report, const struct row *row)
{
	struct report_table *table = &report->table;
	const struct bench_result *result = row->result;

	report_cell(table, "%s %s", row->cell->pattern->name, row->cell->pattern->size);
	report_count(table, row->cell->threads);
	report_cell(table, "%s", row->policy);
	print_number(table, row->ns.least);
	print_number(table, row->ns.median);
	for (unsigned e = 0; e < report->nengines; e++) {
		struct bench_spread ratio = bench_ratio(row->cell, result, &row->results[e]);

		if (report->engines[e] == bench_policies[EBB_DEFERRED])
			continue;
		if (&row->results[e] == result || ratio.rounds == 0)
			report_cell(table, "-");
		else
			report_cell(table, "%.2f (%.2f-%.2f)", ratio.median, ratio.least,
				    ratio.most);
	}
	print_number(table, row->instructions);
	report_bytes(table, table_bytes(result->tables.peak));
	report_bytes(table, table_bytes(result->tables.final));
	report_cell(table, "%u/%u", result->disturbed, result->slices);
}

static void remember_point(struct bench_report *report, const struct row *row, unsigned engine)
{
	struct bench_point *points =
		realloc(report->points, (report->npoints + 1) * sizeof(*points));

	if (points == NULL)
		return; /* it is missing in the picture */
	report->points = points;
	points[report->npoints++] = (struct bench_point){
		.pattern = row->cell->pattern,
		.threads = row->cell->threads,
		.engine = engine,
		.ns = row->ns.least,
	};
}

int bench_report_cell(struct bench_report *report, const struct bench_cell *cell,
		      const struct bench_result *results)
{
	int status = TOOL_OK;

	for (unsigned e = 0; e < cell->nengines && status == TOOL_OK; e++) {
		struct row row = {
			.cell = cell,
			.results = results,
			.result = &results[e],
			.policy = cell->engines[e]->name,
			.ns = bench_ns(cell, &results[e]),
			.instructions = bench_instructions(cell, &results[e]),
		};

		if (isnan(row.instructions))
			row.instructions = counted_before(report, cell, row.policy);
		if (row.ns.rounds < cell->rounds)
			tool_warn("%s %s, %u threads, %s: other programs disturbed all of %u of %u "
				  "rounds, which do not count",
				  cell->pattern->name, cell->pattern->size, cell->threads,
				  row.policy, cell->rounds - row.ns.rounds, cell->rounds);
		remember_point(report, &row, e);
		if (report->json)
			status = print_json(&row);
		else
			print_row(report, &row);
	}
	return status;
}

/* ---- the table ------------------------------------------------------------------------------- */

static void add_column(struct bench_report *report, const char *title, int width)
{
	report->columns[report->table.count++] = (struct report_column){ title, width };
}

void bench_report_begin(struct bench_report *report, const struct bench_engine *const *engines,
			unsigned nengines)
{
	report->engines = engines;
	report->nengines = nengines;
	report->table = (struct report_table){ .columns = report->columns };
	add_column(report, "pattern", -12);
	add_column(report, "threads", 7);
	add_column(report, "policy", -9);
	add_column(report, "ns min", 7);
	add_column(report, "median", 7);
	for (unsigned e = 0; e < nengines; e++) {
		if (engines[e] == bench_policies[EBB_DEFERRED])
			continue;
		snprintf(report->titles[e], sizeof(report->titles[e]), "/ %s", engines[e]->name);
		add_column(report, report->titles[e], 17);
	}
	add_column(report, "instr", 8);
	add_column(report, "peak", 9);
	add_column(report, "final", 9);
	add_column(report, "disturbed", 9);
	if (!report->json)
		report_header(&report->table);
}

void bench_report_end(struct bench_report *report)
{
	cJSON_Delete(report->instructions);
	free(report->points);
}

/* ---- the picture ----------------------------------------------------------------------------- */

#define PANEL_HEIGHT 420u

static const char *colour(unsigned engine)
{
	static const char *const colours[] = { "#d55e00", "#0072b2", "#000000", "#009e73",
					       "#cc79a7", "#e69f00", "#56b4e9", "#b8b8b8" };

	return colours[engine % (sizeof(colours) / sizeof(colours[0]))];
}

/* The block of data of one number of threads: a line for each pattern, a column for each engine. */
static void write_data(const struct bench_report *report, FILE *script, unsigned threads)
{
	const struct bench_pattern *pattern = NULL;

	fprintf(script, "$threads%u << EOD", threads);
	for (unsigned i = 0; i < report->npoints; i++) {
		const struct bench_point *point = &report->points[i];

		if (point->threads != threads)
			continue;
		if (point->pattern != pattern) {
			pattern = point->pattern;
			fprintf(script, "\n\"%s%s\"",
				pattern->kind == BENCH_SIZES ? "" : pattern->name,
				pattern->kind == BENCH_SIZES ? pattern->size : "");
		}
		if (isnan(point->ns))
			fputs(" NaN", script);
		else
			fprintf(script, " %.6g", point->ns);
	}
	fputs("\nEOD\n", script);
}

static void write_panel(const struct bench_report *report, FILE *script, unsigned threads)
{
	fprintf(script, "set title '%u thread%s'\nplot ", threads, threads == 1 ? "" : "s");
	for (unsigned e = 0; e < report->nengines; e++)
		fprintf(script, "%s$threads%u using %u:xtic(1) title '%s' lc rgb '%s'",
			e == 0 ? "" : ", ", threads, e + 2, report->engines[e]->name, colour(e));
	fputs("\n", script);
}

void bench_report_plot(const struct bench_report *report, struct plot *plot)
{
	unsigned counts[BENCH_THREADS_MAX], n = 0;

	for (unsigned i = 0; i < report->npoints; i++) {
		unsigned threads = report->points[i].threads, at = 0;

		while (at < n && counts[at] != threads)
			at++;
		if (at == n) {
			counts[n++] = threads;
			write_data(report, plot->script, threads);
		}
	}
	plot_start(plot, "ns per pair of map and unmap: the least of all rounds",
		   60 + PANEL_HEIGHT * n);
	fprintf(plot->script,
		"set logscale y\nset style data histogram\nset style histogram clustered gap 1\n"
		"set style fill solid\nset boxwidth 0.9\nset xtics rotate by -30\n"
		"set grid ytics lc rgb '#e4e4e4' lt 1\n"
		"set key inside top left horizontal\nset format y '%%.12g'\n"
		"set multiplot layout %u,1 margins 0.09,0.98,0.09,0.88 spacing 0,0.14\n",
		n);
	for (unsigned i = 0; i < n; i++) {
		write_panel(report, plot->script, counts[i]);
		fputs("unset label 1\n", plot->script);
	}
	fputs("unset multiplot\n", plot->script);
}
