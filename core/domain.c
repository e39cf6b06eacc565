/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* A domain's beginning and end, and the texts of the errors. */
#include "internal.h"

_Static_assert(sizeof(struct ebb_table) == EBB_TABLE_SIZE, "a table is 4 KiB");
_Static_assert(sizeof(struct ebb_domain) <= 4096, "the state of a domain is at most 4 KiB");
_Static_assert(sizeof(struct ebb_gather) <= 4096, "a gather is at most 4 KiB");

static int config_check(const struct ebb_format *f, const struct ebb_config *c,
			const struct ebb_platform *p)
{
	if (!p->alloc_table || !p->free_tables || !p->grace_wait || !p->invalidate)
		return EBB_ERR_INVALID;
	if ((c->flags & EBB_NONSNOOPING) && !p->write_back)
		return EBB_ERR_INVALID;
	if ((unsigned)c->policy >= EBB_POLICIES || (unsigned)c->partial > EBB_PARTIAL_SPLIT ||
	    c->batch > EBB_BATCH_MAX)
		return EBB_ERR_INVALID;
	if ((c->leaf_levels && !(c->leaf_levels & 1)) || (c->flags & ~EBB_FLAGS))
		return EBB_ERR_INVALID;
	if (c->levels < f->levels_min || c->levels > f->levels_max || (c->flags & ~f->flags) ||
	    (c->leaf_levels & ~f->leaf_levels))
		return EBB_ERR_UNSUPPORTED;
	if (c->pa_width_lg2 &&
	    (c->pa_width_lg2 <= EBB_PAGE_LG2 || c->pa_width_lg2 > f->pa_width_lg2))
		return EBB_ERR_UNSUPPORTED;
	return EBB_OK;
}

static void domain_setup(struct ebb_domain *d, const struct ebb_format *f,
			 const struct ebb_config *c, const struct ebb_platform *p)
{
	__builtin_memset(d, 0, sizeof(*d));
	d->format = f;
	d->platform = *p;
	d->policy = c->policy;
	d->partial = c->partial;
	d->levels = c->levels;
	d->flags = c->flags;
	d->map_page = c->flags & (EBB_CACHING_MODE | EBB_NONSNOOPING) ? EBB_POLICIES : c->policy;
	d->unmap_page = c->flags & EBB_NONSNOOPING ? EBB_POLICIES : c->policy;
	d->batch = c->batch;
	d->node = c->node;
	d->held_slack = EBB_HELD_SLACK;
	d->leaf_levels = c->leaf_levels ? c->leaf_levels : f->leaf_levels;
	d->iova_last = ebb_entry_span(c->levels) - 1;
	d->pa_mask = f->pa_bits;
	if (c->pa_width_lg2)
		d->pa_mask &= (1ull << c->pa_width_lg2) - 1;
	d->pa_wide = ~(d->pa_mask | (EBB_TABLE_SIZE - 1));
}

int ebb_domain_init(struct ebb_domain *d, const struct ebb_config *config,
		    const struct ebb_platform *platform)
{
	const struct ebb_format *f = &ebb_vtdss;
	struct ebb_table *root;
	int ret;

	if (config->format != EBB_VTDSS)
		return EBB_ERR_INVALID;
	ret = config_check(f, config, platform);
	if (ret)
		return ret;
	domain_setup(d, f, config, platform);
	root = platform->alloc_table(platform->ctx, d->node);
	if (!root)
		return EBB_ERR_NO_MEMORY;
	*ebb_hot_desc(root) = (struct ebb_desc){ .level = d->levels };
	if (ebb_hot_pa(root).v & ~d->pa_mask) {
		platform->free_tables(platform->ctx, root);
		return EBB_ERR_PA_WIDTH;
	}
	ebb_write_back(d, root->entry, EBB_TABLE_ENTRIES);
	d->root = root;
	d->held = d->held_peak = 1;
	d->retired.live[ebb_top(d)] = 1;
	return EBB_OK;
}

static struct ebb_table *list_join(struct ebb_table *list, struct ebb_table *rest)
{
	struct ebb_table *last = list;

	if (!list)
		return rest;
	while (ebb_hot_desc(last)->next)
		last = ebb_hot_desc(last)->next;
	ebb_hot_desc(last)->next = rest;
	return list;
}

/*
 * Puts t, at `level`, and all below it in front of the list. Recursion is as deep as the tree: at
 * most five.
 */
static struct ebb_table *collect_tree(const struct ebb_format *f, struct ebb_table *t,
				      unsigned level, struct ebb_table *list)
{
	for (unsigned i = 0; level > 0 && i < EBB_TABLE_ENTRIES; i++) {
		uint64_t e = t->entry[EBB_TABLE_ENTRIES - 1 - i]; /* so that the list ascends */

		if (ebb_is_table(f, e, level) || ebb_is_dead(f, e))
			list = collect_tree(f, ebb_child(f, e), level - 1, list);
	}
	ebb_hot_desc(t)->next = list;
	return t;
}

void ebb_domain_destroy(struct ebb_domain *d)
{
	struct ebb_table *list = collect_tree(&ebb_vtdss, d->root, ebb_top(d), d->pool);

	for (struct ebb_gather *g = d->gathers; g; g = g->next) {
		list = list_join(g->spare, list);
		list = list_join(g->unlinked, list);
		list = list_join(g->pending, list);
	}
	d->platform.free_tables(d->platform.ctx, list);
	d->root = NULL;
}

ebb_pa ebb_root_pa(const struct ebb_domain *d)
{
	return ebb_hot_pa(d->root);
}

const char *ebb_strerror(int error)
{
	static const char *const text[] = {
		[-EBB_OK] = "success",
		[-EBB_ERR_INVALID] = "invalid argument",
		[-EBB_ERR_MISALIGNED] = "address or length is not a multiple of the page size",
		[-EBB_ERR_APERTURE] = "range is outside the aperture",
		[-EBB_ERR_PA_WIDTH] = "output address is too wide",
		[-EBB_ERR_MAPPED] = "already mapped",
		[-EBB_ERR_NOT_MAPPED] = "not mapped",
		[-EBB_ERR_LARGE_LEAF] = "range cuts through a larger leaf",
		[-EBB_ERR_NO_MEMORY] = "no memory for a table",
		[-EBB_ERR_UNSUPPORTED] = "not supported by this format or domain",
	};
	/*
	 * Compared as unsigned so that positive codes fail too; negating INT_MIN would overflow as
	 * int.
	 */
	unsigned n = 0u - (unsigned)error;

	return n < sizeof(text) / sizeof(text[0]) ? text[n] : "unknown error";
}
