/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_BENCH_REPORT_H
#define EBB_BENCH_REPORT_H
/* The results of `ebb bench`: a table or JSON, row by row, and a picture in the end. */
#include "bench.h"
#include "plot.h"
#include "report.h"

#define BENCH_COLUMNS_MAX (10u + BENCH_ENGINES_MAX)

struct bench_point { /* what is drawn of a row */
	const struct bench_pattern *pattern;
	unsigned threads, engine;
	double ns;
};

struct bench_report {
	bool json;
	const struct bench_engine *const *engines;
	unsigned nengines;
	cJSON *instructions; /* an array of rows, NULL if there are none */
	struct report_column columns[BENCH_COLUMNS_MAX];
	char titles[BENCH_ENGINES_MAX][40];
	struct report_table table;
	struct bench_point *points;
	unsigned npoints;
};

/* Reads rows of an earlier run whose instructions_per_pair are to be shown. An enum tool_exit. */
int bench_report_instructions(struct bench_report *report, const char *file);

void bench_report_begin(struct bench_report *report, const struct bench_engine *const *engines,
			unsigned nengines);

/* A row for each engine. Returns an enum tool_exit. */
int bench_report_cell(struct bench_report *report, const struct bench_cell *cell,
		      const struct bench_result *results);

void bench_report_plot(const struct bench_report *report, struct plot *plot);
void bench_report_end(struct bench_report *report);

#endif
