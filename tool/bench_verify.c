/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Before an engine is timed: does it do what it is timed for? A random sequence of maps and unmaps
 * of all sizes, held against the model (which call fails, how many tables are needed at least) and
 * against an array that says for each page what it translates to.
 */
#include "bench.h"
#include "model.h"
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAGE_LG2 12u
#define PAGE	 ((uint64_t)1 << PAGE_LG2)
#define FIRST	 (510 * GIB) /* a border of 512 GiB is inside */
#define PAGES	 (4 * GIB / PAGE)
#define STEPS	 4000u
#define LIVE_MAX 256u
#define LOOKS	 4u /* at other pages than the ones just mapped or unmapped */

struct range {
	uint64_t iova, len;
};

struct trial {
	const struct bench_engine *engine;
	struct model *model;
	void *domain, *caller;
	uint64_t random;
	uint64_t *pa; /* of each page, | 1; 0: not mapped */
	struct range live[LIVE_MAX];
	unsigned nlive;
	uint64_t tables; /* needed at most */
};

static uint64_t draw(struct trial *trial, uint64_t below)
{
	trial->random = trial->random * 6364136223846793005 + 1442695040888963407;
	return (trial->random >> 33) % below;
}

/* Does the engine translate the page as it should? */
static int look(struct trial *trial, uint64_t iova)
{
	uint64_t offset = draw(trial, PAGE), pa = 0, want = trial->pa[(iova - FIRST) >> PAGE_LG2];
	int error = trial->engine->translate(trial->caller, iova + offset, &pa);

	if (want == 0 ? error == EBB_ERR_NOT_MAPPED : error == EBB_OK && pa == want - 1 + offset)
		return TOOL_OK;
	return tool_fail("%s is wrong: %#" PRIx64 " is mapped to %#" PRIx64
			 " (%s), the model says %#" PRIx64 " (%s)",
			 trial->engine->name, iova + offset, pa, ebb_strerror(error),
			 want == 0 ? 0 : want - 1 + offset, want == 0 ? "not mapped" : "success");
}

static int look_around(struct trial *trial, const struct range *range)
{
	int status = look(trial, range->iova);

	if (status == TOOL_OK)
		status = look(trial, range->iova + range->len - PAGE);
	if (status == TOOL_OK)
		status = look(trial, range->iova + draw(trial, range->len / PAGE) * PAGE);
	for (unsigned i = 0; i < LOOKS && status == TOOL_OK; i++)
		status = look(trial, FIRST + draw(trial, PAGES) * PAGE);
	return status;
}

static int compare_results(const struct trial *trial, const char *what, const struct range *range,
			   int error, int want)
{
	if (error == want)
		return TOOL_OK;
	return tool_fail("%s is wrong: %s of %#" PRIx64 ", %" PRIu64
			 " bytes: '%s', the model says '%s'",
			 trial->engine->name, what, range->iova, range->len, ebb_strerror(error),
			 ebb_strerror(want));
}

static void note(struct trial *trial, const struct range *range, uint64_t pa, bool mapped)
{
	uint64_t page = (range->iova - FIRST) >> PAGE_LG2, n = range->len >> PAGE_LG2;

	for (uint64_t i = 0; i < n; i++)
		trial->pa[page + i] = mapped ? (pa + i * PAGE) | 1 : 0;
}

/* Mostly runs of 4 KiB or 2 MiB, of more than a table now and then; sometimes 1 GiB. */
static struct range draw_range(struct trial *trial)
{
	uint64_t kind = draw(trial, 32);
	uint64_t unit = kind == 0 ? GIB : kind < 8 ? 2 * MIB : PAGE;
	uint64_t units = PAGES * PAGE / unit, at = draw(trial, units), n = 1;

	if (unit != GIB && draw(trial, 2) == 0)
		n += draw(trial, unit == PAGE ? 600 : 40);
	n = n < units - at ? n : units - at;
	return (struct range){ FIRST + at * unit, n * unit };
}

static int try_map(struct trial *trial)
{
	struct range range = draw_range(trial);
	uint64_t pa = draw(trial, 1u << 12) * GIB;
	int error, want, status;

	/*
	 * Large pages where the output address has the IOVA's place in them, small ones elsewhere.
	 */
	pa += draw(trial, 2) == 0 ? range.iova % GIB : draw(trial, 512) * PAGE;
	want = model_map(trial->model, range.iova, pa, range.len);
	if (want == EBB_ERR_NO_MEMORY)
		return tool_fail("not enough memory for the model");
	error = trial->engine->map(trial->caller, range.iova, pa, range.len);
	status = compare_results(trial, "map", &range, error, want);
	if (status != TOOL_OK)
		return status;
	if (want == EBB_OK) {
		trial->live[trial->nlive++] = range;
		note(trial, &range, pa, true);
	}
	if (model_tables(trial->model) > trial->tables)
		trial->tables = model_tables(trial->model);
	return look_around(trial, &range);
}

static int try_unmap(struct trial *trial)
{
	unsigned i = (unsigned)draw(trial, trial->nlive);
	struct range range = trial->live[i];
	int want = model_unmap(trial->model, range.iova, range.len);
	int error = trial->engine->unmap(trial->caller, range.iova, range.len);
	int status = compare_results(trial, "unmap", &range, error, want);

	if (status != TOOL_OK)
		return status;
	trial->engine->sync(trial->caller);
	trial->live[i] = trial->live[--trial->nlive];
	note(trial, &range, 0, false);
	return look_around(trial, &range);
}

static int try_steps(struct trial *trial)
{
	int status = TOOL_OK;

	for (unsigned step = 0; step < STEPS && status == TOOL_OK; step++) {
		bool full = trial->nlive == LIVE_MAX;

		if (trial->nlive > 0 && (full || draw(trial, 100) < 45))
			status = try_unmap(trial);
		else
			status = try_map(trial);
	}
	while (trial->nlive > 0 && status == TOOL_OK)
		status = try_unmap(trial);
	for (uint64_t page = 0; page < PAGES && status == TOOL_OK; page += 1 + draw(trial, 15))
		status = look(trial, FIRST + page * PAGE);
	return status;
}

static int check_tables(const struct trial *trial, struct bench_pages *pages)
{
	struct bench_tables tables = { 0, 0 };
	uint64_t peak;

	trial->engine->settle(trial->domain, &tables);
	peak = tables.peak != 0 ? tables.peak : (uint64_t)bench_pages_count(pages).peak;
	if (peak >= trial->tables)
		return TOOL_OK;
	return tool_fail("%s says that it had %" PRIu64 " tables, but %" PRIu64 " were needed",
			 trial->engine->name, peak, trial->tables);
}

static int run_trial(struct trial *trial, struct bench_pages *pages)
{
	struct ebb_platform platform = bench_pages_platform(pages);
	int status;

	bench_pages_reset(pages);
	trial->domain = trial->engine->domain_open(trial->engine, &platform);
	if (trial->domain == NULL)
		return tool_fail("cannot make a domain of %s", trial->engine->name);
	trial->caller = trial->engine->caller_open(trial->domain);
	if (trial->caller != NULL) {
		status = try_steps(trial);
		trial->engine->caller_close(trial->caller);
	} else {
		status = tool_fail("not enough memory for a caller of %s", trial->engine->name);
	}
	if (status == TOOL_OK)
		status = check_tables(trial, pages);
	trial->engine->domain_close(trial->domain);
	return status;
}

int bench_verify(const struct bench_engine *engine, struct bench_pages *pages)
{
	struct trial trial = { .engine = engine, .random = 1 };
	int status;

	trial.model = model_new(BENCH_LEVELS);
	trial.pa = calloc(PAGES, sizeof(*trial.pa));
	if (trial.model != NULL && trial.pa != NULL)
		status = run_trial(&trial, pages);
	else
		status = tool_fail("not enough memory for the model");
	free(trial.pa);
	model_free(trial.model);
	return status;
}
