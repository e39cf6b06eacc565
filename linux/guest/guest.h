/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The program that the test kernels run as their only process: it is /init, runs the commands that
 * its arguments name, and writes what they found to the second serial port, one object of JSON
 * per line. A command is NAME or NAME:KEY=VALUE,KEY=VALUE; numbers take the suffixes K, M, G, T.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command {
	const char *name;
	void (*run)(void);
};

/* init.c: the options of the command that runs. */
uint64_t number(const char *key, uint64_t otherwise);
const char *text(const char *key, const char *otherwise);

/*
 * init.c: members of the object that the command reports. The first failure ends a command; it may
 * be told by any thread, and the others go on until they see has_failed().
 */
void report(const char *key, uint64_t value);
void report_text(const char *key, const char *value);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool has_failed(void);

/* files.c */
bool read_file(const char *path, char *to, size_t size);
bool write_file(const char *path, const char *what);
uint64_t meminfo(const char *key); /* in KiB */
void refresh_counters(void);
uint64_t now_ns(void);
void sleep_ms(unsigned int ms);
static inline uint64_t ticks(void)
{
	uint32_t low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* A generator for each thread; never 0. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/*
 * reclaim.c: what the series shows in debugfs, summed over all domains; all 0 on a stock kernel.
 * hammer_start() makes the reclaimer look at each candidate at once, and runs rounds without
 * a pause.
 */
struct reclaim_stats {
	uint64_t held, pending, freed, thawed, wide_flushes;
};
bool reclaim_is_there(void);
struct reclaim_stats reclaim_stats(void);
void report_reclaim(struct reclaim_stats before);
void hammer_start(void);
void hammer_stop(void);

/* disturb.c: starts and stops what the command's options want to go on beside it. */
void disturb_start(void);
void disturb_stop(void);

/* files.c: runs body(0) to body(count - 1) at once; waits for all. */
void run_threads(unsigned int count, void (*body)(unsigned int));

/* vfio.c: one PCI device whose IOVA space is ours, through type 1 or iommufd. */
struct device;
struct device *device_open(const char *backend, const char *address);
void device_close(struct device *device);
int device_map(struct device *device, uint64_t iova, void *memory, uint64_t size);
int device_unmap(struct device *device, uint64_t iova, uint64_t size);
bool iova_is_reserved(uint64_t iova, uint64_t size);
/* The edu device writes a word to iova by DMA; false where it did not arrive in memory. */
bool device_write(struct device *device, uint64_t iova, volatile uint32_t *memory, uint32_t word);

void run_sweep(void);
void run_loop(void);
void run_shared(void);
void run_large(void);
void run_verify(void);
void run_kill(void);
void run_disk(void);
void run_net(void);
void run_rebind(void);

#endif
