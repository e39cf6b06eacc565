/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TESTS_TRACE_DAT_FILE_H
#define EBB_TESTS_TRACE_DAT_FILE_H
/*
 * Writes files as trace-cmd does (version 6 of trace.dat), so that tests need neither root nor a
 * kernel with tracing. Written from the description of the format in trace-cmd.dat(5).
 */
#include "trace.h"

struct dat_event {
	struct trace_event event; /* time_ns ascending within a CPU */
	unsigned cpu;
};

struct dat_options {
	unsigned cpus;
	bool without_iommu; /* the file describes other events only, and has none of ours */
	uint64_t missed; /* so many events are missing before the second page of CPU 0 */
};

/* Returns false with errno if the file cannot be written. */
bool dat_file_write(const char *path, const struct dat_event *events, size_t count,
		    const struct dat_options *options);

#endif
