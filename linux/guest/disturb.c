// SPDX-License-Identifier: GPL-2.0-only
// Copyright (c) 2026 The Ebb authors
/* What may go on beside a command: "hammer=1", reclaim at its most aggressive; "eat=1", memory
 * that runs short again and again.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "guest.h"

#define BITE	  (UINT64_C(4) << 20)
#define LEAVE_KIB (UINT64_C(24) << 10)
#define BITES	  4096

static pthread_t eater;
static volatile bool eating;

static void *eat(void *unused)
{
	static void *bites[BITES];
	size_t have = 0;

	(void)unused;
	while (eating) {
		bites[have] = MAP_FAILED;
		if (have < BITES - 1 && meminfo("MemAvailable") > LEAVE_KIB)
			bites[have] = mmap(NULL, BITE, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (bites[have] != MAP_FAILED) {
			have++;
			continue;
		}
		sleep_ms(20);
		while (have)
			munmap(bites[--have], BITE);
	}
	while (have)
		munmap(bites[--have], BITE);
	return NULL;
}

void disturb_start(void)
{
	if (number("hammer", 0))
		hammer_start();
	eating = number("eat", 0);
	if (eating && pthread_create(&eater, NULL, eat, NULL))
		abort();
}

void disturb_stop(void)
{
	int error = errno;

	hammer_stop();
	if (eating) {
		eating = false;
		pthread_join(eater, NULL);
	}
	errno = error;
}
