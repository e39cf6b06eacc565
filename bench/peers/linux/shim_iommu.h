/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_PEER_IOMMU_H
#define EBB_PEER_IOMMU_H
/* Of the kernel's IOMMU core: what page-table code and those who call it have to do with. */
#include "shim.h"

#define IOMMU_READ	      (1u << 0)
#define IOMMU_WRITE	      (1u << 1)
#define __IOMMU_DOMAIN_PAGING (1u << 0)
#define IOMMU_DIRTY_NO_CLEAR  (1u << 0)

struct iommu_domain;
struct iova_bitmap;
struct device;

/* ---- what an unmap leaves for the sync ------------------------------------------------------- */

struct iommu_pages_list {
	struct list_head pages;
};

#define IOMMU_PAGES_LIST_INIT(name) \
	((struct iommu_pages_list){ .pages = LIST_HEAD_INIT((name).pages) })

struct iommu_iotlb_gather {
	unsigned long start, end; /* end is inclusive; start > end: nothing */
	struct {
		u8 leaf_levels_bitmap, table_levels_bitmap;
	} pt;
	struct iommu_pages_list freelist;
	bool queued; /* everything will be flushed later */
};

struct iommu_domain_ops {
	void (*iotlb_sync)(struct iommu_domain *domain, struct iommu_iotlb_gather *gather);
};

struct iommu_domain {
	unsigned int type;
	bool is_iommupt;
	const struct iommu_domain_ops *ops;
	unsigned long pgsize_bitmap;
	struct {
		dma_addr_t aperture_start, aperture_end;
		bool force_aperture;
	} geometry;
};

static inline void iommu_iotlb_gather_init(struct iommu_iotlb_gather *gather)
{
	*gather = (struct iommu_iotlb_gather){
		.start = ULONG_MAX,
		.freelist = IOMMU_PAGES_LIST_INIT(gather->freelist),
	};
}

static inline void iommu_iotlb_gather_add_range(struct iommu_iotlb_gather *gather,
						unsigned long iova, size_t size)
{
	unsigned long last = iova + size - 1;

	gather->start = iova < gather->start ? iova : gather->start;
	gather->end = last > gather->end ? last : gather->end;
}

/* Is there a gap between the range and what was gathered? */
static inline bool iommu_iotlb_gather_is_disjoint(const struct iommu_iotlb_gather *gather,
						  unsigned long iova, size_t size)
{
	return gather->end != 0 && (iova + size < gather->start || iova > gather->end + 1);
}

static inline bool iommu_iotlb_gather_queued(const struct iommu_iotlb_gather *gather)
{
	return gather && gather->queued;
}

static inline void iommu_iotlb_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	if (domain->ops->iotlb_sync && likely(gather->start < gather->end))
		domain->ops->iotlb_sync(domain, gather);
	iommu_iotlb_gather_init(gather);
}

/* ---- dirty pages, which the peer does not log ------------------------------------------------ */

struct iommu_dirty_bitmap {
	struct iova_bitmap *bitmap;
	struct iommu_iotlb_gather *gather;
};

#define iova_bitmap_set(bitmap, iova, length) ((void)(bitmap), (void)(iova), (void)(length))

#endif
