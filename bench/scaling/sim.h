/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef SCALING_SIM_H
#define SCALING_SIM_H
/*
 * The simulated machine: memory in which everything lies that callers share, the platform of the
 * core on it, and a count of the cache lines that move. See docs/scaling.md for what it leaves out.
 */
#include "line.h"
#include <ebb_hot.h>

/* Kinds of cache lines. */
enum sim_kind {
	SIM_UPPER, /* entries of tables above the leaf tables, the root included */
	SIM_LEAF, /* entries of leaf tables, and of tables that are not linked */
	SIM_LOCK, /* policy rwlock: the domain's lock */
	SIM_COUNTERS, /* the domain's pool, owner numbers, count of tables */
	SIM_GATHERS, /* gathers, and the domain's list of them */
	SIM_DESCS, /* descriptors of tables */
	SIM_READERS, /* the platform's read sections and grace periods */
	SIM_CONFIG, /* what of the domain is constant */
	SIM_KINDS,
};

extern const char *const sim_kind_names[SIM_KINDS];

struct sim_counts {
	uint64_t transfers[SIM_KINDS];
	uint64_t accesses, rmws; /* atomic read-modify-writes */
	uint64_t grace_periods;
};

struct sim_options {
	unsigned callers;
	enum ebb_policy policy;
	unsigned desc_size; /* bytes from one descriptor to the next */
	unsigned gather_gap; /* bytes between two gathers */
};

/* Makes the domain and a gather for each caller. Ends the program if there is no memory. */
void sim_open(const struct sim_options *options);
void sim_close(void);

/* The domain's statistics, looked at by nobody: no line moves. */
struct ebb_stats sim_stats(void);
/* From now on it is this caller's turn. */
struct ebb_gather *sim_turn(unsigned caller);
/* Since sim_open(). */
const struct sim_counts *sim_counts(void);
uint64_t sim_transfers(const struct sim_counts *counts);

/* An access of the core, or of the traced half of the platform. */
void sim_access(const volatile void *addr, uint64_t bytes, bool write);
void sim_rmw(const volatile void *addr, uint64_t bytes);

/* grace.c: a grace period, traced like the core. */
void sim_grace_wait(void *ctx);

#endif
