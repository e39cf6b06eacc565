/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include <ebb.h>
#include <ebb_hosted.h>
#include <stdio.h>

/* Your driver: post the spans to the hardware's queue, wait until it is done, return the proof. */
static ebb_token invalidate(void *ctx, const struct ebb_span *spans, unsigned n)
{
	(void)ctx;
	for (unsigned i = 0; i < n; i++)
		printf("%s invalidation of %#llx-%#llx\n",
		       spans[i].kind == EBB_WIDE ? "wide" : "leaf",
		       (unsigned long long)spans[i].first.v, (unsigned long long)spans[i].last.v);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return (ebb_token){ 1 };
}

int main(void)
{
	static struct ebb_domain domain;
	static struct ebb_gather gather; /* one for each thread that maps or unmaps */
	struct ebb_config config = { .policy = EBB_DEFERRED, .levels = 4, .batch = 64, .node = -1 };
	struct ebb_hosted *hosted = ebb_hosted_create(0);
	struct ebb_platform platform =
		hosted ? ebb_hosted_platform(hosted) : (struct ebb_platform){ 0 };
	struct ebb_stats stats;

	platform.invalidate = invalidate;
	if (ebb_domain_init(&domain, &config, &platform)) /* point the device at ebb_root_pa() */
		return 1;
	ebb_gather_init(&gather, &domain);
	if (ebb_map(&gather, EBB_IOVA(0x40000000), EBB_PA(0x80000000), 0x201000,
		    EBB_READ | EBB_WRITE) ||
	    ebb_unmap(&gather, EBB_IOVA(0x40000000), 0x201000, NULL))
		return 1;
	ebb_sync(&gather); /* the device has forgotten the range */
	ebb_reclaim(&gather, 1000); /* and the empty tables are free */
	ebb_stats(&domain, &stats);
	printf("tables left: %llu, freed: %llu\n", (unsigned long long)stats.held,
	       (unsigned long long)stats.freed);
	ebb_gather_fini(&gather);
	ebb_domain_destroy(&domain);
	ebb_hosted_destroy(hosted);
	return stats.held != 1;
}
