/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "report.h"
#include "tool.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *bytes_text(char text[BYTES_TEXT], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	unsigned unit = 0;

	/* From MiB on, a larger unit only where it takes no digit away that one may want to see. */
	while (unit + 1 < sizeof(units) / sizeof(units[0]) && value >= 1024 &&
	       (unit < 2 || value >= 10240 || fmod(value, 1024) == 0)) {
		value /= 1024;
		unit++;
	}
	snprintf(text, BYTES_TEXT, "%.*f %s", value == floor(value) ? 0 : 1, value, units[unit]);
	return text;
}

/* ---- tables ---------------------------------------------------------------------------------- */

void report_header(struct report_table *table)
{
	for (unsigned i = 0; i < table->count; i++)
		report_cell(table, "%s", table->columns[i].title);
}

void report_cell(struct report_table *table, const char *format, ...)
{
	char text[128];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("%s%*s", table->at != 0 ? "  " : "", table->columns[table->at].width, text);
	if (++table->at < table->count)
		return;
	table->at = 0;
	putchar('\n');
	fflush(stdout);
}

void report_count(struct report_table *table, uint64_t count)
{
	report_cell(table, "%" PRIu64, count);
}

void report_bytes(struct report_table *table, uint64_t bytes)
{
	char text[BYTES_TEXT];

	report_cell(table, "%s", bytes_text(text, bytes));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

cJSON *json_object(const char *command, const char *policy)
{
	cJSON *object = cJSON_CreateObject();

	json_text(object, "command", command);
	json_text(object, "policy", policy);
	return object;
}

void json_text(cJSON *object, const char *key, const char *text)
{
	cJSON_AddStringToObject(object, key, text);
}

void json_count(cJSON *object, const char *key, uint64_t count)
{
	cJSON_AddNumberToObject(object, key, (double)count);
}

void json_ns(cJSON *object, const char *key, double ns)
{
	cJSON_AddNumberToObject(object, key, round(ns * 100) / 100);
}

void json_ratio(cJSON *object, const char *key, double ratio)
{
	cJSON_AddNumberToObject(object, key, round(ratio * 1000) / 1000);
}

int json_print(cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);

	cJSON_Delete(object);
	if (text == NULL)
		return tool_fail("not enough memory to print the results");
	puts(text);
	fflush(stdout);
	cJSON_free(text);
	return TOOL_OK;
}
