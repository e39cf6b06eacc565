/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * ebb stress: one page mapped and unmapped at every step through the IOVA space, under each policy
 * in turn.
 */
#include "fit.h"
#include "report.h"
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>

#define THREADS_MAX 1024u

struct stress {
	struct common_options common;
	struct sweep sweep;
	bool classic, verbose;
};

struct stress_result {
	struct sweep_result sweep;
	struct ebb_stats stats;
	uint64_t rss_bytes;
};

/* ---- results --------------------------------------------------------------------------------- */

static const struct report_column columns[] = {
	{ "policy", -8 },   { "pairs", 10 },	{ "time", 9 },	    { "ns/pair", 8 },
	{ "peak", 10 },	    { "final", 10 },	{ "resident", 10 }, { "freed", 10 },
	{ "leaf inv", 10 }, { "wide inv", 10 },
};

static void print_row(const struct stress *stress, enum ebb_policy policy,
		      const struct stress_result *result)
{
	struct report_table table = { columns, sizeof(columns) / sizeof(columns[0]), 0 };
	const struct ebb_stats *stats = &result->stats;

	report_cell(&table, "%s", policy_name(policy));
	report_count(&table, sweep_pairs(&stress->sweep));
	report_cell(&table, "%.3f s", result->sweep.seconds);
	report_cell(&table, "%.1f", result->sweep.ns_per_pair);
	report_bytes(&table, table_bytes(stats->held_peak));
	report_bytes(&table, table_bytes(stats->held));
	report_bytes(&table, result->rss_bytes);
	report_count(&table, stats->freed);
	report_count(&table, stats->leaf_invalidations);
	report_count(&table, stats->wide_invalidations);
}

static void print_details(const struct stress *stress, const struct ebb_stats *stats)
{
	char text[BYTES_TEXT];

	printf("         tables left, from level %u down to 0:", sweep_levels(&stress->sweep) - 1);
	for (unsigned level = sweep_levels(&stress->sweep); level-- > 0;)
		printf(" %" PRIu64, stats->live[level]);
	printf("\n         spare tables: %s; candidates: %" PRIu64 "\n",
	       bytes_text(text, table_bytes(stats->pooled)), stats->candidates);
	printf("         frozen: %" PRIu64 ", found empty: %" PRIu64 ", thawed: %" PRIu64
	       ", revived: %" PRIu64 "\n",
	       stats->frozen, stats->dead, stats->thawed, stats->revived);
}

/*
 * "4K", "1T": as the tool of 2023 wrote sizes; what does not come out even is written in the next
 * unit down.
 */
static const char *classic_size(char text[BYTES_TEXT], uint64_t bytes)
{
	static const char units[] = "KMGTP";
	unsigned unit = 0;

	for (bytes /= KIB; bytes % 1024 == 0 && units[unit + 1] != '\0'; bytes /= 1024)
		unit++;
	snprintf(text, BYTES_TEXT, "%" PRIu64 "%c", bytes, units[unit]);
	return text;
}

static void print_classic(const struct stress *stress, enum ebb_policy policy,
			  const struct stress_result *result)
{
	char size[BYTES_TEXT], total[BYTES_TEXT];

	if ((stress->common.policies & (stress->common.policies - 1)) != 0)
		printf("%s: ", policy_name(policy));
	printf("dma_size: %s iova space: %s iommu: ~ %" PRIu64 "M time: %.3fs\n",
	       classic_size(size, stress->sweep.size), classic_size(total, stress->sweep.total),
	       table_bytes(result->stats.held_peak) / MIB, result->sweep.seconds);
	fflush(stdout);
}

static int print_json(const struct stress *stress, enum ebb_policy policy,
		      const struct stress_result *result)
{
	cJSON *object = json_object("stress", policy_name(policy));
	const struct ebb_stats *stats = &result->stats;

	json_text(object, "pattern", "sweep");
	json_count(object, "threads", stress->sweep.threads);
	json_count(object, "pairs", sweep_pairs(&stress->sweep));
	json_ns(object, "ns_per_pair", result->sweep.ns_per_pair);
	json_count(object, "peak_table_bytes", table_bytes(stats->held_peak));
	json_count(object, "final_table_bytes", table_bytes(stats->held));
	json_count(object, "pooled_bytes", table_bytes(stats->pooled));
	json_count(object, "rss_bytes", result->rss_bytes);
	json_count(object, "tables_freed", stats->freed);
	json_count(object, "leaf_invalidations", stats->leaf_invalidations);
	json_count(object, "wide_invalidations", stats->wide_invalidations);
	return json_print(object);
}

static int print_result(const struct stress *stress, enum ebb_policy policy,
			const struct stress_result *result)
{
	if (stress->common.json)
		return print_json(stress, policy, result);
	if (stress->classic)
		print_classic(stress, policy, result);
	else
		print_row(stress, policy, result);
	if (stress->verbose)
		print_details(stress, &result->stats);
	return TOOL_OK;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int run_policy(const struct stress *stress, enum ebb_policy policy)
{
	struct stress_result result;
	struct space space;
	int status = space_open(&space, policy, sweep_levels(&stress->sweep));

	if (status != TOOL_OK)
		return status;
	status = sweep_run(&space, &stress->sweep, policy_name(policy), &result.sweep);
	if (status == TOOL_OK) {
		space_settle(&space, &result.stats, &result.rss_bytes);
		status = print_result(stress, policy, &result);
	}
	space_close(&space);
	return status;
}

static int run(const struct stress *stress)
{
	struct report_table table = { columns, sizeof(columns) / sizeof(columns[0]), 0 };
	int status = sweep_fits(&stress->sweep, stress->common.policies);

	if (status == TOOL_OK && !stress->common.json && !stress->classic)
		report_header(&table);
	for (unsigned policy = 0; policy < EBB_POLICIES && status == TOOL_OK; policy++)
		if ((stress->common.policies & (1u << policy)) != 0)
			status = run_policy(stress, policy);
	return status;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct stress *stress = state->input;
	uint64_t threads = 0;

	switch (key) {
	case OPTION_THREADS:
		if (!parse_number(arg, THREADS_MAX, &threads) || threads == 0)
			argp_error(state, "--threads takes a number from 1 to %u, not '%s'",
				   THREADS_MAX, arg);
		stress->sweep.threads = (unsigned)threads;
		return 0;
	case OPTION_CLASSIC:
		stress->classic = true;
		return 0;
	case 'v':
		stress->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &stress->sweep;
		state->child_inputs[1] = &stress->common;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int stress_main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "threads", OPTION_THREADS, "N", 0,
		  "threads, each with its own part of the space (1)", 0 },
		{ "classic", OPTION_CLASSIC, NULL, 0,
		  "print one line in the form of the tool of 2023", 0 },
		{ "verbose", 'v', NULL, 0, "print more about each run", 0 },
		{ 0 },
	};
	static const struct argp_child children[] = {
		{ &sweep_argp, 0, NULL, 0 },
		{ &common_argp, 0, NULL, 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Maps and unmaps one page at every step through the IOVA space, synced each "
		       "time.\v"
		       "All policies are run, one after another in fresh domains, unless --policy "
		       "names one.",
		.children = children,
	};
	struct stress stress = {
		.common.policies = (1u << EBB_POLICIES) - 1,
		.sweep = { .total = TIB, .step = 2 * MIB, .size = 4 * KIB, .threads = 1 },
	};

	if (argp_parse(&argp, argc, argv, 0, NULL, &stress) != 0)
		return TOOL_USAGE;
	return run(&stress);
}
