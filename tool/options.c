/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "tool.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const policy_names[EBB_POLICIES] = {
	[EBB_NONE] = "none",
	[EBB_RWLOCK] = "rwlock",
	[EBB_DEFERRED] = "deferred",
};

static void vmessage(const char *prefix, const char *format, va_list args)
{
	/* What is on standard output already belongs before the message. */
	fflush(stdout);
	fprintf(stderr, "ebb: %s", prefix);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int tool_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vmessage("", format, args);
	va_end(args);
	return TOOL_FAILED;
}

void tool_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vmessage("warning: ", format, args);
	va_end(args);
}

const char *policy_name(enum ebb_policy policy)
{
	return policy_names[policy];
}

/* The bits of the policies that a name stands for, 0 if for none. */
static unsigned policies_by_name(const char *name)
{
	if (strcmp(name, "all") == 0)
		return (1u << EBB_POLICIES) - 1;
	for (unsigned p = 0; p < EBB_POLICIES; p++)
		if (strcmp(name, policy_names[p]) == 0)
			return 1u << p;
	return 0;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct common_options *options = state->input;

	switch (key) {
	case OPTION_POLICY:
		options->policies = policies_by_name(arg);
		if (options->policies == 0)
			argp_error(state, "unknown policy '%s': none, rwlock, deferred or all",
				   arg);
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option common_options[] = {
	{ "policy", OPTION_POLICY, "NAME", 0, "none, rwlock, deferred or all", 0 },
	{ "json", OPTION_JSON, NULL, 0, "print one JSON object per line", 0 },
	{ 0 },
};

const struct argp common_argp = { .options = common_options, .parser = parse_common };

/* Accepts "", "K", "KiB", "KB" and so on in either case; the unit is a power of 1024. */
static bool suffix_unit(const char *suffix, uint64_t *unit)
{
	static const char letters[] = "KMGTP";
	const char *letter;

	if (*suffix == '\0')
		return true;
	if (strcmp(suffix, "B") == 0) {
		*unit = 1;
		return true;
	}
	letter = strchr(letters, *suffix & ~0x20);
	if (letter == NULL || *letter == '\0')
		return false;
	*unit = (uint64_t)1 << (10 * (letter - letters + 1));
	suffix++;
	return *suffix == '\0' || strcmp(suffix, "B") == 0 || strcmp(suffix, "iB") == 0;
}

bool parse_size(const char *text, uint64_t unit, uint64_t *bytes)
{
	size_t digits = strspn(text, "0123456789");
	size_t number = digits;
	long double value;

	if (text[number] == '.')
		number += 1 + strspn(text + number + 1, "0123456789");
	if (digits == 0 || number > 60 || !suffix_unit(text + number, &unit))
		return false;
	value = floorl(strtold(text, NULL) * (long double)unit);
	if (!(value < 0x1p63L))
		return false;
	*bytes = (uint64_t)value;
	return true;
}

bool parse_number(const char *text, uint64_t max, uint64_t *number)
{
	bool hex = strncmp(text, "0x", 2) == 0;
	const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
	uint64_t base = hex ? 16 : 10;
	uint64_t value = 0;

	text += hex ? 2 : 0;
	if (*text == '\0' || text[strspn(text, digits)] != '\0')
		return false;
	for (; *text != '\0'; text++) {
		uint64_t digit = *text <= '9' ? (uint64_t)(*text - '0') :
						(uint64_t)((*text & ~0x20) - 'A' + 10);

		if (digit > max || value > (max - digit) / base)
			return false;
		value = value * base + digit;
	}
	*number = value;
	return true;
}

unsigned parse_levels(const char *text, const struct argp_state *state)
{
	uint64_t levels = 0;

	if (!parse_number(text, 5, &levels) || levels < 3)
		argp_error(state, "a tree has 3, 4 or 5 levels, not '%s'", text);
	return (unsigned)levels;
}
