/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_PLOT_H
#define EBB_TOOL_PLOT_H
/*
 * Pictures, drawn by gnuplot. The file is opened before the work starts, so that one that cannot be
 * written is found out at once, and is removed again if there is no picture in the end.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct plot {
	const char *file;
	int fd;
	bool created; /* there was no such file before */
	FILE *script; /* what gnuplot is going to read */
};

/* Can this file hold a picture? It has to end in .svg or .png. */
bool plot_file_ok(const char *file);

/* Both return an enum tool_exit; on failure a message was printed. */
int plot_open(struct plot *plot, const char *file);
int plot_draw(struct plot *plot);

/* After plot_open(), drawn or not. */
void plot_close(struct plot *plot);

/*
 * What every script starts with. The height is in pixels; bytes of the title that cannot be shown
 * become '?'.
 */
void plot_start(struct plot *plot, const char *title, unsigned height);

/* ---- table memory over a trace --------------------------------------------------------------- */

enum plot_style { /* one per curve; told apart by colour and by dashes */
	PLOT_NONE,
	PLOT_RWLOCK,
	PLOT_DEFERRED,
	PLOT_NEEDED,
	PLOT_STYLES,
};

struct plot_curve {
	const char *name;
	enum plot_style style;
	const uint64_t *bytes;
};

struct plot_data {
	const char *title;
	bool timed; /* x is in seconds, else in events */
	const double *x;
	size_t samples;
	const struct plot_curve *curves; /* the first is drawn first, below the others */
	size_t ncurves;
};

void plot_memory(struct plot *plot, const struct plot_data *data);

#endif
