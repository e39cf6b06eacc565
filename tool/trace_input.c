/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* Bytes of a trace from a file, standard input or memory; libarchive undoes the compression. */
#include "trace_private.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct trace_input {
	struct archive *archive;
	int fd; /* -1: memory */
	bool own_fd;
	bool failed, ended;
	bool read_failed; /* the system failed, not the decompression */
	struct sigaction old_interrupt; /* in force while standard input is read */
	char error[160];
	char buffer[65536];
};

/*
 * Control-C ends a recording that comes through a pipe (`cat trace_pipe | ebb replay -`): it
 * interrupts the read, and what came before it is the trace. A second one ends the program.
 */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void set_error(struct trace_input *in, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void set_error(struct trace_input *in, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(in->error, sizeof(in->error), format, args);
	va_end(args);
	in->failed = true;
}

/*
 * libarchive's read callback. It never seeks, and returns what a pipe has as soon as it has
 * something.
 */
static la_ssize_t read_block(struct archive *archive, void *data, const void **block)
{
	struct trace_input *in = data;
	ssize_t got;

	do {
		got = interrupted ? 0 : read(in->fd, in->buffer, sizeof(in->buffer));
	} while (got < 0 && errno == EINTR);
	in->read_failed = got < 0;
	if (in->read_failed)
		archive_set_error(archive, errno, "%s", strerror(errno));
	*block = in->buffer;
	return got;
}

/* Compressions that libarchive undoes by itself, without running programs. */
static void support_filters(struct archive *archive)
{
	archive_read_support_filter_gzip(archive);
	archive_read_support_filter_bzip2(archive);
	archive_read_support_filter_xz(archive);
	archive_read_support_filter_lzma(archive);
	archive_read_support_filter_zstd(archive);
	archive_read_support_filter_lz4(archive);
	archive_read_support_format_raw(archive);
	archive_read_support_format_empty(archive);
}

static void archive_failure(struct trace_input *in)
{
	const char *reason = archive_error_string(in->archive);
	const char *hint = in->read_failed ? "" : " (the compressed data is truncated or damaged)";

	set_error(in, "cannot be read: %s%s", reason != NULL ? reason : "unknown error", hint);
}

/* Starts decompression; `opened` is what archive_read_open...() returned. */
static void start(struct trace_input *in, int opened)
{
	struct archive_entry *entry;
	int status = opened;

	if (opened == ARCHIVE_OK)
		status = archive_read_next_header(in->archive, &entry);
	in->ended = status == ARCHIVE_EOF;
	if (status != ARCHIVE_OK && status != ARCHIVE_WARN && !in->ended)
		archive_failure(in);
}

static struct trace_input *new_input(void)
{
	struct trace_input *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return NULL;
	in->fd = -1;
	in->archive = archive_read_new();
	if (in->archive == NULL) {
		free(in);
		return NULL;
	}
	support_filters(in->archive);
	return in;
}

static void open_standard_input(struct trace_input *in)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };

	in->fd = STDIN_FILENO;
	interrupted = 0;
	sigaction(SIGINT, &action, &in->old_interrupt);
}

struct trace_input *trace_input_open(const char *name)
{
	struct trace_input *in = new_input();

	if (in == NULL)
		return NULL;
	if (strcmp(name, "-") == 0) {
		open_standard_input(in);
	} else {
		in->fd = open(name, O_RDONLY | O_CLOEXEC);
		in->own_fd = true;
	}
	if (in->fd < 0)
		set_error(in, "%s", strerror(errno));
	else
		start(in, archive_read_open(in->archive, in, NULL, read_block, NULL));
	return in;
}

struct trace_input *trace_input_open_memory(const void *data, size_t len)
{
	struct trace_input *in = new_input();

	if (in != NULL)
		start(in, archive_read_open_memory(in->archive, data, len));
	return in;
}

ssize_t trace_input_read(struct trace_input *in, void *buf, size_t len)
{
	la_ssize_t got;

	if (in->failed || in->ended)
		return in->failed ? -1 : 0;
	got = archive_read_data(in->archive, buf, len);
	if (got < 0)
		archive_failure(in);
	return got < 0 ? -1 : got;
}

int trace_input_seekable_fd(struct trace_input *in)
{
	struct stat status;

	if (in->fd < 0 || fstat(in->fd, &status) != 0 || !S_ISREG(status.st_mode))
		return -1;
	return archive_filter_code(in->archive, 0) == ARCHIVE_FILTER_NONE ? in->fd : -1;
}

const char *trace_input_error(const struct trace_input *in)
{
	return in->error;
}

void trace_input_close(struct trace_input *in)
{
	if (in == NULL)
		return;
	archive_read_free(in->archive);
	if (in->own_fd && in->fd >= 0)
		close(in->fd);
	else if (in->fd == STDIN_FILENO)
		sigaction(SIGINT, &in->old_interrupt, NULL);
	free(in);
}
