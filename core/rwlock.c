/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Policy rwlock: the proposal of 2023, done right. One read-write lock per domain. Map and unmap
 * hold the read side and keep, in each table's descriptor, a count of its entries that are not
 * zero. An unmap that brings a count to zero takes the write side and unlinks the table, and those
 * above it that become empty, at once.
 *
 * The wide invalidation happens inside the write side: were it after, another caller could install
 * a new table and complete a map while the device still walks the old one from its walk cache. With
 * all others excluded no grace period is needed.
 */
#include "internal.h"

void ebb_rw_read_wait(struct ebb_domain *d)
{
	unsigned spins = 0;

	/* Takes back the reader that ebb_rw_read_lock() added too early. */
	__atomic_fetch_sub(&d->rwlock, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&d->rwlock, __ATOMIC_RELAXED) & EBB_RW_WRITER)
		ebb_hot_pause(spins++);
}

void ebb_rw_write_lock(struct ebb_domain *d)
{
	unsigned spins = 0;

	/*
	 * The flag first, so that readers cannot starve a writer; then wait for those that are
	 * inside.
	 */
	while (__atomic_fetch_or(&d->rwlock, EBB_RW_WRITER, __ATOMIC_ACQUIRE) & EBB_RW_WRITER)
		ebb_hot_pause(spins++);
	/* Acquire: pairs with the release in ebb_rw_read_unlock(). */
	while (__atomic_load_n(&d->rwlock, __ATOMIC_ACQUIRE) != EBB_RW_WRITER)
		ebb_hot_pause(spins++);
}

void ebb_rw_write_unlock(struct ebb_domain *d)
{
	__atomic_fetch_and(&d->rwlock, ~EBB_RW_WRITER, __ATOMIC_RELEASE);
}

/*
 * Unlinks empty tables from *t upwards; path[l] is the table at level l. Returns their list, the
 * topmost in *top.
 */
static struct ebb_table *prune_path(struct ebb_gather *g, struct ebb_table *const *path,
				    unsigned level, uint64_t iova, unsigned *top)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *list = NULL;

	for (; level < ebb_top(d); level++) {
		struct ebb_desc *desc = ebb_hot_desc(path[level]);
		uint64_t *ep = &path[level + 1]->entry[ebb_index(iova, level + 1)];

		if (desc->count)
			break;
		ebb_store(ep, 0);
		ebb_write_back(d, ep, 1);
		ebb_hot_desc(path[level + 1])->count--;
		ebb_table_unlinked(g, path[level], level);
		desc->next = list;
		list = path[level];
		*top = level;
	}
	return list;
}

static struct ebb_table *prune_walk(const struct ebb_format *f, enum ebb_policy policy,
				    struct ebb_gather *g, uint64_t iova, unsigned *top)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *path[EBB_LEVELS_MAX];
	unsigned l = ebb_top(d);

	(void)policy;
	path[l] = d->root;
	for (;;) {
		uint64_t e = ebb_load(&path[l]->entry[ebb_index(iova, l)]);

		if (!ebb_is_table(f, e, l))
			break;
		path[--l] = ebb_child(f, e);
	}
	return prune_path(g, path, l, iova, top);
}

bool ebb_rw_prune(struct ebb_gather *g, uint64_t iova)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *list;
	unsigned top = 0;

	ebb_rw_write_lock(d);
	list = EBB_SPECIALISE(d, prune_walk, g, iova, &top);
	if (list) {
		struct ebb_span span = { { ebb_table_first(iova, top) },
					 { ebb_table_last(iova, top) },
					 EBB_WIDE };

		d->platform.invalidate(d->platform.ctx, &span, 1);
		ebb_count(&g->counters.wide_invalidations, 1);
	}
	ebb_rw_write_unlock(d);
	if (!list)
		return false;
	ebb_tables_free(g, list);
	return true;
}
