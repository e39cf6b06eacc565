/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef SCALING_LINE_H
#define SCALING_LINE_H
/*
 * The directory's view of one cache line. Caches are endless: a line leaves one only because
 * another caller writes to it. So every transfer is one of coherence; what a caller meets for the
 * first time, or what has only been read since, is not.
 */
#include <stdbool.h>
#include <stdint.h>

#define SIM_CALLERS_MAX 128u

struct line {
	uint64_t holders[SIM_CALLERS_MAX / 64]; /* who has a valid copy */
	uint64_t losers[SIM_CALLERS_MAX / 64]; /* who had one, until another wrote */
	bool modified; /* by the one holder */
};

/*
 * Each returns whether the line had to come, or the right to write it, from another caller: a read
 * of what another modified, or has written since the reader's last copy; a write while another has
 * a copy, or has written since the writer's.
 */
bool line_read(struct line *line, unsigned caller);
bool line_write(struct line *line, unsigned caller);

#endif
