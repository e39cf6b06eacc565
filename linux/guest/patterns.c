// SPDX-License-Identifier: GPL-2.0-only
// Copyright (c) 2026 The Ebb authors
/* Patterns of maps and unmaps by a program that owns a device's IOVA space. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

#define TABLE (UINT64_C(2) << 20) /* what a table of 4 KiB leaves spans */

static struct device *device;
static uint8_t *memory;
static uint64_t peak_kib, start_kib, no_memory, may_run_out;

static void *aligned_memory(uint64_t size)
{
	uint8_t *at = mmap(NULL, size + TABLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (at == MAP_FAILED)
		abort();
	at = (uint8_t *)(((uintptr_t)at + TABLE - 1) & ~(TABLE - 1));
	madvise(at, size, MADV_HUGEPAGE);
	memset(at, 1, size);
	return at;
}

static bool begin(uint64_t size)
{
	device = device_open(text("backend", "type1"), text("device", "0000:00:03.0"));
	if (!device)
		return false;
	memory = aligned_memory(size);
	peak_kib = no_memory = 0;
	refresh_counters();
	start_kib = meminfo("SecPageTables");
	may_run_out = number("may-run-out", 0);
	disturb_start();
	return true;
}

static void end(struct reclaim_stats before)
{
	disturb_stop();
	report_reclaim(before);
	device_close(device);
}

static void sample(void)
{
	uint64_t kib = meminfo("SecPageTables");

	if (kib > peak_kib)
		peak_kib = kib;
}

/* Maps and unmaps; out of memory counts and is no failure where the command allows for it. */
static bool pair(uint64_t iova, uint8_t *at, uint64_t size)
{
	if (device_map(device, iova, at, size)) {
		if (errno == ENOMEM && may_run_out) {
			__atomic_fetch_add(&no_memory, 1, __ATOMIC_RELAXED);
			return true;
		}
		fail("mapping %#llx", (unsigned long long)iova);
		return false;
	}
	if (device_unmap(device, iova, size)) {
		fail("unmapping %#llx", (unsigned long long)iova);
		return false;
	}
	return true;
}

static struct {
	uint64_t span, stride, page, sample, threads;
} sweep;

static void sweep_part(unsigned int index)
{
	uint64_t part = sweep.span / sweep.threads;
	uint64_t first = TABLE + index * part;
	uint64_t done = 0;

	for (uint64_t iova = first; iova < first + part && !has_failed(); iova += sweep.stride) {
		if (iova_is_reserved(iova, sweep.page))
			continue;
		if (!pair(iova, memory + index * sweep.page, sweep.page))
			break;
		if (!index && sweep.sample && !(++done % sweep.sample))
			sample();
	}
}

/* One page every so often over a large span. What is held then, and some time later? */
void run_sweep(void)
{
	struct reclaim_stats before = reclaim_stats();
	uint64_t ns, tsc, kib;

	sweep.span = number("span", UINT64_C(1) << 40);
	sweep.stride = number("stride", TABLE);
	sweep.page = number("page", 4096);
	sweep.sample = number("sample", 1024);
	sweep.threads = number("threads", 1);
	if (!begin(sweep.page * sweep.threads))
		return;
	ns = now_ns();
	tsc = ticks();
	run_threads((unsigned int)sweep.threads, sweep_part);
	tsc = ticks() - tsc;
	ns = now_ns() - ns;
	kib = meminfo("SecPageTables");
	sleep_ms(100);
	refresh_counters();
	report("pairs", sweep.span / sweep.stride);
	report("ns", ns);
	report("ticks", tsc);
	report("start_kib", start_kib);
	report("peak_kib", peak_kib > kib ? peak_kib : kib);
	report("end_kib", kib);
	report("later_kib", meminfo("SecPageTables"));
	report("no_memory", no_memory);
	end(before);
}

/*
 * The patterns of one thread, counted: "same", one page again and again; "ring", a window of 256
 * pages that moves on; "live", the first in a table that keeps another page; "two", two tables
 * in turn.
 */
void run_loop(void)
{
	struct reclaim_stats before = reclaim_stats();
	const char *pattern = text("pattern", "same");
	uint64_t pairs = number("pairs", 20000), window = 0, step = 0, wrap = 1, ns, tsc;
	uint64_t base = UINT64_C(1) << 33;

	if (!strcmp(pattern, "ring")) {
		window = 256;
		step = 4096;
		wrap = UINT64_MAX;
	} else if (!strcmp(pattern, "two")) {
		step = TABLE;
		wrap = 2;
	}
	if (!begin(4096))
		return;
	if (!strcmp(pattern, "live") && device_map(device, base + 4096, memory, 4096))
		fail("mapping the page that stays");
	for (uint64_t i = 0; i < window; i++)
		if (device_map(device, base + i * step, memory, 4096))
			fail("filling the window");
	ns = now_ns();
	tsc = ticks();
	for (uint64_t i = 0; i < pairs && !has_failed(); i++) {
		if (device_map(device, base + (i + window) % wrap * step, memory, 4096) ||
		    device_unmap(device, base + i % wrap * step, 4096))
			fail("pair %llu", (unsigned long long)i);
	}
	tsc = ticks() - tsc;
	ns = now_ns() - ns;
	report("pairs", pairs);
	report("ns", ns);
	report("ticks", tsc);
	end(before);
}

static uint64_t shared_pairs;

static void shared_part(unsigned int index)
{
	uint64_t base = UINT64_C(1) << 33;
	uint64_t state = index + 1;

	/* Neighbours in the same tables; now and then all are away and the tables are empty. */
	for (uint64_t i = 0; i < shared_pairs && !has_failed(); i++) {
		uint64_t table = next_random(&state) % 4;
		uint64_t pages = 1 + next_random(&state) % 8;

		pair(base + table * TABLE + index * 64 * 4096, memory, pages * 4096);
		if (!(next_random(&state) % 64))
			usleep(200);
	}
}

/* Threads whose pages lie in the same tables. */
void run_shared(void)
{
	struct reclaim_stats before = reclaim_stats();

	shared_pairs = number("pairs", 20000);
	if (!begin(8 * 4096))
		return;
	run_threads((unsigned int)number("threads", 2), shared_part);
	report("pairs", shared_pairs);
	end(before);
}

/* Small pages that leave an empty table behind, then a large one in its place, and so on. */
void run_large(void)
{
	struct reclaim_stats before = reclaim_stats();
	uint64_t rounds = number("rounds", 2000), base = UINT64_C(1) << 34, state = 1;

	if (!begin(2 * TABLE))
		return;
	for (uint64_t i = 0; i < rounds && !has_failed(); i++) {
		uint64_t iova = base + next_random(&state) % 8 * 2 * TABLE;

		for (unsigned int n = 0; n < 4; n++)
			pair(iova + next_random(&state) % 512 * 4096, memory, 4096);
		pair(iova, memory, TABLE);
		if (i % 4 == 0)
			pair(iova, memory, 2 * TABLE);
		if (i % 16 == 0)
			usleep(500);
	}
	report("rounds", rounds);
	end(before);
}

/* What the device writes arrives, at addresses whose tables were just taken away or kept. */
void run_verify(void)
{
	struct reclaim_stats before = reclaim_stats();
	uint64_t rounds = number("rounds", 10), base = UINT64_C(1) << 35;

	if (!begin(2 * 4096))
		return;
	for (uint64_t i = 0; i < rounds && !has_failed(); i++) {
		uint64_t iova = base + i % 3 * TABLE;

		for (unsigned int n = 0; n < 50; n++)
			pair(iova + 8 * 4096, memory + 4096, 4096);
		if (device_map(device, iova, memory, 4096)) {
			fail("mapping");
			break;
		}
		/* The neighbour comes and goes while the page that the device uses stays. */
		for (unsigned int n = 0; n < 50; n++)
			pair(iova + 8 * 4096, memory + 4096, 4096);
		if (!device_write(device, iova, (volatile uint32_t *)memory, (uint32_t)i + 77))
			fail("round %llu: the device's word did not arrive", (unsigned long long)i);
		if (device_unmap(device, iova, 4096))
			fail("unmapping");
	}
	report("rounds", rounds);
	end(before);
}

static void sweep_until_killed(void)
{
	device = device_open(text("backend", "type1"), text("device", "0000:00:03.0"));
	if (!device)
		_exit(1);
	memory = aligned_memory(4096);
	for (uint64_t iova = TABLE;; iova += TABLE)
		if (!iova_is_reserved(iova, 4096) && !pair(iova, memory, 4096))
			_exit(1);
}

/* A program dies in the middle of a sweep: its domain goes away with candidates in it. */
void run_kill(void)
{
	struct reclaim_stats before = reclaim_stats();
	uint64_t rounds = number("rounds", 20), state = 1;
	int status;

	disturb_start();
	for (uint64_t i = 0; i < rounds && !has_failed(); i++) {
		pid_t child = fork();

		if (!child)
			sweep_until_killed();
		sleep_ms(20 + next_random(&state) % 200);
		kill(child, SIGKILL);
		if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
			fail("round %llu: the child ended by itself", (unsigned long long)i);
	}
	disturb_stop();
	sleep_ms(200);
	refresh_counters();
	report("rounds", rounds);
	report("later_kib", meminfo("SecPageTables"));
	report_reclaim(before);
}
