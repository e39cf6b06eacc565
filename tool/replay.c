/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* ebb replay: recorded map and unmap events, under each policy in turn. */
#include "player.h"
#include "plot.h"
#include "report.h"
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES_MAX   2000u
#define OVERLAP_SHARE 100u /* more overlaps than one map in so many: the trace mixes domains */

struct replay {
	struct common_options common;
	unsigned levels;
	const char *plot; /* file or NULL */
	char **traces;
	int ntraces;
};

/* What the live mappings need, whatever the policy. */
struct needed {
	uint64_t peak_tables, final_tables;
};

struct replay_result {
	struct play_counts counts;
	struct ebb_stats stats;
	uint64_t rss_bytes;
	double ns_per_event;
};

/* ---- results --------------------------------------------------------------------------------- */

static const struct report_column columns[] = {
	{ "policy", -8 }, { "maps", 8 },     { "unmaps", 8 },	{ "unmatched", 9 },
	{ "peak", 10 },	  { "final", 10 },   { "needed", 10 },	{ "needed peak", 11 },
	{ "freed", 8 },	  { "wide inv", 8 }, { "ns/event", 8 },
};

static void print_row(enum ebb_policy policy, const struct replay_result *result,
		      const struct needed *needed)
{
	struct report_table table = { columns, sizeof(columns) / sizeof(columns[0]), 0 };

	report_cell(&table, "%s", policy_name(policy));
	report_count(&table, result->counts.maps);
	report_count(&table, result->counts.unmaps);
	report_count(&table, result->counts.unmatched);
	report_bytes(&table, table_bytes(result->stats.held_peak));
	report_bytes(&table, table_bytes(result->stats.held));
	report_bytes(&table, table_bytes(needed->final_tables));
	report_bytes(&table, table_bytes(needed->peak_tables));
	report_count(&table, result->stats.freed);
	report_count(&table, result->stats.wide_invalidations);
	report_cell(&table, "%.1f", result->ns_per_event);
}

static int print_json(const struct trace *trace, enum ebb_policy policy,
		      const struct replay_result *result, const struct needed *needed)
{
	cJSON *object = json_object("replay", policy_name(policy));

	json_text(object, "trace", trace->name);
	json_count(object, "threads", 1);
	json_count(object, "maps", result->counts.maps);
	json_count(object, "unmaps", result->counts.unmaps);
	json_count(object, "unmatched", result->counts.unmatched);
	json_count(object, "overlaps", result->counts.overlaps);
	json_count(object, "skipped", result->counts.skipped);
	json_count(object, "garbled", trace->counts.garbled);
	json_count(object, "lost", trace->counts.lost);
	json_ns(object, "ns_per_event", result->ns_per_event);
	json_count(object, "peak_table_bytes", table_bytes(result->stats.held_peak));
	json_count(object, "final_table_bytes", table_bytes(result->stats.held));
	json_count(object, "needed_table_bytes", table_bytes(needed->final_tables));
	json_count(object, "needed_peak_table_bytes", table_bytes(needed->peak_tables));
	json_count(object, "pooled_bytes", table_bytes(result->stats.pooled));
	json_count(object, "rss_bytes", result->rss_bytes);
	json_count(object, "tables_freed", result->stats.freed);
	json_count(object, "leaf_invalidations", result->stats.leaf_invalidations);
	json_count(object, "wide_invalidations", result->stats.wide_invalidations);
	return json_print(object);
}

static void print_summary(const struct trace *trace)
{
	const struct trace_event *last = &trace->events[trace->count - 1];

	printf("%s: %zu events", trace->name, trace->count);
	if (trace->timed && last->time_ns > trace->events[0].time_ns)
		printf(" in %.3f s", (double)(last->time_ns - trace->events[0].time_ns) / 1e9);
	if (trace->counts.ignored != 0)
		printf("; %" PRIu64 " other %s ignored", trace->counts.ignored,
		       trace->counts.ignored == 1 ? "line" : "lines");
	putchar('\n');
}

static void warn_about(const struct trace *trace, const struct play_counts *counts)
{
	if (counts->skipped != 0)
		tool_warn("%s: %" PRIu64
			  " events skipped: empty, not aligned to pages, beyond the last address "
			  "or of more than 1 TiB",
			  trace->name, counts->skipped);
	if (counts->overlaps == 0)
		return;
	tool_warn("%s: %" PRIu64 " maps left out because they overlap what is mapped", trace->name,
		  counts->overlaps);
	if (counts->overlaps * OVERLAP_SHARE > counts->maps)
		tool_warn("%s: it seems to mix two or more domains, which events do not name: "
			  "record one device at a time, see 'Traces of several devices' in "
			  "ebb-replay(1)",
			  trace->name);
}

/* ---- plot ------------------------------------------------------------------------------------ */

struct samples {
	size_t every, count; /* one sample for so many events */
	double *x;
	uint64_t *bytes[PLOT_STYLES]; /* the most in the events of each sample */
};

static int samples_init(struct samples *samples, const struct trace *trace)
{
	bool ok;

	*samples = (struct samples){ .every = (trace->count + SAMPLES_MAX - 1) / SAMPLES_MAX };
	samples->count = (trace->count + samples->every - 1) / samples->every;
	samples->x = calloc(samples->count, sizeof(*samples->x));
	ok = samples->x != NULL;
	for (unsigned i = 0; i < PLOT_STYLES; i++) {
		samples->bytes[i] = calloc(samples->count, sizeof(*samples->bytes[i]));
		ok = ok && samples->bytes[i] != NULL;
	}
	if (!ok)
		return tool_fail("not enough memory for a plot");
	for (size_t i = 0; i < samples->count; i++) {
		size_t last = (i + 1) * samples->every < trace->count ? (i + 1) * samples->every :
									trace->count;

		samples->x[i] = (double)last;
		if (trace->timed)
			samples->x[i] = ((double)trace->events[last - 1].time_ns -
					 (double)trace->events[0].time_ns) /
					1e9;
	}
	return TOOL_OK;
}

static void samples_fini(struct samples *samples)
{
	free(samples->x);
	for (unsigned i = 0; i < PLOT_STYLES; i++)
		free(samples->bytes[i]);
}

static void take_sample(const struct samples *samples, enum plot_style style, size_t event,
			uint64_t tables)
{
	uint64_t *bytes = &samples->bytes[style][event / samples->every];

	if (table_bytes(tables) > *bytes)
		*bytes = table_bytes(tables);
}

static int sample_policy(const struct replay *replay, const struct trace *trace,
			 const struct samples *samples, enum ebb_policy policy,
			 enum plot_style style)
{
	struct play_counts counts = { 0 };
	struct space space;
	int status = space_open(&space, policy, replay->levels);

	if (status != TOOL_OK)
		return status;
	for (size_t i = 0; i < trace->count && status == TOOL_OK; i++) {
		struct ebb_stats stats;

		status = play(&space, trace, i, i + 1, &counts);
		ebb_stats(&space.domain, &stats);
		take_sample(samples, style, i, stats.held);
	}
	space_close(&space);
	return status;
}

static int sample_needed(const struct replay *replay, const struct trace *trace,
			 const struct samples *samples)
{
	struct play_counts counts = { 0 };
	struct model *model = model_new(replay->levels);
	int status = TOOL_OK;
	uint64_t peak = 0;

	if (model == NULL)
		return tool_fail("not enough memory for a plot");
	for (size_t i = 0; i < trace->count && status == TOOL_OK; i++) {
		status = play_model(model, trace, i, i + 1, &counts, &peak);
		take_sample(samples, PLOT_NEEDED, i, model_tables(model));
	}
	model_free(model);
	return status;
}

static int draw(const struct replay *replay, const struct trace *trace, struct plot *plot,
		const struct samples *samples)
{
	static const enum plot_style styles[EBB_POLICIES] = {
		[EBB_NONE] = PLOT_NONE, [EBB_RWLOCK] = PLOT_RWLOCK, [EBB_DEFERRED] = PLOT_DEFERRED
	};
	const char *slash = strrchr(trace->name, '/');
	char title[512];
	struct plot_curve curves[PLOT_STYLES];
	struct plot_data data = {
		.title = title,
		.timed = trace->timed,
		.x = samples->x,
		.samples = samples->count,
		.curves = curves,
	};
	int status = sample_needed(replay, trace, samples);

	snprintf(title, sizeof(title), "memory of page tables during %s",
		 slash != NULL ? slash + 1 : trace->name);
	curves[data.ncurves++] =
		(struct plot_curve){ "lower bound", PLOT_NEEDED, samples->bytes[PLOT_NEEDED] };
	for (unsigned policy = 0; policy < EBB_POLICIES && status == TOOL_OK; policy++) {
		enum plot_style style = styles[policy];

		if ((replay->common.policies & (1u << policy)) == 0)
			continue;
		status = sample_policy(replay, trace, samples, policy, style);
		curves[data.ncurves++] =
			(struct plot_curve){ policy_name(policy), style, samples->bytes[style] };
	}
	if (status != TOOL_OK)
		return status;
	plot_memory(plot, &data);
	return plot_draw(plot);
}

static int plot_trace(const struct replay *replay, const struct trace *trace, struct plot *plot)
{
	struct samples samples;
	int status = samples_init(&samples, trace);

	if (status == TOOL_OK)
		status = draw(replay, trace, plot, &samples);
	samples_fini(&samples);
	return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int find_needed(const struct replay *replay, const struct trace *trace,
		       struct needed *needed)
{
	struct play_counts counts = { 0 };
	struct model *model = model_new(replay->levels);
	int status;

	if (model == NULL)
		return tool_fail("not enough memory to replay %s", trace->name);
	needed->peak_tables = model_tables(model);
	status = play_model(model, trace, 0, trace->count, &counts, &needed->peak_tables);
	needed->final_tables = model_tables(model);
	model_free(model);
	if (status == TOOL_OK)
		warn_about(trace, &counts);
	return status;
}

static int run_policy(const struct replay *replay, const struct trace *trace,
		      enum ebb_policy policy, struct replay_result *result)
{
	struct timespec start, end;
	struct space space;
	int status = space_open(&space, policy, replay->levels);

	if (status != TOOL_OK)
		return status;
	*result = (struct replay_result){ 0 };
	clock_gettime(CLOCK_MONOTONIC, &start);
	status = play(&space, trace, 0, trace->count, &result->counts);
	clock_gettime(CLOCK_MONOTONIC, &end);
	result->ns_per_event = ((double)(end.tv_sec - start.tv_sec) * 1e9 +
				(double)(end.tv_nsec - start.tv_nsec)) /
			       (double)trace->count;
	if (status == TOOL_OK)
		space_settle(&space, &result->stats, &result->rss_bytes);
	space_close(&space);
	return status;
}

static int replay_trace(const struct replay *replay, const struct trace *trace)
{
	struct report_table table = { columns, sizeof(columns) / sizeof(columns[0]), 0 };
	struct replay_result result;
	struct needed needed = { 0 };
	int status;

	if (!replay->common.json)
		print_summary(trace);
	status = find_needed(replay, trace, &needed);
	if (status == TOOL_OK && !replay->common.json)
		report_header(&table);
	for (unsigned policy = 0; policy < EBB_POLICIES && status == TOOL_OK; policy++) {
		if ((replay->common.policies & (1u << policy)) == 0)
			continue;
		status = run_policy(replay, trace, policy, &result);
		if (status == TOOL_OK && replay->common.json)
			status = print_json(trace, policy, &result, &needed);
		else if (status == TOOL_OK)
			print_row(policy, &result, &needed);
	}
	return status;
}

/* Loads and replays one trace, and draws it if there is a plot. */
static int run_trace(const struct replay *replay, const char *name, struct plot *plot)
{
	struct trace trace;
	int status = trace_load(&trace, name);

	if (status != TOOL_OK)
		return status;
	status = replay_trace(replay, &trace);
	if (status == TOOL_OK && plot != NULL)
		status = plot_trace(replay, &trace, plot);
	trace_unload(&trace);
	return status;
}

/* A trace that fails does not keep the others from being replayed. */
static int run(const struct replay *replay)
{
	struct plot plot;
	int status = TOOL_OK;

	if (replay->plot != NULL) {
		status = plot_open(&plot, replay->plot);
		if (status == TOOL_OK) {
			status = run_trace(replay, replay->traces[0], &plot);
			plot_close(&plot);
		}
		return status;
	}
	for (int i = 0; i < replay->ntraces; i++) {
		if (i > 0 && !replay->common.json)
			putchar('\n');
		if (run_trace(replay, replay->traces[i], NULL) != TOOL_OK)
			status = TOOL_FAILED;
	}
	return status;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct replay *replay = state->input;

	switch (key) {
	case OPTION_LEVELS:
		replay->levels = parse_levels(arg, state);
		return 0;
	case OPTION_PLOT:
		if (!plot_file_ok(arg))
			argp_error(state, "--plot draws FILE.svg or FILE.png, not '%s'", arg);
		replay->plot = arg;
		return 0;
	case ARGP_KEY_ARGS:
		replay->traces = state->argv + state->next;
		replay->ntraces = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a trace is missing; '-' stands for standard input");
		return 0;
	case ARGP_KEY_END:
		if (replay->plot != NULL && replay->ntraces > 1)
			argp_error(state, "--plot draws one trace, not %d", replay->ntraces);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &replay->common;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int replay_main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "levels", OPTION_LEVELS, "N", 0, "levels of the tree: 3, 4 or 5 (4)", 0 },
		{ "plot", OPTION_PLOT, "FILE", 0, "draw table memory over the trace (.svg, .png)",
		  0 },
		{ 0 },
	};
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "TRACE...",
		.doc = "Replays iommu:map and iommu:unmap events recorded by ftrace, trace-cmd or "
		       "perf.\v"
		       "A TRACE is text or a trace.dat, plain or compressed; '-' is standard "
		       "input. "
		       "All policies are run, one after another in fresh domains, unless --policy "
		       "names one.",
		.children = children,
	};
	struct replay replay = { .common.policies = (1u << EBB_POLICIES) - 1, .levels = 4 };

	if (argp_parse(&argp, argc, argv, 0, NULL, &replay) != 0)
		return TOOL_USAGE;
	return run(&replay);
}
