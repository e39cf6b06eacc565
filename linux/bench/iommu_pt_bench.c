// SPDX-License-Identifier: GPL-2.0-only
// Copyright (c) 2026 The Ebb authors
/*
 * What a map and an unmap cost in the kernel, at native speed under User-Mode Linux: a KUnit suite
 * that linux/scripts/bench.sh adds to trees with and without the series. The tables are those of
 * the production objects, on a domain whose device does not exist. It prints the least of many
 * rounds, in picoseconds per call.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/generic_pt/iommu.h>
#include <linux/iommu.h>
#include <linux/math64.h>
#include <linux/sizes.h>
#include <linux/timekeeping.h>

#include "iommu-pages.h"
#if __has_include("generic_pt/reclaim.h")
#include "generic_pt/reclaim.h"
#define RECLAIM_STATE sizeof(struct pt_iommu_reclaim)
#else
#define RECLAIM_STATE 0ul
#endif

#define ROUNDS 3000
#define BASE   SZ_4G

struct bench_domain {
	union {
		struct iommu_domain domain;
		struct pt_iommu_vtdss vtdss;
		struct pt_iommu_x86_64 x86_64;
		struct pt_iommu_amdv1 amdv1;
	};
	spinlock_t top_lock;
};
PT_IOMMU_CHECK_DOMAIN(struct bench_domain, vtdss.iommu, domain);
PT_IOMMU_CHECK_DOMAIN(struct bench_domain, x86_64.iommu, domain);
PT_IOMMU_CHECK_DOMAIN(struct bench_domain, amdv1.iommu, domain);

static void bench_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	iommu_put_pages_list(&gather->freelist);
}

static const struct iommu_domain_ops vtdss_ops = {
	IOMMU_PT_DOMAIN_OPS(vtdss),
	.iotlb_sync = bench_sync,
};

static const struct iommu_domain_ops x86_64_ops = {
	IOMMU_PT_DOMAIN_OPS(x86_64),
	.iotlb_sync = bench_sync,
};

static const struct iommu_domain_ops amdv1_ops = {
	IOMMU_PT_DOMAIN_OPS(amdv1),
	.iotlb_sync = bench_sync,
};

static void bench_change_top(struct pt_iommu *table, phys_addr_t top, unsigned int level)
{
}

static spinlock_t *bench_top_lock(struct pt_iommu *table)
{
	return &container_of(table, struct bench_domain, vtdss.iommu)->top_lock;
}

static const struct pt_iommu_driver_ops bench_driver_ops = {
	.change_top = bench_change_top,
	.get_top_lock = bench_top_lock,
};

static void set_up(struct kunit *test, struct bench_domain *bench,
		   const struct iommu_domain_ops *ops)
{
	struct device *device = kunit_device_register(test, "iommu_pt_bench");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, device);
	set_dev_node(device, NUMA_NO_NODE);
	spin_lock_init(&bench->top_lock);
	bench->domain.ops = ops;
	bench->domain.type = IOMMU_DOMAIN_UNMANAGED;
	bench->vtdss.iommu.nid = NUMA_NO_NODE;
	bench->vtdss.iommu.driver_ops = &bench_driver_ops;
	bench->vtdss.iommu.iommu_device = device;
}

/* UML's clock is too coarse for one call. */
static u64 ticks(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

/*
 * One size: COUNT calls of SIZE bytes each, at STRIDE, to addresses that allow for leaves of that
 * size or, ODD, of 4 KiB only. A page stays mapped, so that no table that counts ever is empty.
 */
static void measure(struct kunit *test, struct bench_domain *bench, const char *format,
		    const char *name, size_t size, size_t stride, unsigned int count, size_t odd)
{
	u64 best_map = U64_MAX, best_unmap = U64_MAX;
	u64 first_ns = ktime_get_ns(), first_tick = ticks(), ns, all;

	for (unsigned int round = 0; round != ROUNDS; round++) {
		u64 start = ticks(), middle, finish;
		int ret = 0;

		for (unsigned int i = 0; i != count; i++)
			ret |= iommu_map(&bench->domain, BASE + i * stride,
					 SZ_1G + i * stride + odd, size, IOMMU_READ | IOMMU_WRITE,
					 GFP_KERNEL);
		middle = ticks();
		for (unsigned int i = 0; i != count; i++)
			ret |= iommu_unmap(&bench->domain, BASE + i * stride, size) != size;
		finish = ticks();
		KUNIT_ASSERT_EQ(test, ret, 0);
		best_map = min(best_map, middle - start);
		best_unmap = min(best_unmap, finish - middle);
		if (round % 64 == 0)
			cond_resched();
	}
	ns = ktime_get_ns() - first_ns;
	all = ticks() - first_tick;
	pr_info("bench: %s %s map %llu unmap %llu\n", format, name,
		mul_u64_u64_div_u64(best_map * 1000, ns, all) / count,
		mul_u64_u64_div_u64(best_unmap * 1000, ns, all) / count);
}

static void measure_all(struct kunit *test, struct bench_domain *bench, const char *format)
{
	const dma_addr_t stays = BASE + SZ_1M + SZ_512K;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(&bench->domain, stays, SZ_1G, SZ_4K, IOMMU_READ, GFP_KERNEL));
	measure(test, bench, format, "4K", SZ_4K, SZ_4K, 256, 0);
	measure(test, bench, format, "256x4K", SZ_1M, SZ_1M, 1, SZ_4K);
	KUNIT_ASSERT_EQ(test, SZ_4K, iommu_unmap(&bench->domain, stays, SZ_4K));
	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(&bench->domain, BASE + SZ_512M, SZ_1G, SZ_2M, IOMMU_READ,
				  GFP_KERNEL));
	/* The first map of a round may find an empty table of small pages in its way. */
	measure(test, bench, format, "2M", SZ_2M, SZ_2M, 128, 0);
	iommu_unmap(&bench->domain, BASE + SZ_512M, SZ_2M);
	pt_iommu_deinit(&bench->vtdss.iommu);
}

static void bench_vtdss(struct kunit *test)
{
	struct bench_domain *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	struct pt_iommu_vtdss_cfg cfg = {
		.common = { .features = BIT(PT_FEAT_FLUSH_RANGE),
			    .hw_max_vasz_lg2 = 48,
			    .hw_max_oasz_lg2 = 52 },
		.top_level = 3,
	};

	set_up(test, bench, &vtdss_ops);
	KUNIT_ASSERT_EQ(test, 0, pt_iommu_vtdss_init(&bench->vtdss, &cfg, GFP_KERNEL));
	pr_info("bench: state %zu domain %zu\n", RECLAIM_STATE, sizeof(struct pt_iommu_vtdss));
	measure_all(test, bench, "vtdss");
}

static void bench_x86_64(struct kunit *test)
{
	struct bench_domain *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	struct pt_iommu_x86_64_cfg cfg = {
		.common = { .features = BIT(PT_FEAT_FLUSH_RANGE),
			    .hw_max_vasz_lg2 = 48,
			    .hw_max_oasz_lg2 = 52 },
		.top_level = 3,
	};

	set_up(test, bench, &x86_64_ops);
	KUNIT_ASSERT_EQ(test, 0, pt_iommu_x86_64_init(&bench->x86_64, &cfg, GFP_KERNEL));
	measure_all(test, bench, "x86_64");
}

static void bench_amdv1(struct kunit *test)
{
	struct bench_domain *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	struct pt_iommu_amdv1_cfg cfg = {
		.common = { .features = BIT(PT_FEAT_DYNAMIC_TOP) | BIT(PT_FEAT_FLUSH_RANGE) |
					BIT(PT_FEAT_AMDV1_ENCRYPT_TABLES) |
					BIT(PT_FEAT_AMDV1_FORCE_COHERENCE),
			    .hw_max_vasz_lg2 = 64,
			    .hw_max_oasz_lg2 = 52 },
		.starting_level = 2,
	};

	set_up(test, bench, &amdv1_ops);
	KUNIT_ASSERT_EQ(test, 0, pt_iommu_amdv1_init(&bench->amdv1, &cfg, GFP_KERNEL));
	measure_all(test, bench, "amdv1");
}

static struct kunit_case bench_cases[] = {
	KUNIT_CASE_SLOW(bench_vtdss),
	KUNIT_CASE_SLOW(bench_x86_64),
	KUNIT_CASE_SLOW(bench_amdv1),
	{},
};

static struct kunit_suite bench_suite = {
	.name = "iommu_pt_bench",
	.test_cases = bench_cases,
};
kunit_test_suite(bench_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Times of map and unmap");
MODULE_IMPORT_NS("GENERIC_PT_IOMMU");
