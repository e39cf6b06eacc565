/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "bench.h"

static struct bench bench;

static void on_fault(void *arg, const struct soft_report *report)
{
	struct bench *b = arg;

	b->reports++;
	b->fault = report->fault;
	snprintf(b->details, sizeof(b->details), "%s\n%s", report->text, report->details);
}

static void on_wait(void *arg)
{
	struct bench *b = arg;

	b->waits++;
	if (b->on_wait)
		b->on_wait(b);
	soft_step(b->device);
}

static struct ebb_table *give(void *ctx, int node)
{
	struct bench *b = ctx;
	struct ebb_platform hosted = ebb_hosted_platform(b->hosted);
	struct ebb_table *table = b->give;

	b->give = NULL;
	return table ? table : hosted.alloc_table(hosted.ctx, node);
}

static void take(void *ctx, struct ebb_table *list)
{
	struct bench *b = ctx;
	struct ebb_platform hosted = ebb_hosted_platform(b->hosted);

	hosted.free_tables(hosted.ctx, list);
}

struct bench *bench_open_with(const struct soft_config *soft)
{
	struct bench *b = &bench;
	struct ebb_config config = { .format = EBB_VTDSS,
				     .policy = EBB_DEFERRED,
				     .levels = LEVELS,
				     .flags = soft->flags,
				     .leaf_levels = soft->leaf_levels,
				     .node = -1 };
	struct soft_config s = *soft;

	s.format = EBB_VTDSS;
	s.levels = LEVELS;
	s.wait = on_wait;
	s.on_fault = on_fault;
	s.arg = b;
	memset(b, 0, sizeof(*b));
	b->hosted = ebb_hosted_create(0);
	assert_non_null(b->hosted);
	b->inner = ebb_hosted_platform(b->hosted);
	b->inner.ctx = b;
	b->inner.alloc_table = give;
	b->inner.free_tables = take;
	b->device = soft_create(&b->inner, &s);
	b->platform = soft_platform(b->device);
	assert_ok(ebb_domain_init(&b->domain, &config, &b->platform));
	soft_attach(b->device, ebb_root_pa(&b->domain));
	ebb_gather_init(&b->gather, &b->domain);
	return b;
}

struct bench *bench_open(uint32_t flags, enum soft_completion completion)
{
	const struct soft_config soft = { .flags = flags, .completion = completion };

	return bench_open_with(&soft);
}

void bench_expect(struct bench *b, enum soft_fault fault)
{
	assert_int_equal(b->fault, fault);
	assert_int_equal(b->reports, 1);
}

void bench_close(struct bench *b)
{
	soft_detach(b->device);
	soft_destroy(b->device);
	ebb_hosted_destroy(b->hosted);
}

void bench_map(struct bench *b, uint64_t iova, uint64_t pa)
{
	assert_ok(ebb_map(&b->gather, EBB_IOVA(iova), EBB_PA(pa), PAGE, RW));
}

struct soft_walk bench_dma(struct bench *b, uint64_t iova, enum soft_access access)
{
	struct soft_walk w;

	soft_dma(b->device, iova, access, &w);
	return w;
}

uint64_t *bench_word(struct bench *b, uint64_t iova, unsigned level)
{
	uint64_t pa = ebb_root_pa(&b->domain).v;

	for (unsigned l = LEVELS - 1; l > level; l--)
		pa = table_entry(pa, vtd_index(iova, l)) & VTD_ADDRESS;
	return table_word(pa, vtd_index(iova, level));
}

struct ebb_table *bench_table(struct bench *b, uint64_t iova, unsigned level)
{
	return ebb_hot_va(EBB_PA(*bench_word(b, iova, level + 1) & VTD_ADDRESS));
}

void bench_free(struct bench *b, struct ebb_table *t)
{
	ebb_hot_desc(t)->next = NULL;
	b->platform.free_tables(b->platform.ctx, t);
}

void bench_invalidate(struct bench *b, uint64_t first, uint64_t last, enum ebb_invalidation kind)
{
	struct ebb_span span = { EBB_IOVA(first), EBB_IOVA(last), kind };

	b->platform.invalidate(b->platform.ctx, &span, 1);
}
