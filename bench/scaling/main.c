/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Prints, as tab-separated values, how many cache lines move between callers for each pair of map
 * and unmap with its sync: for each pattern, policy and number of callers. The same in every
 * run and on every machine; another compiler may order or merge accesses differently.
 */
#include "callers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_header(void)
{
	fputs("pattern\tpolicy\tcallers\ttransfers", stdout);
	for (unsigned k = 0; k < SIM_KINDS; k++)
		printf("\t%s", sim_kind_names[k]);
	puts("\trmws\tfreed\twide\tgrace");
}

static void print_result(enum pattern pattern, const struct sim_options *o, const struct result *r)
{
	double pairs = (double)r->pairs;

	printf("%s\t%s\t%u\t%.4f", pattern_names[pattern], policy_names[o->policy], o->callers,
	       (double)sim_transfers(&r->counts) / pairs);
	for (unsigned k = 0; k < SIM_KINDS; k++)
		printf("\t%.4f", (double)r->counts.transfers[k] / pairs);
	printf("\t%.4f\t%.4f\t%.4f\t%.4f\n", (double)r->counts.rmws / pairs,
	       (double)r->freed / pairs, (double)r->wide_invalidations / pairs,
	       (double)r->counts.grace_periods / pairs);
}

int main(int argc, char **argv)
{
	struct sim_options o = { .desc_size = sizeof(struct ebb_desc) };

	/* Variants of the layout, to tell false sharing from true. */
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--descs-apart") == 0) {
			o.desc_size = SIM_LINE;
		} else if (strcmp(argv[i], "--gathers-apart") == 0) {
			o.gather_gap = SIM_LINE - sizeof(struct ebb_gather) % SIM_LINE;
		} else {
			fputs("usage: scaling [--descs-apart] [--gathers-apart]\n", stderr);
			return 2;
		}
	}
	print_header();
	for (unsigned p = 0; p < PATTERNS; p++)
		for (unsigned policy = 0; policy < EBB_POLICIES; policy++)
			for (o.callers = 1; o.callers <= SIM_CALLERS_MAX; o.callers *= 2) {
				struct result r;

				o.policy = (enum ebb_policy)policy;
				r = callers_run((enum pattern)p, &o);
				print_result((enum pattern)p, &o, &r);
			}
	return 0;
}
