/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_REPORT_H
#define EBB_TOOL_REPORT_H
/*
 * Results: tables for people, and JSON, one object per line. Each row or line is flushed as it is
 * complete.
 */
#include "ebb.h"

#include <cJSON.h>

/* "4 KiB", "2051.3 MiB": as precise as it is readable. */
#define BYTES_TEXT 24
const char *bytes_text(char text[BYTES_TEXT], uint64_t bytes);

/* Bytes of a number of tables. */
static inline uint64_t table_bytes(uint64_t tables)
{
	return tables * EBB_TABLE_SIZE;
}

struct report_column {
	const char *title;
	int width; /* negative: left-aligned */
};

/* A table that is printed cell by cell. The line ends after the last column. */
struct report_table {
	const struct report_column *columns;
	unsigned count;
	unsigned at; /* the column of the next cell */
};

void report_header(struct report_table *table);
void report_cell(struct report_table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void report_count(struct report_table *table, uint64_t count);
void report_bytes(struct report_table *table, uint64_t bytes);

/*
 * An object with "command" and "policy" in it. NULL if memory is short, which the functions below
 * put up with.
 */
cJSON *json_object(const char *command, const char *policy);
void json_text(cJSON *object, const char *key, const char *text);
void json_count(cJSON *object, const char *key, uint64_t count);
void json_ns(cJSON *object, const char *key,
	     double ns); /* two decimals are more than can be measured; NAN becomes null */
void json_ratio(cJSON *object, const char *key, double ratio); /* three decimals; NAN: null */

/* Prints and frees the object. Returns an enum tool_exit. */
int json_print(cJSON *object);

#endif
