/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * How long a grace period of the hosted platform takes while 0 or 1 other threads enter and leave
 * read sections without a break, for threads that are registered and for such that are online.
 * Prints tab-separated nanoseconds.
 */
#include <ebb_hot.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 200001u

static bool stop, running;
static cpu_set_t cpus; /* of the process */

/* On the n-th of the CPUs, so that the other thread is running while a grace period lasts. */
static void pin(unsigned n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus) && n-- == 0)
			CPU_SET(cpu, &set);
	if (CPU_COUNT(&set))
		pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void be(bool online)
{
	if (online)
		ebb_hosted_online();
	else
		ebb_hosted_register_thread();
}

static void *reader(void *arg)
{
	const bool *online = arg;

	pin(1);
	be(*online);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		ebb_hot_read_lock();
		ebb_hot_read_unlock();
		__atomic_store_n(&running, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void measure(const struct ebb_platform *platform, bool online, unsigned threads)
{
	static uint64_t ns[ROUNDS];
	uint64_t sum = 0;
	pthread_t other;

	stop = running = false;
	be(online);
	if (threads > 1 && pthread_create(&other, NULL, reader, &online)) {
		perror("grace-time: pthread_create");
		exit(1);
	}
	while (threads > 1 && !__atomic_load_n(&running, __ATOMIC_RELAXED))
		ebb_hot_pause(64);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t start = now_ns();

		platform->grace_wait(platform->ctx);
		ns[i] = now_ns() - start;
		sum += ns[i];
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	ebb_hosted_offline();
	if (threads > 1)
		pthread_join(other, NULL);
	qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
	printf("%s\t%u\t%lu\t%lu\t%lu\t%lu\t%lu\n", online ? "online" : "registered", threads,
	       (unsigned long)ns[0], (unsigned long)ns[ROUNDS / 2], (unsigned long)(sum / ROUNDS),
	       (unsigned long)ns[ROUNDS / 100 * 99], (unsigned long)ns[ROUNDS - 1]);
}

int main(void)
{
	struct ebb_hosted *h = ebb_hosted_create(0);
	struct ebb_platform platform;

	if (!h) {
		fputs("grace-time: no address space\n", stderr);
		return 1;
	}
	platform = ebb_hosted_platform(h);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	pin(0);
	puts("kind\tthreads\tmin\tmedian\tmean\tp99\tmax");
	for (unsigned online = 0; online < 2; online++)
		for (unsigned threads = 1; threads <= 2; threads++)
			measure(&platform, online, threads);
	ebb_hosted_destroy(h);
	return 0;
}
