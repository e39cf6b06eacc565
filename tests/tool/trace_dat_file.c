/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "trace_dat_file.h"

#include <stdio.h>
#include <string.h>

#define PAGE	      4096u
#define EVENT_BYTES   36u /* 4 of header, 32 of payload */
#define PAGE_EVENTS   100u
#define MISSED	      (1u << 31) /* in the commit word of a page */
#define MISSED_STORED (1u << 30) /* the number follows the events */
#define MAP_ID	      401u
#define UNMAP_ID      402u

#define COMMON_FIELDS                                                                  \
	"format:\n"                                                                    \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"         \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"         \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

static const char header_page[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
				  "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
				  "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
				  "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";

static const char header_event[] =
	"# compressed entry header\n"
	"\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n\tarray       :   32 bits\n\n"
	"\tpadding     : type == 29\n\ttime_extend : type == 30\n"
	"\ttime_stamp : type == 31\n\tdata max type_len  == 28\n";

static const char map_format[] =
	"name: map\nID: 401\n" COMMON_FIELDS "\tfield:u64 iova;\toffset:8;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 paddr;\toffset:16;\tsize:8;\tsigned:0;\n"
	"\tfield:size_t size;\toffset:24;\tsize:8;\tsigned:0;\n\n"
	"print fmt: \"IOMMU: iova=0x%016llx - 0x%016llx paddr=0x%016llx size=%zu\", "
	"REC->iova, REC->iova + REC->size, REC->paddr, REC->size\n";

static const char unmap_format[] =
	"name: unmap\nID: 402\n" COMMON_FIELDS "\tfield:u64 iova;\toffset:8;\tsize:8;\tsigned:0;\n"
	"\tfield:size_t size;\toffset:16;\tsize:8;\tsigned:0;\n"
	"\tfield:size_t unmapped_size;\toffset:24;\tsize:8;\tsigned:0;\n\n"
	"print fmt: \"IOMMU: iova=0x%016llx - 0x%016llx size=%zu unmapped_size=%zu\", "
	"REC->iova, REC->iova + REC->size, REC->size, REC->unmapped_size\n";

static const char other_format[] = "name: other\nID: 401\n" COMMON_FIELDS
				   "\tfield:u64 what;\toffset:8;\tsize:8;\tsigned:0;\n\n"
				   "print fmt: \"what=%llu\", REC->what\n";

static void put(FILE *file, uint64_t value, unsigned bytes)
{
	for (; bytes > 0; bytes--, value >>= 8)
		putc((int)(value & 0xff), file);
}

/* A text with its length before it. */
static void put_text(FILE *file, const char *text)
{
	put(file, strlen(text), 8);
	fputs(text, file);
}

static void put_system(FILE *file, const struct dat_options *options)
{
	put(file, 0, 4); /* events of ftrace itself */
	put(file, 1, 4); /* systems */
	if (options->without_iommu) {
		fwrite("other", 6, 1, file);
		put(file, 1, 4);
		put_text(file, other_format);
		return;
	}
	fwrite("iommu", 6, 1, file);
	put(file, 2, 4);
	put_text(file, map_format);
	put_text(file, unmap_format);
}

static void put_headers(FILE *file, const struct dat_options *options)
{
	fwrite("\027\010\104tracing6", 12, 1, file); /* with its NUL */
	put(file, 0, 1); /* little endian */
	put(file, 8, 1); /* bytes of a long */
	put(file, PAGE, 4);
	fwrite("header_page", 12, 1, file);
	put_text(file, header_page);
	fwrite("header_event", 13, 1, file);
	put_text(file, header_event);
	put_system(file, options);
	put(file, 0, 4); /* kallsyms */
	put(file, 0, 4); /* formats of printk */
	put_text(file, "111 tester\n");
	put(file, options->cpus, 4);
	fwrite("options  ", 10, 1, file);
	put(file, 0, 2);
	fwrite("flyrecord", 10, 1, file);
}

static void put_event(FILE *file, const struct trace_event *event, uint64_t delta)
{
	put(file, 32 / 4 | delta << 5, 4);
	put(file, event->is_map ? MAP_ID : UNMAP_ID, 2);
	put(file, 0, 2);
	put(file, 111, 4);
	put(file, event->iova, 8);
	put(file, event->is_map ? event->paddr : event->size, 8);
	put(file, event->size, 8);
}

static void pad_page(FILE *file)
{
	while (ftell(file) % PAGE != 0)
		putc(0, file);
}

/* The events of one page. */
static void put_page(FILE *file, const struct dat_event *const *list, size_t count, uint64_t missed)
{
	uint64_t time = list[0]->event.time_ns;

	put(file, time, 8);
	put(file, count * EVENT_BYTES | (missed != 0 ? MISSED | MISSED_STORED : 0), 8);
	for (size_t i = 0; i < count; i++) {
		put_event(file, &list[i]->event, list[i]->event.time_ns - time);
		time = list[i]->event.time_ns;
	}
	if (missed != 0)
		put(file, missed, 8);
	pad_page(file);
}

/* The pages of one CPU. */
static void put_cpu(FILE *file, const struct dat_event *events, size_t count, unsigned cpu,
		    uint64_t missed)
{
	const struct dat_event *list[PAGE_EVENTS];
	size_t listed = 0, pages = 0;

	for (size_t i = 0; i <= count; i++) {
		if (listed != 0 && (listed == PAGE_EVENTS || i == count)) {
			put_page(file, list, listed, pages == 1 ? missed : 0);
			pages++;
			listed = 0;
		}
		if (i < count && events[i].cpu == cpu)
			list[listed++] = &events[i];
	}
}

bool dat_file_write(const char *path, const struct dat_event *events, size_t count,
		    const struct dat_options *options)
{
	FILE *file = fopen(path, "w+");
	long table;

	if (file == NULL)
		return false;
	put_headers(file, options);
	table = ftell(file);
	for (unsigned cpu = 0; cpu < options->cpus; cpu++)
		put(file, 0, 16); /* filled in below */
	pad_page(file);
	for (unsigned cpu = 0; cpu < options->cpus; cpu++) {
		long start = ftell(file), end;

		put_cpu(file, events, count, cpu, cpu == 0 ? options->missed : 0);
		end = ftell(file);
		fseek(file, table + (long)cpu * 16, SEEK_SET);
		put(file, (uint64_t)start, 8);
		put(file, (uint64_t)(end - start), 8);
		fseek(file, end, SEEK_SET);
	}
	return fclose(file) == 0;
}
