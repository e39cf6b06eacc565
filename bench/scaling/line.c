/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "line.h"

static bool holds(const struct line *line, unsigned caller)
{
	return line->holders[caller / 64] >> caller % 64 & 1;
}

/* Whether anyone else has a copy. */
static bool others_hold(const struct line *line, unsigned caller)
{
	uint64_t others = 0;

	for (unsigned i = 0; i < SIM_CALLERS_MAX / 64; i++)
		others |= line->holders[i] & ~(i == caller / 64 ? 1ull << caller % 64 : 0);
	return others != 0;
}

bool line_read(struct line *line, unsigned caller)
{
	bool had = holds(line, caller);

	line->holders[caller / 64] |= 1ull << caller % 64;
	return !had && line->writer != 0;
}

bool line_write(struct line *line, unsigned caller)
{
	bool transfer = others_hold(line, caller);

	for (unsigned i = 0; i < SIM_CALLERS_MAX / 64; i++)
		line->holders[i] = 0;
	line->holders[caller / 64] = 1ull << caller % 64;
	line->writer = caller + 1;
	return transfer;
}
