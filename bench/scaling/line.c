/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "line.h"

static bool has(const uint64_t *set, unsigned caller)
{
	return set[caller / 64] >> caller % 64 & 1;
}

static void put(uint64_t *set, unsigned caller)
{
	set[caller / 64] |= 1ull << caller % 64;
}

static void drop(uint64_t *set, unsigned caller)
{
	set[caller / 64] &= ~(1ull << caller % 64);
}

bool line_read(struct line *line, unsigned caller)
{
	bool transfer;

	if (has(line->holders, caller))
		return false;
	transfer = line->modified || has(line->losers, caller);
	line->modified = false;
	put(line->holders, caller);
	drop(line->losers, caller);
	return transfer;
}

bool line_write(struct line *line, unsigned caller)
{
	bool transfer = has(line->losers, caller);

	drop(line->holders, caller);
	for (unsigned i = 0; i < SIM_CALLERS_MAX / 64; i++) {
		transfer |= line->holders[i] != 0;
		line->losers[i] |= line->holders[i];
		line->holders[i] = 0;
	}
	put(line->holders, caller);
	drop(line->losers, caller);
	line->modified = true;
	return transfer;
}
