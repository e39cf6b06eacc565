/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "plot.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define MEMORY_HEIGHT 560u
#define LOG_RATIO     30u /* curves that differ by more than this are drawn on a logarithmic axis */

static bool has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text), suffix_len = strlen(suffix);

	return len > suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

bool plot_file_ok(const char *file)
{
	return has_suffix(file, ".svg") || has_suffix(file, ".png");
}

int plot_open(struct plot *plot, const char *file)
{
	*plot = (struct plot){ .file = file, .created = true };
	plot->fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (plot->fd < 0 && errno == EEXIST) {
		plot->created = false;
		plot->fd = open(file, O_WRONLY | O_CLOEXEC);
	}
	if (plot->fd < 0)
		return tool_fail("cannot write %s: %s", file, strerror(errno));
	plot->script = tmpfile();
	if (plot->script == NULL) {
		tool_fail("cannot make a temporary file: %s", strerror(errno));
		plot_close(plot);
		return TOOL_FAILED;
	}
	return TOOL_OK;
}

/* Runs gnuplot. Returns its exit status, 127 if there is no such program. */
static int run_gnuplot(const struct plot *plot)
{
	char name[] = "gnuplot";
	char *const argv[] = { name, NULL };
	posix_spawn_file_actions_t actions;
	pid_t child;
	int status, error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fileno(plot->script), STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, plot->fd, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	error = posix_spawnp(&child, name, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error != 0)
		return 127;
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

int plot_draw(struct plot *plot)
{
	int status;

	if (fflush(plot->script) != 0 || fseek(plot->script, 0, SEEK_SET) != 0 ||
	    ftruncate(plot->fd, 0) != 0)
		return tool_fail("cannot draw %s: %s", plot->file, strerror(errno));
	status = run_gnuplot(plot);
	if (status == 127)
		return tool_fail("cannot draw %s: gnuplot is not installed", plot->file);
	if (status != 0 || lseek(plot->fd, 0, SEEK_END) <= 0)
		return tool_fail("cannot draw %s: gnuplot failed", plot->file);
	plot->created = false; /* it stays */
	return TOOL_OK;
}

void plot_close(struct plot *plot)
{
	close(plot->fd);
	if (plot->script != NULL)
		fclose(plot->script);
	if (plot->created)
		unlink(plot->file);
}

static void plot_string(struct plot *plot, const char *text)
{
	putc('\'', plot->script);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\'')
			putc('\'', plot->script);
		putc(c < ' ' || c == 0x7f ? '?' : c, plot->script);
	}
	putc('\'', plot->script);
}

void plot_start(struct plot *plot, const char *title, unsigned height)
{
	if (has_suffix(plot->file, ".svg"))
		fprintf(plot->script,
			"set terminal svg size 1000,%u dynamic rounded font 'sans-serif,15' ",
			height);
	else
		fprintf(plot->script, "set terminal pngcairo size 1000,%u rounded font 'sans,12' ",
			height);
	fputs("enhanced background '#ffffff'\nset label 1 ", plot->script);
	plot_string(plot, title);
	fputs(" at screen 0.52,0.95 center noenhanced\n"
	      "set border 3 lc rgb '#606060'\nset tics nomirror out\n",
	      plot->script);
}

/* ---- table memory over a trace --------------------------------------------------------------- */

/*
 * Colours that people with any colour vision tell apart. The lower bound is a broad line below the
 * others.
 */
static const char *const curve_styles[PLOT_STYLES] = {
	[PLOT_NONE] = "lc rgb '#d55e00' lw 2.5 dt solid",
	[PLOT_RWLOCK] = "lc rgb '#0072b2' lw 2.5 dt (14,6)",
	[PLOT_DEFERRED] = "lc rgb '#000000' lw 2.5 dt (3,5)",
	[PLOT_NEEDED] = "lc rgb '#b8b8b8' lw 8 dt solid",
};

struct range {
	uint64_t least, most; /* of all curves */
};

static struct range range_of(const struct plot_data *data)
{
	struct range range = { UINT64_MAX, 0 };

	for (size_t c = 0; c < data->ncurves; c++) {
		for (size_t i = 0; i < data->samples; i++) {
			uint64_t bytes = data->curves[c].bytes[i];

			range.least = bytes < range.least ? bytes : range.least;
			range.most = bytes > range.most ? bytes : range.most;
		}
	}
	return range;
}

static void write_axes(struct plot *plot, const struct plot_data *data, const struct range *range,
		       double unit)
{
	FILE *script = plot->script;
	bool logarithmic = range->most / LOG_RATIO > range->least;
	static const char *const names[] = { "KiB", "MiB", "GiB" };
	const char *name = names[unit > (double)KIB ? (unit > (double)MIB ? 2 : 1) : 0];

	plot_start(plot, data->title, MEMORY_HEIGHT);
	fprintf(script, "set ylabel 'memory of page tables (%s%s)'\n", name,
		logarithmic ? ", logarithmic" : "");
	fprintf(script, "set xlabel '%s'\n",
		data->timed ? "time since the first event (s)" : "events");
	fputs("set key at screen 0.52,0.92 center top horizontal maxrows 1 width 0 samplen 4\n"
	      "set grid ytics lc rgb '#e4e4e4' lt 1\n"
	      "set format x '%.12g'\nset format y '%.12g'\n"
	      "set rmargin 6\nset tmargin 4.5\n",
	      script);
	fprintf(script, "set xrange [%.17g:%.17g]\n", data->x[0] > 0 ? 0 : data->x[0],
		data->x[data->samples - 1] > 0 ? data->x[data->samples - 1] : 1);
	if (logarithmic)
		fprintf(script, "set logscale y\nset yrange [%.6g:%.6g]\n",
			(double)range->least / unit / 2, (double)range->most / unit * 2);
	else
		fprintf(script, "set yrange [0:%.6g]\n", (double)range->most / unit * 1.15);
}

void plot_memory(struct plot *plot, const struct plot_data *data)
{
	struct range range = range_of(data);
	double unit = (double)(range.most < 4 * MIB ? KIB : range.most < 4 * GIB ? MIB : GIB);
	FILE *script = plot->script;

	fputs("$data << EOD\n", script);
	for (size_t i = 0; i < data->samples; i++) {
		fprintf(script, "%.17g", data->x[i]);
		for (size_t c = 0; c < data->ncurves; c++)
			fprintf(script, " %.8g", (double)data->curves[c].bytes[i] / unit);
		putc('\n', script);
	}
	fputs("EOD\n", script);
	write_axes(plot, data, &range, unit);
	fputs("plot ", script);
	for (size_t c = 0; c < data->ncurves; c++) {
		fprintf(script, "$data using 1:%zu with fsteps %s title ", c + 2,
			curve_styles[data->curves[c].style]);
		plot_string(plot, data->curves[c].name);
		fputs(c + 1 < data->ncurves ? ", " : "\n", script);
	}
}
