/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "fit.h"
#include "memory.h"
#include "report.h"
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>

#define MARGIN (16 * MIB) /* for everything that is not a table */

static uint64_t bytes_needed(const struct sweep *sweep)
{
	return sweep_tables(sweep) * TABLE_COST + MARGIN;
}

/*
 * The largest number of whole steps, as an IOVA space, whose tables fit into `bytes`. 0 if not one
 * does.
 */
static uint64_t largest_total(struct sweep sweep, uint64_t bytes)
{
	uint64_t fits = 0, too_many = sweep_pairs(&sweep);

	while (too_many - fits > 1) {
		uint64_t pairs = fits + (too_many - fits) / 2;

		sweep.total = pairs * sweep.step;
		if (bytes_needed(&sweep) <= bytes)
			fits = pairs;
		else
			too_many = pairs;
	}
	return fits * sweep.step;
}

static int refuse(const struct sweep *sweep, uint64_t limit, const char *whose)
{
	char need_text[BYTES_TEXT], limit_text[BYTES_TEXT], fits_text[96] = "";
	uint64_t fits = largest_total(*sweep, limit);

	/* Rounded down, so that what is printed does fit. */
	if (fits >= TIB / 1000)
		snprintf(fits_text, sizeof(fits_text),
			 "; the largest that fits is -s %" PRIu64 ".%03" PRIu64, fits / TIB,
			 fits % TIB * 1000 / TIB);
	else if (fits >= MIB)
		snprintf(fits_text, sizeof(fits_text), "; the largest that fits is -s %" PRIu64 "M",
			 fits / MIB);
	return tool_fail("policy none needs %s of memory for this sweep, and %s is %s%s",
			 bytes_text(need_text, bytes_needed(sweep)), bytes_text(limit_text, limit),
			 whose, fits_text);
}

/* Only policy none keeps what it has ever allocated; the others stay within some hundred tables. */
int sweep_fits(const struct sweep *sweep, unsigned policies)
{
	uint64_t need = bytes_needed(sweep), available = memory_available();

	if ((policies & (1u << EBB_NONE)) == 0)
		return TOOL_OK;
	if (need <= available && need <= EBB_HOSTED_BYTES_MAX)
		return TOOL_OK;
	if (available <= EBB_HOSTED_BYTES_MAX)
		return refuse(sweep, available, "what is available");
	return refuse(sweep, EBB_HOSTED_BYTES_MAX, "the most that one domain can have here");
}
