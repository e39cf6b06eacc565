// SPDX-License-Identifier: GPL-2.0-only
// Copyright (c) 2026 The Ebb authors
/* Traffic of an NVMe disk: each request is mapped for the device and unmapped after it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define BLOCK  4096
#define MOST   64 /* blocks of a request */
#define REGION 4096 /* blocks of a thread */

static uint64_t requests_each;
static bool verify;
static uint64_t done_requests;

static uint64_t stamp(unsigned int thread, uint64_t block, uint32_t generation, size_t word)
{
	return (uint64_t)thread << 56 | block << 36 | (uint64_t)generation << 12 | word;
}

static bool transfer(int fd, bool writes, uint64_t *buffer, uint64_t block, uint64_t blocks)
{
	size_t size = blocks * BLOCK;
	off_t at = (off_t)(block * BLOCK);
	ssize_t moved = writes ? pwrite(fd, buffer, size, at) : pread(fd, buffer, size, at);

	__atomic_fetch_add(&done_requests, 1, __ATOMIC_RELAXED);
	return moved == (ssize_t)size;
}

static void write_and_read(unsigned int thread, int fd, uint64_t *buffer)
{
	uint32_t *generations = calloc(REGION, sizeof(*generations));
	uint64_t state = thread + 1, first = (uint64_t)thread * REGION;

	for (uint64_t i = 0; i < requests_each && !has_failed(); i++) {
		uint64_t blocks = 1 + next_random(&state) % MOST;
		uint64_t block = next_random(&state) % (REGION - MOST);
		bool writes = next_random(&state) % 2;

		for (uint64_t n = 0; writes && n < blocks; n++) {
			uint32_t generation = ++generations[block + n];

			for (size_t word = 0; word < BLOCK / 8; word++)
				buffer[n * BLOCK / 8 + word] =
					stamp(thread, block + n, generation, word);
		}
		if (!writes)
			memset(buffer, 0xee, blocks * BLOCK);
		if (!transfer(fd, writes, buffer, first + block, blocks)) {
			fail("request %llu", (unsigned long long)i);
			break;
		}
		for (uint64_t n = 0; !writes && n < blocks; n++) {
			uint32_t generation = generations[block + n];

			for (size_t word = 0; generation && word < BLOCK / 8; word++) {
				if (buffer[n * BLOCK / 8 + word] ==
				    stamp(thread, block + n, generation, word))
					continue;
				fail("thread %u, block %llu, word %zu: wrong data", thread,
				     (unsigned long long)(block + n), word);
				break;
			}
		}
	}
	free(generations);
}

static void read_only(unsigned int thread, int fd, uint64_t *buffer)
{
	uint64_t state = thread + 1;

	for (uint64_t i = 0; i < requests_each && !has_failed(); i++)
		if (!transfer(fd, false, buffer, next_random(&state) % (16 * REGION), 1))
			fail("request %llu", (unsigned long long)i);
}

static void traffic(unsigned int thread)
{
	int fd = open(text("disk", "/dev/nvme0n1"), O_RDWR | O_DIRECT | O_CLOEXEC);
	uint64_t *buffer = aligned_alloc(BLOCK, MOST * BLOCK);

	if (fd < 0 || !buffer)
		fail("opening the disk");
	else if (verify)
		write_and_read(thread, fd, buffer);
	else
		read_only(thread, fd, buffer);
	if (fd >= 0)
		close(fd);
	free(buffer);
}

void run_disk(void)
{
	struct reclaim_stats before = reclaim_stats();
	uint64_t ns = now_ns();

	requests_each = number("requests", 2000);
	verify = number("verify", 1);
	done_requests = 0;
	disturb_start();
	run_threads((unsigned int)number("threads", 8), traffic);
	disturb_stop();
	report("requests", done_requests);
	report("ns", now_ns() - ns);
	sleep_ms(100);
	report_reclaim(before);
}

static volatile bool pulled;

static void *until_pulled(void *unused)
{
	int fd = open("/dev/nvme0n1", O_RDONLY | O_DIRECT | O_CLOEXEC);
	void *buffer = aligned_alloc(BLOCK, BLOCK);
	uint64_t state = 1;

	(void)unused;
	while (!pulled && fd >= 0 &&
	       pread(fd, buffer, BLOCK, (off_t)(next_random(&state) % 16384 * BLOCK)) == BLOCK)
		;
	if (fd >= 0)
		close(fd);
	free(buffer);
	return NULL;
}

static bool wait_for(const char *path)
{
	for (unsigned int i = 0; i < 200; i++) {
		if (!access(path, F_OK))
			return true;
		sleep_ms(20);
	}
	return false;
}

/* The disk's driver, and the device itself, go away in the middle of traffic and come back. */
void run_rebind(void)
{
	struct reclaim_stats before = reclaim_stats();
	const char *address = text("address", "0000:00:04.0");
	uint64_t rounds = number("rounds", 10), state = 1;
	pthread_t threads[2];
	char path[128];

	disturb_start();
	for (uint64_t i = 0; i < rounds && !has_failed(); i++) {
		if (!wait_for("/dev/nvme0n1")) {
			fail("round %llu: no disk", (unsigned long long)i);
			break;
		}
		pulled = false;
		for (unsigned int n = 0; n < 2; n++)
			if (pthread_create(&threads[n], NULL, until_pulled, NULL))
				abort();
		sleep_ms(50 + next_random(&state) % 100);
		pulled = next_random(&state) % 2;
		if (i % 2) {
			write_file("/sys/bus/pci/drivers/nvme/unbind", address);
			write_file("/sys/bus/pci/drivers/nvme/bind", address);
		} else {
			strcat(strcat(strcpy(path, "/sys/bus/pci/devices/"), address), "/remove");
			write_file(path, "1");
			write_file("/sys/bus/pci/rescan", "1");
		}
		pulled = true;
		for (unsigned int n = 0; n < 2; n++)
			pthread_join(threads[n], NULL);
		errno = 0;
	}
	disturb_stop();
	report("rounds", rounds);
	report_reclaim(before);
}
