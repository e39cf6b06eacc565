/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* The reader of traces: lines, text, compressed text, and trace.dat. */
#include "trace_dat_file.h"
#include "trace_private.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MAP_FIELDS \
	"IOMMU: iova=0x00000000ffed8000 - 0x00000000ffeda000 paddr=0x000000010eb6a000 size=8192"
#define UNMAP_FIELDS \
	"IOMMU: iova=0x00000000ff87c000 - 0x00000000ff87f000 size=12288 unmapped_size=12288"
#define FTRACE_MAP   "             fio-104     [000] ...1.    30.438343: map: " MAP_FIELDS
#define FTRACE_UNMAP "          <idle>-0       [000] d.H1.   145.556101: unmap: " UNMAP_FIELDS

/* ---- lines ----------------------------------------------------------------------------------- */

static enum trace_line parse(const char *line, struct trace_event *event)
{
	uint64_t lost;

	return trace_parse_line(line, strlen(line), event, &lost);
}

static void assert_map(const char *line, bool has_time, uint64_t time_ns)
{
	struct trace_event event;

	assert_int_equal(parse(line, &event), TRACE_LINE_EVENT);
	assert_true(event.is_map);
	assert_int_equal(event.iova, 0xffed8000);
	assert_int_equal(event.size, 8192);
	assert_int_equal(event.paddr, 0x10eb6a000);
	assert_int_equal(event.has_time, has_time);
	assert_int_equal(event.time_ns, time_ns);
}

static void assert_line(const char *line, enum trace_line what)
{
	struct trace_event event;

	assert_int_equal(parse(line, &event), what);
}

static void maps_are_read_in_the_words_of_ftrace_trace_cmd_and_perf(void **state)
{
	(void)state;
	assert_map(FTRACE_MAP, true, 30438343000);
	assert_map("     iova_stress-111   [000]     4.153862: map:                  " MAP_FIELDS,
		   true, 4153862000);
	assert_map("     iova_stress   111 [000]     4.153862: iommu:map: " MAP_FIELDS, true,
		   4153862000);
	assert_map("     iova_stress   111 [000]     4.153862:          iommu:map: " MAP_FIELDS
		   "\r",
		   true, 4153862000);
}

static void unmaps_are_read(void **state)
{
	struct trace_event event;

	(void)state;
	assert_int_equal(parse(FTRACE_UNMAP, &event), TRACE_LINE_EVENT);
	assert_false(event.is_map);
	assert_int_equal(event.iova, 0xff87c000);
	assert_int_equal(event.size, 12288);
	assert_int_equal(event.time_ns, 145556101000);
	assert_line("x 1 [000] 4.153862: iommu:unmap: " UNMAP_FIELDS, TRACE_LINE_EVENT);
}

static void the_end_of_the_range_may_be_missing_as_in_old_kernels(void **state)
{
	(void)state;
	assert_map("x-1 [000] 1.5: map: IOMMU: iova=0xffed8000 paddr=0x10eb6a000 size=8192", true,
		   1500000000);
}

static void a_task_name_may_hold_anything(void **state)
{
	static const char *const names[] = {
		"kworker/u4:2-flush", "<...>-1", "map: -1",  "unmap: IOMMU:",
		"IOMMU: iova=0x1",    " a b  c", "size=1-:", "CPU:x"
	};
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(line, sizeof(line), " %s-7 [001] ..... 2.000001: map: %s", names[i],
			 MAP_FIELDS);
		assert_map(line, true, 2000001000);
	}
}

static void the_time_may_have_any_precision_or_be_missing(void **state)
{
	(void)state;
	assert_map("x-1 [000] 12.123456789: map: " MAP_FIELDS, true, 12123456789);
	assert_map("x-1 [000] 12.5: map: " MAP_FIELDS, true, 12500000000);
	assert_map("x-1 [000] 123456: map: " MAP_FIELDS, false, 0); /* trace_clock counter */
	assert_map("x-1 [000] 12.1234567890: map: " MAP_FIELDS, false, 0);
	assert_map("x-1 [000] 99999999999999999999.5: map: " MAP_FIELDS, false, 0);
	assert_map("x-1 [000] 18446744073.5: map: " MAP_FIELDS, false,
		   0); /* does not fit in nanoseconds */
	assert_map("map: " MAP_FIELDS, false, 0);
}

static void numbers_of_more_than_64_bits_are_garbled_and_do_not_wrap(void **state)
{
	(void)state;
	assert_line("x 1.0: map: IOMMU: iova=0x1000 paddr=0x0 size=18446744073709551615",
		    TRACE_LINE_EVENT);
	assert_line("x 1.0: map: IOMMU: iova=0x1000 paddr=0x0 size=18446744073709555712",
		    TRACE_LINE_GARBLED);
	assert_line("x 1.0: map: IOMMU: iova=0x1000 paddr=0x0 size=99999999999999999999",
		    TRACE_LINE_GARBLED);
	assert_line("x 1.0: map: IOMMU: iova=0x10000000000001000 paddr=0x0 size=4096",
		    TRACE_LINE_GARBLED);
	assert_line("x 1.0: map: IOMMU: iova=0x1000 paddr=0x12345678901234567890 size=4096",
		    TRACE_LINE_GARBLED);
	assert_line("x 1.0: unmap: IOMMU: iova=0x1000 size=4096 unmapped_size=99999999999999999999",
		    TRACE_LINE_GARBLED);
}

static void an_event_that_is_not_well_formed_is_garbled(void **state)
{
	static const char *const fields[] = {
		"IOMMU:",
		"IOMMU: iova=",
		"IOMMU: iova=0x",
		"IOMMU: iova=1000 paddr=0x0 size=4096",
		"IOMMU: iova=0x1000 - 0x3000 paddr=0x0 size=4096", /* the two disagree */
		"IOMMU: iova=0x1000 - paddr=0x0 size=4096",
		"IOMMU: iova=0x1000 paddr=0x0 size=4096x",
		"IOMMU: iova=0x1000 paddr=0x0 size=4096 more",
		"IOMMU: iova=0x1000 paddr=0x0 size=-4096",
		"IOMMU: iova=0x1000 paddr=0x0",
		"IOMMU: iova=0x1000 size=4096",
	};
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		snprintf(line, sizeof(line), "x-1 [000] ..... 2.000001: map: %s", fields[i]);
		assert_line(line, TRACE_LINE_GARBLED);
	}
	assert_line("x 1.0: unmap: IOMMU: iova=0x1000 size=4096", TRACE_LINE_GARBLED);
}

static void other_lines_are_not_events(void **state)
{
	(void)state;
	assert_line("", TRACE_LINE_OTHER);
	assert_line("# tracer: nop", TRACE_LINE_OTHER);
	assert_line("#x-1 [000] 1.0: map: " MAP_FIELDS, TRACE_LINE_OTHER);
	assert_line("x-1 [000] 1.0: io_page_fault: IOMMU:pci 0000:00:02.0 iova=0x1000 flags=0x0",
		    TRACE_LINE_OTHER);
	assert_line("x-1 [000] 1.0: add_device_to_group: IOMMU: groupID=3 device=0000:00:02.0",
		    TRACE_LINE_OTHER);
	assert_line("x-1 [000] 1.0: dma_map: " MAP_FIELDS, TRACE_LINE_OTHER);
	assert_line("x-1 [000] 1.0: remap: " MAP_FIELDS, TRACE_LINE_OTHER);
	assert_line("x-1 [000] 1.0: map:x " MAP_FIELDS, TRACE_LINE_OTHER);
	assert_line("IOMMU:", TRACE_LINE_OTHER);
}

static void assert_lost(const char *line, uint64_t expected)
{
	struct trace_event event;
	uint64_t lost = 0;

	assert_int_equal(trace_parse_line(line, strlen(line), &event, &lost), TRACE_LINE_LOST);
	assert_int_equal(lost, expected);
}

static void lost_events_are_noticed(void **state)
{
	(void)state;
	assert_lost("CPU:1 [LOST 1234 EVENTS]", 1234);
	assert_lost("CPU:1 [LOST EVENTS]", 1);
	assert_lost("CPU:0 [77 EVENTS DROPPED]", 77);
	assert_lost("  CPU:12 [EVENTS DROPPED]\r", 1);
	assert_lost("# entries-in-buffer/entries-written: 100/250   #P:2", 150);
	assert_line("# entries-in-buffer/entries-written: 250/250   #P:2", TRACE_LINE_OTHER);
}

static void a_map_that_is_cut_off_anywhere_is_never_an_event(void **state)
{
	struct trace_event event;
	uint64_t lost;

	(void)state;
	for (size_t len = 0; len < strlen(FTRACE_MAP); len++)
		assert_int_not_equal(trace_parse_line(FTRACE_MAP, len, &event, &lost),
				     TRACE_LINE_EVENT);
}

/*
 * Reads beyond the end of a line are found by AddressSanitizer, as each line is in memory of its
 * own.
 */
static void no_line_however_mangled_is_read_beyond_its_end(void **state)
{
	size_t len = strlen(FTRACE_UNMAP);
	struct trace_event event;
	uint64_t lost;

	(void)state;
	srandom(1);
	for (unsigned round = 0; round < 20000; round++) {
		size_t cut = (size_t)random() % (len + 1);
		char *line = malloc(cut != 0 ? cut : 1);

		assert_non_null(line);
		memcpy(line, &FTRACE_UNMAP[len - cut], cut);
		for (unsigned i = 0; i < round % 4 && cut != 0; i++)
			line[(size_t)random() % cut] = (char)random();
		trace_parse_line(line, cut, &event, &lost);
		free(line);
	}
}

/* ---- whole texts ----------------------------------------------------------------------------- */

struct reading {
	struct trace_counts counts;
	enum trace_status status; /* the last */
	char error[256];
	uint64_t iova_sum;
};

static struct reading read_all(struct trace_reader *reader)
{
	struct reading reading = { .status = TRACE_EVENT };
	struct trace_event event;

	assert_non_null(reader);
	while ((reading.status = trace_next(reader, &event)) == TRACE_EVENT)
		reading.iova_sum += event.iova;
	reading.counts = *trace_counts(reader);
	snprintf(reading.error, sizeof(reading.error), "%s", trace_error(reader));
	assert_int_equal(trace_next(reader, &event), reading.status); /* an end is an end */
	trace_close(reader);
	return reading;
}

static struct reading read_memory(const void *data, size_t len)
{
	return read_all(trace_open_memory(data, len));
}

static struct reading read_text(const char *text)
{
	return read_memory(text, strlen(text));
}

static void assert_error(const struct reading *reading, const char *part)
{
	assert_int_equal(reading->status, TRACE_ERROR);
	if (strstr(reading->error, part) == NULL)
		fail_msg("no '%s' in '%s'", part, reading->error);
}

static void lines_are_counted_by_kind(void **state)
{
	struct reading r = read_text(
		"# tracer: nop\n" FTRACE_MAP "\nsomething else\n\n"
		"x-1 [000] 1.0: map: IOMMU: iova=oops\nCPU:0 [LOST 5 EVENTS]\n"
		"x-1 [000] 1.0: map: IOMMU: iova=oops\r\n" FTRACE_UNMAP); /* without a newline */

	(void)state;
	assert_int_equal(r.status, TRACE_END);
	assert_int_equal(r.counts.lines, 8);
	assert_int_equal(r.counts.events, 2);
	assert_int_equal(r.counts.ignored, 3);
	assert_int_equal(r.counts.garbled, 2);
	assert_int_equal(r.counts.first_garbled, 5);
	assert_int_equal(r.counts.lost, 5);
}

/* `lines` maps of one page each, at ascending addresses. */
static char *long_text(unsigned lines, size_t *len)
{
	char *text = malloc((size_t)lines * 128);

	assert_non_null(text);
	*len = 0;
	for (unsigned i = 0; i < lines; i++)
		*len += (size_t)sprintf(
			text + *len,
			"x%.*s-1 [000] 1.%u: map: IOMMU: iova=0x%x000 paddr=0x0 size=4096\n",
			(int)(i % 17), "aaaaaaaaaaaaaaaaa", i, i);
	return text;
}

static uint64_t long_text_iova_sum(uint64_t lines)
{
	return lines * (lines - 1) / 2 * 4096;
}

static void no_line_is_lost_where_buffers_end(void **state)
{
	size_t len;
	char *text = long_text(30000, &len);
	struct reading r = read_memory(text, len);

	(void)state;
	assert_int_equal(r.counts.events, 30000);
	assert_int_equal(r.counts.garbled + r.counts.ignored, 0);
	assert_int_equal(r.iova_sum, long_text_iova_sum(30000));
	free(text);
}

/* A line of `pad` bytes in front of an event, with the rest of the text around it. */
static struct reading read_with_line_of(size_t pad, const char *end)
{
	size_t room = pad + 1024;
	char *text = malloc(room);
	struct reading r;
	int before;

	assert_non_null(text);
	before = snprintf(text, room, "%s\n", FTRACE_MAP);
	memset(text + before, 'x', pad);
	snprintf(text + before + pad, room - (size_t)before - pad, "%s", end);
	r = read_text(text);
	free(text);
	return r;
}

static void a_line_of_any_length_does_not_disturb_the_others(void **state)
{
	static const size_t pads[] = { 65000, 65535, 65536, 65537, 131072, 300000 };

	(void)state;
	for (size_t i = 0; i < sizeof(pads) / sizeof(pads[0]); i++) {
		struct reading r = read_with_line_of(pads[i], "\n" FTRACE_UNMAP "\n");

		assert_int_equal(r.status, TRACE_END);
		assert_int_equal(r.counts.events, 2);
		assert_int_equal(r.counts.lines, 3);
		assert_int_equal(r.counts.ignored + r.counts.garbled, 1);
		r = read_with_line_of(pads[i], ""); /* the trace ends in it */
		assert_int_equal(r.counts.events, 1);
		assert_int_equal(r.counts.lines, 2);
	}
	/* The end of a line that was too long is not mistaken for a line. */
	assert_int_equal(read_with_line_of(300000, " " FTRACE_UNMAP "\n").counts.events, 1);
	assert_int_equal(read_with_line_of(300000, " " FTRACE_UNMAP "\n").counts.garbled, 1);
}

static void nul_bytes_are_bytes_like_others(void **state)
{
	static const char text[] =
		"a\0b-1 [000] 1.0: map: " MAP_FIELDS "\n"
		"x-1 [000] 1.0: map: IOMMU: iova=0x1000 paddr=0x0 size=40\00096\n";
	struct reading r = read_memory(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(r.status, TRACE_END);
	assert_int_equal(r.counts.events, 1);
	assert_int_equal(r.counts.garbled, 1);
}

static void a_trace_without_events_is_an_error_that_says_what_it_is(void **state)
{
	static char zeros[4 << 20];
	struct reading r;

	(void)state;
	r = read_text("");
	assert_error(&r, "empty");
	r = read_text("one\ntwo\n");
	assert_error(&r, "no iommu:map or iommu:unmap event in it (lines: 2)");
	r = read_text("x 1.0: map: IOMMU: iova=0xg\n");
	assert_error(&r, "garbled: 1, the first is line 1");
	r = read_memory("\177ELF\2\1\1\0\0", 9);
	assert_error(&r, "not a trace");
	r = read_memory(zeros, sizeof(zeros));
	assert_error(&r, "not a trace");
	r = read_all(trace_open("/nonexistent/trace"));
	assert_error(&r, "No such file");
	r = read_all(trace_open("/"));
	assert_error(&r, "Is a directory");
}

/* ---- compression ----------------------------------------------------------------------------- */

static size_t compress_text(int filter, const char *text, size_t len, char *out, size_t room)
{
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t used = 0;

	assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
	assert_int_equal(archive_write_add_filter(archive, filter), ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(archive, 1);
	assert_int_equal(archive_write_open_memory(archive, out, room, &used), ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(archive, text, len), len);
	archive_entry_free(entry);
	assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
	return used;
}

static const int filters[] = { ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_XZ,
			       ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_LZ4 };

static void compressed_text_is_read_and_truncated_is_an_error(void **state)
{
	size_t len, room = 1 << 20;
	char *text = long_text(3000, &len), *packed = malloc(room);

	(void)state;
	assert_non_null(packed);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		size_t packed_len = compress_text(filters[i], text, len, packed, room);
		struct reading r = read_memory(packed, packed_len);

		assert_int_equal(r.status, TRACE_END);
		assert_int_equal(r.iova_sum, long_text_iova_sum(3000));
		for (size_t cut = 1; cut < 10; cut++) {
			r = read_memory(packed, packed_len * cut / 10);
			assert_error(&r, "cannot be read");
		}
	}
	free(packed);
	free(text);
}

/* ---- trace.dat ------------------------------------------------------------------------------- */

#define DAT_EVENTS 1000u

static char dat_path[64];

/* Maps and unmaps in turn, on two CPUs, in the order of time. */
static void write_dat(const struct dat_options *options)
{
	static struct dat_event events[DAT_EVENTS];

	for (unsigned i = 0; i < DAT_EVENTS; i++) {
		events[i].cpu = i / 3 % 2;
		events[i].event = (struct trace_event){
			.iova = 0xff000000 + i / 2 * 4096,
			.size = 4096,
			.paddr = (uint64_t)i << 12,
			.time_ns = 5000000000 + i * 1000,
			.is_map = i % 2 == 0,
			.has_time = true,
		};
	}
	assert_true(dat_file_write(dat_path, events, DAT_EVENTS, options));
}

static const struct dat_options two_cpus = { .cpus = 2 };

static void assert_dat_events(struct trace_reader *reader)
{
	struct trace_event event;

	assert_non_null(reader);
	for (unsigned i = 0; i < DAT_EVENTS; i++) {
		assert_int_equal(trace_next(reader, &event), TRACE_EVENT);
		assert_int_equal(event.iova, 0xff000000 + i / 2 * 4096);
		assert_int_equal(event.size, 4096);
		assert_int_equal(event.is_map, i % 2 == 0);
		assert_int_equal(event.paddr, event.is_map ? (uint64_t)i << 12 : 0);
		assert_int_equal(event.time_ns, 5000000000 + i * 1000);
	}
	assert_int_equal(trace_next(reader, &event), TRACE_END);
	assert_int_equal(trace_counts(reader)->events, DAT_EVENTS);
	trace_close(reader);
}

/* Returns the whole file, to be freed. */
static char *slurp_dat(size_t *len)
{
	FILE *file = fopen(dat_path, "r");
	char *data;

	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	*len = (size_t)ftell(file);
	rewind(file);
	data = malloc(*len);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, *len, file), *len);
	fclose(file);
	return data;
}

static void trace_dat_is_read_in_the_order_of_time(void **state)
{
	(void)state;
	write_dat(&two_cpus);
	assert_dat_events(trace_open(dat_path));
}

static void trace_dat_need_not_be_a_file_and_may_be_compressed(void **state)
{
	size_t len, packed_len, room = 1 << 20;
	char *data, *packed = malloc(room);

	(void)state;
	assert_non_null(packed);
	write_dat(&two_cpus);
	data = slurp_dat(&len);
	assert_dat_events(trace_open_memory(data, len));
	packed_len = compress_text(ARCHIVE_FILTER_XZ, data, len, packed, room);
	assert_dat_events(trace_open_memory(packed, packed_len));
	free(data);
	free(packed);
}

static void trace_dat_tells_of_missed_events(void **state)
{
	const struct dat_options options = { .cpus = 2, .missed = 77 };
	struct reading r;

	(void)state;
	write_dat(&options);
	r = read_all(trace_open(dat_path));
	assert_int_equal(r.status, TRACE_END);
	assert_int_equal(r.counts.events, DAT_EVENTS);
	assert_int_equal(r.counts.lost, 77);
}

static void trace_dat_without_our_events_is_an_error(void **state)
{
	const struct dat_options options = { .cpus = 2, .without_iommu = true };
	struct reading r;

	(void)state;
	write_dat(&options);
	r = read_all(trace_open(dat_path));
	assert_error(&r, "no iommu:map or iommu:unmap event");
}

static void trace_dat_that_is_truncated_anywhere_is_an_error(void **state)
{
	struct reading r;
	size_t len;
	char *data;

	(void)state;
	write_dat(&two_cpus);
	data = slurp_dat(&len);
	for (size_t cut = TRACE_DAT_MAGIC_LEN; cut < len; cut += len / 60) {
		r = read_memory(data, cut);
		assert_error(&r, "truncated or damaged trace.dat");
	}
	free(data);
}

static void trace_dat_that_is_damaged_does_no_harm(void **state)
{
	size_t len;
	char *data;

	(void)state;
	write_dat(&two_cpus);
	data = slurp_dat(&len);
	srandom(2);
	for (unsigned round = 0; round < 60; round++) {
		size_t at = 12 + (size_t)random() % 3000;
		char old = data[at];

		data[at] = (char)random();
		read_memory(data, len);
		data[at] = old;
	}
	free(data);
}

/* Waits for ever if the reading process is not told that nobody listens. */
static void a_trace_dat_can_be_closed_before_its_end(void **state)
{
	struct trace_reader *reader;
	struct trace_event event;

	(void)state;
	write_dat(&two_cpus);
	reader = trace_open(dat_path);
	assert_non_null(reader);
	assert_int_equal(trace_next(reader, &event), TRACE_EVENT);
	trace_close(reader);
}

static int make_dat_path(void **state)
{
	(void)state;
	snprintf(dat_path, sizeof(dat_path), "/tmp/ebb-test-%d.dat", (int)getpid());
	return 0;
}

static int remove_dat_path(void **state)
{
	(void)state;
	return unlink(dat_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_are_read_in_the_words_of_ftrace_trace_cmd_and_perf),
		cmocka_unit_test(unmaps_are_read),
		cmocka_unit_test(the_end_of_the_range_may_be_missing_as_in_old_kernels),
		cmocka_unit_test(a_task_name_may_hold_anything),
		cmocka_unit_test(the_time_may_have_any_precision_or_be_missing),
		cmocka_unit_test(numbers_of_more_than_64_bits_are_garbled_and_do_not_wrap),
		cmocka_unit_test(an_event_that_is_not_well_formed_is_garbled),
		cmocka_unit_test(other_lines_are_not_events),
		cmocka_unit_test(lost_events_are_noticed),
		cmocka_unit_test(a_map_that_is_cut_off_anywhere_is_never_an_event),
		cmocka_unit_test(no_line_however_mangled_is_read_beyond_its_end),
		cmocka_unit_test(lines_are_counted_by_kind),
		cmocka_unit_test(no_line_is_lost_where_buffers_end),
		cmocka_unit_test(a_line_of_any_length_does_not_disturb_the_others),
		cmocka_unit_test(nul_bytes_are_bytes_like_others),
		cmocka_unit_test(a_trace_without_events_is_an_error_that_says_what_it_is),
		cmocka_unit_test(compressed_text_is_read_and_truncated_is_an_error),
		cmocka_unit_test(trace_dat_is_read_in_the_order_of_time),
		cmocka_unit_test(trace_dat_need_not_be_a_file_and_may_be_compressed),
		cmocka_unit_test(trace_dat_tells_of_missed_events),
		cmocka_unit_test(trace_dat_without_our_events_is_an_error),
		cmocka_unit_test(trace_dat_that_is_truncated_anywhere_is_an_error),
		cmocka_unit_test(trace_dat_that_is_damaged_does_no_harm),
		cmocka_unit_test(a_trace_dat_can_be_closed_before_its_end),
	};

	return cmocka_run_group_tests_name("trace", tests, make_dat_path, remove_dat_path);
}
