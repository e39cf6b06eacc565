/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The page tables of Linux (generic_pt, format vtdss) as an engine of `ebb bench`. Its sources are
 * included below, from where scripts/peers.sh has unpacked them; nothing of them is in this tree.
 *
 * A pair is what a driver and the IOMMU core do for it: map_range(), unmap_range() into a gather,
 * and iommu_iotlb_sync(), whose flush is the platform's invalidation. What iommu_map() and
 * iommu_unmap() do around that (checks of their arguments, trace points) is left out, and the
 * functions are called directly instead of through their table, which is kinder than the kernel.
 */
#include "shim.h"
#include "shim_iommu.h"

#include "bench_engine.h"
#include "ebb.h"

#include <stdlib.h>
#include <sys/mman.h>

uintptr_t shim_folios;
static uintptr_t first_page; /* number of the first page that the array of descriptors is for */

/* The same for all domains of a benchmark; a page's allocator is not told which it is for. */
static struct ebb_platform platform;

/* ---- pages: what drivers/iommu/iommu-pages.c does, without its statistics -------------------- */

#include <../drivers/iommu/iommu-pages.h>

void *iommu_alloc_pages_node_sz(int nid, gfp_t gfp, size_t size)
{
	struct ebb_table *page;

	(void)gfp;
	if (size != EBB_TABLE_SIZE)
		return NULL;
	page = platform.alloc_table(platform.ctx, nid);
	if (((uintptr_t)page >> PAGE_SHIFT) - first_page < 2 * SHIM_PAGES_AROUND)
		return page;
	iommu_free_pages(page);
	return NULL;
}

static struct ebb_desc *desc_of(const void *page)
{
	uintptr_t in_chunk = (uintptr_t)page & (BENCH_CHUNK_SIZE - 1);

	return (struct ebb_desc *)((uintptr_t)page - in_chunk +
				   in_chunk / EBB_TABLE_SIZE * BENCH_DESC_SIZE);
}

void iommu_free_pages(void *virt)
{
	if (!virt)
		return;
	desc_of(virt)->next = NULL;
	platform.free_tables(platform.ctx, virt);
}

void iommu_put_pages_list(struct iommu_pages_list *list)
{
	struct ebb_table *first = NULL;

	for (struct list_head *at = list->pages.next; at != &list->pages; at = at->next) {
		struct ioptdesc *iopt = container_of(at, struct ioptdesc, iopt_freelist_elm);
		struct ebb_table *page = shim_folio_virt(ioptdesc_folio(iopt));

		desc_of(page)->next = first;
		first = page;
	}
	if (first)
		platform.free_tables(platform.ctx, first);
}

/* Only for walks that do not snoop. */
int iommu_pages_start_incoherent(void *virt, struct device *dma_dev)
{
	(void)virt;
	(void)dma_dev;
	return -EOPNOTSUPP;
}

/* ---- the peer's own sources ------------------------------------------------------------------ */

#include <../drivers/iommu/generic_pt/fmt/iommu_vtdss.c>

/* ---- the engine ------------------------------------------------------------------------------ */

#define LEVELS	 4u
#define IOVA_LG2 48
#define PA_LG2	 52

struct caller {
	struct pt_iommu *table;
	struct iommu_iotlb_gather gather;
};

extern const struct bench_peer bench_peer;

static int error_of(int error)
{
	switch (error) {
	case 0:
		return EBB_OK;
	case -EADDRINUSE:
		return EBB_ERR_MAPPED;
	case -ENOMEM:
		return EBB_ERR_NO_MEMORY;
	default:
		return EBB_ERR_INVALID;
	}
}

/* As a driver does it: flush, then free. Tables in the list ask for a flush of the walk caches. */
static void flush(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	struct ebb_span span = {
		.first = { gather->start },
		.last = { gather->end },
		.kind = iommu_pages_list_empty(&gather->freelist) ? EBB_LEAF : EBB_WIDE,
	};

	(void)domain;
	platform.invalidate(platform.ctx, &span, 1);
	iommu_put_pages_list(&gather->freelist);
}

static const struct iommu_domain_ops domain_ops = { .iotlb_sync = flush };

/* Intel's driver asks for the same where walks snoop. */
static const struct pt_iommu_vtdss_cfg table_cfg = {
	.common = {
		.features = BIT(PT_FEAT_FLUSH_RANGE),
		.hw_max_vasz_lg2 = IOVA_LG2,
		.hw_max_oasz_lg2 = PA_LG2,
	},
	.top_level = LEVELS - 1,
};

static bool reserve_folios(void)
{
	struct ebb_table *page;
	void *folios;

	if (shim_folios)
		return true;
	page = platform.alloc_table(platform.ctx, NUMA_NO_NODE);
	folios = mmap(NULL, 2 * SHIM_PAGES_AROUND * sizeof(struct folio), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (page && folios != MAP_FAILED) {
		first_page = ((uintptr_t)page >> PAGE_SHIFT) - SHIM_PAGES_AROUND;
		shim_folios = (uintptr_t)folios - first_page * sizeof(struct folio);
	}
	iommu_free_pages(page);
	return shim_folios != 0;
}

static void *domain_open(const struct bench_engine *engine, const struct ebb_platform *pages)
{
	struct pt_iommu_vtdss *table;

	(void)engine;
	platform = *pages;
	table = reserve_folios() ? aligned_alloc(64, (sizeof(*table) + 63) / 64 * 64) : NULL;
	if (!table)
		return NULL;
	memset(table, 0, sizeof(*table));
	table->iommu.nid = NUMA_NO_NODE;
	if (pt_iommu_vtdss_init(table, &table_cfg, GFP_KERNEL)) {
		free(table);
		return NULL;
	}
	table->iommu.domain.ops = &domain_ops;
	return table;
}

static void domain_close(void *domain)
{
	struct pt_iommu_vtdss *table = domain;

	pt_iommu_deinit(&table->iommu);
	free(table);
}

static void *caller_open(void *domain)
{
	struct pt_iommu_vtdss *table = domain;
	struct caller *caller = aligned_alloc(64, (sizeof(*caller) + 63) / 64 * 64);

	if (caller) {
		caller->table = &table->iommu;
		iommu_iotlb_gather_init(&caller->gather);
	}
	return caller;
}

static int unmap(void *arg, uint64_t iova, uint64_t len)
{
	struct caller *caller = arg;

	return NS(unmap_range)(caller->table, iova, len, &caller->gather) == len ?
		       EBB_OK :
		       EBB_ERR_NOT_MAPPED;
}

static void sync_unmapped(void *arg)
{
	struct caller *caller = arg;

	iommu_iotlb_sync(&caller->table->domain, &caller->gather);
}

static int map(void *arg, uint64_t iova, uint64_t pa, uint64_t len)
{
	struct caller *caller = arg;
	size_t mapped = 0;
	int ret = NS(map_range)(caller->table, iova, pa, len, IOMMU_READ | IOMMU_WRITE, GFP_KERNEL,
				&mapped);

	if (unlikely(ret) && mapped) { /* as iommu_map() does: all or nothing */
		unmap(caller, iova, mapped);
		sync_unmapped(caller);
	}
	return error_of(ret);
}

static int translate(void *arg, uint64_t iova, uint64_t *pa)
{
	struct caller *caller = arg;

	*pa = pt_iommu_vtdss_iova_to_phys(&caller->table->domain, iova);
	/* Nothing is ever mapped to 0 by those who ask. */
	return *pa ? EBB_OK : EBB_ERR_NOT_MAPPED;
}

/*
 * Linux has nothing to free what is empty with, and does not count its tables: pages are counted.
 */
static void settle(void *domain, struct bench_tables *tables)
{
	(void)domain;
	(void)tables;
}

const struct bench_peer bench_peer __attribute__((visibility("default"))) = {
	.interface = BENCH_INTERFACE,
	.engine = {
		.name = PEER_NAME,
		.domain_open = domain_open,
		.domain_close = domain_close,
		.caller_open = caller_open,
		.caller_close = free,
		.map = map,
		.unmap = unmap,
		.sync = sync_unmapped,
		.translate = translate,
		.settle = settle,
	},
};
