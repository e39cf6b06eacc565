/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* What the slices and rounds of a cell come to. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>

struct bench_sample bench_sum_up(const struct bench_slice *slices, unsigned threads,
				 unsigned nslices, unsigned slice_pairs,
				 struct bench_result *result)
{
	double ns = 0, instructions = 0, pairs;
	unsigned good = 0;

	for (unsigned s = 0; s < nslices; s++) {
		uint64_t started = UINT64_MAX, ended = 0, counted = 0;
		bool preempted = false, slept = false;

		for (unsigned t = 0; t < threads; t++) {
			const struct bench_slice *slice = &slices[t * BENCH_SLICES + s];

			started = slice->started < started ? slice->started : started;
			ended = slice->ended > ended ? slice->ended : ended;
			counted += slice->instructions;
			preempted = preempted || slice->preempted;
			slept = slept || slice->slept;
		}
		result->slices++;
		result->disturbed += preempted;
		result->waits += slept;
		if (preempted)
			continue;
		good++;
		ns += (double)(ended - started);
		instructions += (double)counted;
	}
	pairs = (double)good * slice_pairs;
	return (struct bench_sample){
		.ns = good != 0 ? ns / pairs : NAN,
		.instructions =
			good != 0 && instructions > 0 ? instructions / pairs / threads : NAN,
	};
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorts the values; those that are no numbers are to be left out before. */
static struct bench_spread spread_of(double *values, unsigned n)
{
	if (n == 0)
		return (struct bench_spread){ NAN, NAN, NAN, 0 };
	qsort(values, n, sizeof(*values), compare);
	return (struct bench_spread){
		.least = values[0],
		.median = (values[(n - 1) / 2] + values[n / 2]) / 2,
		.most = values[n - 1],
		.rounds = n,
	};
}

struct bench_spread bench_ns(const struct bench_cell *cell, const struct bench_result *result)
{
	double values[BENCH_ROUNDS_MAX];
	unsigned n = 0;

	for (unsigned r = 0; r < cell->rounds; r++)
		if (!isnan(result->samples[r].ns))
			values[n++] = result->samples[r].ns;
	return spread_of(values, n);
}

struct bench_spread bench_ratio(const struct bench_cell *cell, const struct bench_result *result,
				const struct bench_result *base)
{
	double values[BENCH_ROUNDS_MAX];
	unsigned n = 0;

	for (unsigned r = 0; r < cell->rounds; r++) {
		double ratio = result->samples[r].ns / base->samples[r].ns;

		if (!isnan(ratio))
			values[n++] = ratio;
	}
	return spread_of(values, n);
}

double bench_instructions(const struct bench_cell *cell, const struct bench_result *result)
{
	double values[BENCH_ROUNDS_MAX];
	unsigned n = 0;

	for (unsigned r = 0; r < cell->rounds; r++)
		if (!isnan(result->samples[r].instructions))
			values[n++] = result->samples[r].instructions;
	return spread_of(values, n).median;
}
