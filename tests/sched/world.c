/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <ebb_hot.h>
#include "world.h"

static char text[4608]; /* of the first fault of a run */

#define EXPECT(condition)                       \
	do {                                    \
		if (!(condition))               \
			sched_fail(#condition); \
	} while (0)

/* Only noted: the device's lock is free again, but its caller's state is not ours to leave. */
static void on_fault(void *arg, const struct soft_report *report)
{
	(void)arg;
	snprintf(text, sizeof(text), "%s (IOVA %#" PRIx64 ", table %#" PRIx64 ")\n%s", report->text,
		 report->iova, report->table_pa, report->details);
}

static void check_device(struct world *w)
{
	if (soft_fault_text(w->device))
		sched_fail(text);
}

/* A caller whose invalidation is not complete. Outside of a run nobody else would complete it. */
static void wait_for_device(void *arg)
{
	struct world *w = arg;

	if (sched_current() == SCHED_NOBODY)
		soft_step(w->device);
	else
		sched_wait_for_device();
}

static unsigned own(void)
{
	return sched_current() == SCHED_NOBODY ? SCHED_CALLERS : sched_current();
}

struct ebb_gather *world_gather(struct world *w)
{
	return &w->gathers[own()];
}

/* ---- life ---- */

void world_reset(struct world *w)
{
	sched_reset();
	sched_watch(w, sizeof(*w));
	sched_watch(sched_descs, sizeof(sched_descs));
	/* Tables held and pooled: statistics, and limits that no scene comes near. */
	sched_ignore(&w->domain.held);
	sched_ignore(&w->domain.held_peak);
	sched_ignore(&w->domain.pooled);
}

void world_open(struct world *w, const struct ebb_config *config, unsigned callers)
{
	struct ebb_platform inner = sched_platform(), platform;
	struct soft_config soft = {
		.format = config->format,
		.levels = config->levels,
		.flags = config->flags,
		.completion = SOFT_STEPS,
		.wait = wait_for_device,
		.on_fault = on_fault,
		.arg = w,
		.unlinks_first = config->policy == EBB_RWLOCK,
	};

	memset(w, 0, sizeof(*w));
	text[0] = '\0';
	sched_begin();
	w->config = *config;
	w->aperture = 1ull << (12 + 9 * config->levels);
	w->device = soft_create(&inner, &soft);
	platform = soft_platform(w->device);
	EXPECT(ebb_domain_init(&w->domain, config, &platform) == EBB_OK);
	soft_attach(w->device, ebb_root_pa(&w->domain));
	soft_expect_unmapped(w->device, 0, w->aperture);
	for (unsigned n = 0; n < callers; n++)
		ebb_gather_init(&w->gathers[n], &w->domain);
	ebb_gather_init(&w->gathers[SCHED_CALLERS], &w->domain);
}

void world_forget(struct world *w)
{
	struct ebb_gather *g = &w->gathers[SCHED_CALLERS];

	g->recent[0] = g->recent[1] = ~0ull;
}

static const char *root_alone(struct world *w)
{
	struct ebb_stats stats;

	ebb_stats(&w->domain, &stats);
	for (unsigned l = 0; l + 1 < w->config.levels; l++)
		if (stats.live[l])
			return "an empty table was forgotten";
	if (stats.candidates)
		return "a candidate was left";
	if (stats.held != 1)
		return "more tables are held than are linked";
	if (stats.held + stats.pooled != sched_tables_out() - soft_quarantined(w->device))
		return "the accounts of tables differ from the platform's";
	return NULL;
}

static bool spares_clean(struct world *w, struct ebb_table *t)
{
	for (; t; t = ebb_hot_desc(t)->next)
		if (!soft_is_clean(w->device, t))
			return false;
	return true;
}

static const char *check(struct world *w, unsigned callers)
{
	const char *wrong;
	bool clean = spares_clean(w, w->domain.pool);

	for (unsigned n = 0; n < callers; n++)
		clean = clean && spares_clean(w, w->gathers[n].spare);
	if (!clean || !spares_clean(w, w->gathers[SCHED_CALLERS].spare))
		return "a spare table is not zero";

	if (soft_fault_text(w->device))
		return text;
	if (ebb_check(&w->domain, NULL, NULL))
		return "ebb_check() found a violation";
	wrong = root_alone(w);
	return wrong ? wrong : soft_stale(w->device);
}

const char *world_close(struct world *w, unsigned callers)
{
	struct ebb_gather *g = &w->gathers[SCHED_CALLERS];
	const char *wrong;

	if (w->config.policy == EBB_NONE)
		ebb_unmap(g, EBB_IOVA(0), w->aperture, NULL);
	/* Who has synced what he unmapped need not sync once more for his tables to be found. */
	for (unsigned n = 0; n < callers; n++)
		if (w->npending[n])
			ebb_sync(&w->gathers[n]);
	ebb_reclaim(g, UINT_MAX);
	wrong = check(w, callers);
	if (wrong)
		goto out;
	for (unsigned n = 0; n < callers; n++)
		ebb_gather_fini(&w->gathers[n]);
	ebb_trim(g);
	ebb_gather_fini(g);
	soft_detach(w->device);
	ebb_domain_destroy(&w->domain);
	if (sched_tables_out() != soft_quarantined(w->device))
		wrong = "a table did not go back to the platform";
out:
	soft_destroy(w->device);
	return wrong ? wrong : text[0] ? text : NULL;
}

/* ---- calls ---- */

void world_check_mapped(struct world *w, uint64_t iova, uint64_t pa)
{
	struct ebb_mapping m = { { 0 }, 0, 0 };

	EXPECT(ebb_translate(&w->domain, EBB_IOVA(iova), &m) == EBB_OK);
	EXPECT(m.pa.v == pa);
	world_dma(w, iova, SOFT_PROBE);
}

int world_map(struct world *w, uint64_t iova, uint64_t pa, uint64_t len)
{
	int error;

	soft_expect_any(w->device, iova, len);
	error = ebb_map(world_gather(w), EBB_IOVA(iova), EBB_PA(pa), len, RW);
	if (error) {
		soft_expect_unmapped(w->device, iova, len);
		check_device(w);
		return error;
	}
	sched_fence(); /* the device is told to begin */
	soft_expect_mapped(w->device, iova, pa, len, RW);
	world_check_mapped(w, iova, pa);
	world_check_mapped(w, iova + len - PAGE, pa + len - PAGE);
	return EBB_OK;
}

void world_must_map(struct world *w, uint64_t iova, uint64_t pa, uint64_t len)
{
	EXPECT(world_map(w, iova, pa, len) == EBB_OK);
}

int world_unmap_part(struct world *w, struct world_range part, struct world_range taken,
		     uint64_t *unmapped)
{
	unsigned n = own();
	int error;

	if (w->npending[n] == WORLD_PENDING)
		world_sync(w);
	soft_expect_any(w->device, taken.iova, taken.len);
	error = ebb_unmap(world_gather(w), EBB_IOVA(part.iova), part.len, unmapped);
	if (!error)
		w->pending[n][w->npending[n]++] = taken;
	check_device(w);
	return error;
}

int world_unmap(struct world *w, uint64_t iova, uint64_t len)
{
	struct world_range r = { iova, len };

	return world_unmap_part(w, r, r, NULL);
}

void world_sync(struct world *w)
{
	unsigned n = own();

	EXPECT(ebb_sync(world_gather(w)) >= 0);
	for (unsigned i = 0; i < w->npending[n]; i++) {
		const struct world_range *r = &w->pending[n][i];
		struct ebb_mapping m;

		soft_expect_unmapped(w->device, r->iova, r->len);
		EXPECT(ebb_translate(&w->domain, EBB_IOVA(r->iova), &m) == EBB_ERR_NOT_MAPPED);
		world_dma(w, r->iova, SOFT_PROBE);
		world_dma(w, r->iova + r->len - PAGE, SOFT_PROBE);
	}
	w->npending[n] = 0;
	check_device(w);
}

void world_unmap_sync(struct world *w, uint64_t iova, uint64_t len)
{
	EXPECT(world_unmap(w, iova, len) == EBB_OK);
	world_sync(w);
}

void world_reclaim(struct world *w, unsigned budget)
{
	EXPECT(ebb_reclaim(world_gather(w), budget) >= 0);
	check_device(w);
}

void world_dma(struct world *w, uint64_t iova, enum soft_access access)
{
	struct soft_walk walk;

	soft_dma(w->device, iova, access, &walk);
	check_device(w);
}
