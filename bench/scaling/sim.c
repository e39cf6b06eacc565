/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TABLES_BYTES (1ull << 30)
#define DESCS_BYTES  (TABLES_BYTES / EBB_TABLE_SIZE * 64)
#define PAGE	     4096u

const char *const sim_kind_names[SIM_KINDS] = {
	[SIM_UPPER] = "upper",	     [SIM_LEAF] = "leaf",	[SIM_LOCK] = "lock",
	[SIM_COUNTERS] = "counters", [SIM_GATHERS] = "gathers", [SIM_DESCS] = "descs",
	[SIM_READERS] = "readers",   [SIM_CONFIG] = "config",
};

struct sim_rcu *sim_rcu;
struct sim_reader *sim_self;
char *sim_tables, *sim_descs;
unsigned sim_desc_size;

static struct {
	unsigned callers, caller;
	bool blind; /* accesses do not count */
	char *base, *gathers;
	uint64_t size, gather_stride;
	struct line *lines;
	struct ebb_domain *domain;
	char *used; /* tables are there, and were, up to here */
	struct ebb_table *free;
	struct sim_counts counts;
} sim;

/* ---- accesses ---- */

static enum sim_kind domain_kind(uint64_t offset)
{
	if (offset < offsetof(struct ebb_domain, rwlock))
		return SIM_CONFIG;
	if (offset < offsetof(struct ebb_domain, owners))
		return SIM_LOCK;
	return offset < offsetof(struct ebb_domain, gathers_lock) ? SIM_COUNTERS : SIM_GATHERS;
}

static enum sim_kind kind_of(const char *at)
{
	if (at >= sim_tables) {
		const struct ebb_table *t =
			(const struct ebb_table *)((uintptr_t)at & ~(uintptr_t)(PAGE - 1));

		return ebb_hot_desc(t)->level > 1 ? SIM_UPPER : SIM_LEAF;
	}
	if (at >= sim_descs)
		return SIM_DESCS;
	if (at >= sim.gathers)
		return SIM_GATHERS;
	if (at >= (char *)sim_rcu)
		return SIM_READERS;
	return domain_kind((uint64_t)(at - (char *)sim.domain));
}

static struct line *line_of(const char *at)
{
	return &sim.lines[(uint64_t)(at - sim.base) / SIM_LINE];
}

void sim_access(const volatile void *addr, uint64_t bytes, bool write)
{
	const char *at = (const char *)addr;

	if (sim.blind || at < sim.base || at >= sim.base + sim.size)
		return; /* beyond that are the stack and constants */
	sim.counts.accesses++;
	for (struct line *l = line_of(at); l <= line_of(at + bytes - 1); l++)
		if (write ? line_write(l, sim.caller) : line_read(l, sim.caller))
			sim.counts.transfers[kind_of(at)]++;
}

void sim_rmw(const volatile void *addr, uint64_t bytes)
{
	sim.counts.rmws++;
	sim_access(addr, bytes, true);
}

/* ---- the platform ---- */

/*
 * What the allocator itself shares is not counted. It zeroes a table long before, or past the
 * caches: the table is in nobody's.
 */
static struct ebb_table *alloc_table(void *ctx, int node)
{
	struct ebb_table *t = sim.free;

	(void)ctx;
	(void)node;
	if (t) {
		sim.free = ebb_hot_desc(t)->next;
		memset(t, 0, EBB_TABLE_SIZE);
		memset(line_of((char *)t), 0, EBB_TABLE_SIZE / SIM_LINE * sizeof(struct line));
	} else if (sim.used < sim_tables + TABLES_BYTES) {
		t = (struct ebb_table *)sim.used;
		sim.used += EBB_TABLE_SIZE;
	} else {
		return NULL;
	}
	return t;
}

static void free_tables(void *ctx, struct ebb_table *list)
{
	struct ebb_table *last = list;

	(void)ctx;
	while (ebb_hot_desc(last)->next)
		last = ebb_hot_desc(last)->next;
	ebb_hot_desc(last)->next = sim.free;
	sim.free = list;
}

static void grace_wait(void *ctx)
{
	sim.counts.grace_periods++;
	sim_grace_wait(ctx);
}

/* The invalidation queue is the hardware's and not counted. */
static ebb_token invalidate(void *ctx, const struct ebb_span *spans, unsigned n)
{
	(void)ctx;
	(void)spans;
	(void)n;
	return (ebb_token){ 1 };
}

/* ---- the machine ---- */

static void *reserve(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("scaling: mmap");
		exit(1);
	}
	return p;
}

/* Domain, read sections, gathers, descriptors, tables: each begins a page. */
static void lay_out(const struct sim_options *o)
{
	uint64_t at = PAGE, rcu, gathers, descs, tables;

	sim.gather_stride = sizeof(struct ebb_gather) + o->gather_gap;
	rcu = at;
	at += sizeof(struct sim_rcu) + o->callers * sizeof(struct sim_reader);
	gathers = at = (at + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	at += o->callers * sim.gather_stride;
	descs = at = (at + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	tables = at += DESCS_BYTES;
	sim.size = at + TABLES_BYTES;

	sim.base = reserve(sim.size);
	sim.lines = reserve(sim.size / SIM_LINE * sizeof(struct line));
	sim.domain = (struct ebb_domain *)sim.base;
	sim_rcu = (struct sim_rcu *)(sim.base + rcu);
	sim.gathers = sim.base + gathers;
	sim_descs = sim.base + descs;
	sim.used = sim_tables = sim.base + tables;
}

static struct ebb_gather *gather_of(unsigned caller)
{
	return (struct ebb_gather *)(sim.gathers + caller * sim.gather_stride);
}

void sim_open(const struct sim_options *o)
{
	const struct ebb_config config = {
		.policy = o->policy, .levels = 4, .batch = EBB_BATCH_MAX, .node = -1
	};
	const struct ebb_platform platform = {
		.ctx = &sim.callers,
		.alloc_table = alloc_table,
		.free_tables = free_tables,
		.grace_wait = grace_wait,
		.invalidate = invalidate,
	};

	memset(&sim, 0, sizeof(sim));
	sim.callers = o->callers;
	sim_desc_size = o->desc_size;
	lay_out(o);
	sim_rcu->ctr = 1;
	sim_turn(0);
	if (ebb_domain_init(sim.domain, &config, &platform) != EBB_OK) {
		fputs("scaling: no domain\n", stderr);
		exit(1);
	}
	for (unsigned i = 0; i < o->callers; i++)
		ebb_gather_init(sim_turn(i), sim.domain);
}

void sim_close(void)
{
	munmap(sim.lines, sim.size / SIM_LINE * sizeof(struct line));
	munmap(sim.base, sim.size);
}

struct ebb_stats sim_stats(void)
{
	struct ebb_stats stats;

	sim.blind = true;
	ebb_stats(sim.domain, &stats);
	sim.blind = false;
	return stats;
}

struct ebb_gather *sim_turn(unsigned caller)
{
	sim.caller = caller;
	sim_self = (struct sim_reader *)(sim_rcu + 1) + caller;
	return gather_of(caller);
}

const struct sim_counts *sim_counts(void)
{
	return &sim.counts;
}

uint64_t sim_transfers(const struct sim_counts *counts)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < SIM_KINDS; k++)
		sum += counts->transfers[k];
	return sum;
}
