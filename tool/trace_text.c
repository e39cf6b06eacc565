/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * One line of a text trace. ftrace, `trace-cmd report` and `perf script` print
 *
 *	  <idle>-0    [000] d.H1.   145.556101: unmap: IOMMU: FIELDS
 *	   dd-111     [000]     4.153862: map:                  IOMMU: FIELDS
 *	   dd   111   [000]     4.153862: iommu:map: IOMMU: FIELDS
 *
 * where FIELDS are, with numbers in place of "...",
 *
 *	iova=0x... - 0x... paddr=0x... size=...            of a map
 *	iova=0x... - 0x... size=... unmapped_size=...      of an unmap
 *
 * A task's name may hold anything, so a line is read from its last "IOMMU:": what stands before it
 * is the event's name and before that the time; what stands behind it is the event's fields. Old
 * kernels left the end of the range out.
 */
#include "trace_private.h"

#include <string.h>

struct text {
	const char *at, *end;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_blanks(struct text *text)
{
	while (text->at < text->end && is_blank(*text->at))
		text->at++;
}

static void trim_end(struct text *text)
{
	while (text->at < text->end && is_blank(text->end[-1]))
		text->end--;
}

static bool skip(struct text *text, const char *what)
{
	size_t len = strlen(what);

	if ((size_t)(text->end - text->at) < len || memcmp(text->at, what, len) != 0)
		return false;
	text->at += len;
	return true;
}

static bool ends_with(const struct text *text, const char *what)
{
	size_t len = strlen(what);

	return (size_t)(text->end - text->at) >= len && memcmp(text->end - len, what, len) == 0;
}

/* Splits `text` at the last `what`. False if there is none. */
static bool split_at_last(const struct text *text, const char *what, struct text *before,
			  struct text *after)
{
	size_t len = strlen(what);

	for (const char *at = text->end - len; at >= text->at; at--) {
		if (memcmp(at, what, len) == 0) {
			*before = (struct text){ text->at, at };
			*after = (struct text){ at + len, text->end };
			return true;
		}
	}
	return false;
}

static int digit_value(char c, unsigned base)
{
	if (is_digit(c))
		return c - '0';
	if (base == 16 && c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (base == 16 && c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* At least one digit, and no more than 64 bits. */
static bool read_number(struct text *text, unsigned base, uint64_t *number)
{
	const char *start = text->at;
	uint64_t value = 0;

	for (; text->at < text->end; text->at++) {
		int digit = digit_value(*text->at, base);

		if (digit < 0)
			break;
		if (value > (UINT64_MAX - (unsigned)digit) / base)
			return false;
		value = value * base + (unsigned)digit;
	}
	*number = value;
	return text->at > start;
}

/* NAME followed by a number, behind any blanks. */
static bool read_field(struct text *text, const char *name, unsigned base, uint64_t *number)
{
	skip_blanks(text);
	return skip(text, name) && read_number(text, base, number);
}

/* All fields of an event, to the end of the line. */
static bool read_fields(struct text *text, struct trace_event *event)
{
	uint64_t end = 0, unmapped;
	bool has_end;

	if (!read_field(text, "iova=0x", 16, &event->iova))
		return false;
	skip_blanks(text);
	has_end = skip(text, "- 0x");
	if (has_end && !read_number(text, 16, &end))
		return false;
	if (event->is_map && !read_field(text, "paddr=0x", 16, &event->paddr))
		return false;
	if (!read_field(text, "size=", 10, &event->size))
		return false;
	if (!event->is_map && !read_field(text, "unmapped_size=", 10, &unmapped))
		return false;
	skip_blanks(text);
	return text->at == text->end && (!has_end || end - event->iova == event->size);
}

/*
 * The time at the end of `before`, as in "[000] d.H1.   145.556101:". It is no fault if there is
 * none.
 */
static void read_time(struct text before, struct trace_event *event)
{
	uint64_t seconds, fraction, scale = 1000000000;
	struct text digits;

	trim_end(&before);
	if (!ends_with(&before, ":"))
		return;
	before.end--;
	digits = (struct text){ before.end, before.end };
	while (digits.at > before.at && (is_digit(digits.at[-1]) || digits.at[-1] == '.'))
		digits.at--;
	if (!read_number(&digits, 10, &seconds) || !skip(&digits, ".") ||
	    digits.end - digits.at > 9)
		return;
	for (const char *at = digits.at; at < digits.end; at++)
		scale /= 10;
	if (!read_number(&digits, 10, &fraction) || digits.at != digits.end ||
	    seconds > UINT64_MAX / 1000000000 - 1)
		return;
	event->time_ns = seconds * 1000000000 + fraction * scale;
	event->has_time = true;
}

/* Is the word at the end of `before` the name of an event of ours? Cuts it off. */
static bool read_name(struct text *before, struct trace_event *event)
{
	struct text word;

	trim_end(before);
	word = (struct text){ before->end, before->end };
	while (word.at > before->at && !is_blank(word.at[-1]))
		word.at--;
	before->end = word.at;
	skip(&word, "iommu:");
	event->is_map = skip(&word, "map:");
	return (event->is_map || skip(&word, "unmap:")) && word.at == word.end;
}

/*
 * "CPU:1 [LOST 1234 EVENTS]" of ftrace, "CPU:0 [1234 EVENTS DROPPED]" of trace-cmd; the number may
 * be missing.
 */
static bool read_loss(struct text line, uint64_t *lost)
{
	struct text before, after;

	skip_blanks(&line);
	trim_end(&line);
	if (!skip(&line, "CPU:") || !split_at_last(&line, "[", &before, &after))
		return false;
	if (!ends_with(&after, "EVENTS]") && !ends_with(&after, "EVENTS DROPPED]"))
		return false;
	skip(&after, "LOST ");
	if (!read_number(&after, 10, lost))
		*lost = 1;
	return true;
}

/* "# entries-in-buffer/entries-written: 100/250  #P:2": the buffer kept the last 100 events. */
static bool read_overwritten(struct text line, uint64_t *lost)
{
	uint64_t kept, written;

	if (!skip(&line, "# entries-in-buffer/entries-written: ") ||
	    !read_number(&line, 10, &kept) || !skip(&line, "/") ||
	    !read_number(&line, 10, &written) || written <= kept)
		return false;
	*lost = written - kept;
	return true;
}

enum trace_line trace_parse_line(const char *line, size_t len, struct trace_event *event,
				 uint64_t *lost)
{
	struct text text = { line, line + len }, before, after;

	*event = (struct trace_event){ 0 };
	if (read_loss(text, lost) || read_overwritten(text, lost))
		return TRACE_LINE_LOST;
	if (len == 0 || *line == '#' || !split_at_last(&text, "IOMMU:", &before, &after) ||
	    !read_name(&before, event))
		return TRACE_LINE_OTHER;
	if (!read_fields(&after, event))
		return TRACE_LINE_GARBLED;
	read_time(before, event);
	return TRACE_LINE_EVENT;
}
