/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Translation through the caches. Each slot lives until an invalidation names it, or another
 * translation needs the same slot.
 *
 * A leaf invalidation drops pages that overlap its span, and the memory of level-0 entries that
 * were not present. A wide one also drops the memory of tables that were missing, and references to
 * tables; of these only what lies inside the span as a whole, for a narrower invalidation need not
 * reach them (VT-d specification, section 6.5: IH = 0 invalidates the paging-structure caches for
 * the range that is asked for).
 */
#include <string.h>
#include "private.h"

static unsigned hash(uint64_t key)
{
	return (key * 0x9e3779b97f4a7c15ull) >> 56;
}

static unsigned slot_of(const struct soft_iommu *s, uint64_t iova, unsigned level)
{
	return hash(iova / s->format->span(level) * 8 + level);
}

static bool within(uint64_t iova, uint64_t first, uint64_t last)
{
	return first <= iova && iova <= last;
}

/* ---- looking up ---- */

static bool hit_page(struct soft_iommu *s, uint64_t iova, enum soft_access access,
		     struct soft_walk *w)
{
	const struct soft_page *p = &s->pages[slot_of(s, iova, 0)];

	if (!p->valid || !within(iova, p->first, p->last))
		return false;
	/* What the entry in memory does not say yet, it must be made to say: walk. */
	if ((s->config.flags & EBB_ACCESSED_DIRTY) &&
	    ((access != SOFT_PROBE && !p->accessed) || (access == SOFT_WRITE && !p->dirty)))
		return false;
	memset(w, 0, sizeof(*w));
	w->present = true;
	w->pa = p->pa + (iova - p->first);
	w->size_lg2 = p->size_lg2;
	w->prot = p->prot;
	return true;
}

static bool hit_hole(struct soft_iommu *s, uint64_t iova, struct soft_walk *w)
{
	for (unsigned l = 0; l < s->config.levels; l++) {
		const struct soft_hole *h = &s->holes[slot_of(s, iova, l)];

		if (!h->valid || h->level != l || !within(iova, h->first, h->last))
			continue;
		memset(w, 0, sizeof(*w));
		w->level = l;
		return true;
	}
	return false;
}

/*
 * Whether the entry that the reference was read from still names the table, if only as a dead one
 * or below a dead one.
 * The owner of the whole span may have taken the table, and must then not be done.
 */
static void check_link(struct soft_iommu *s, const struct soft_link *link)
{
	uint64_t pa = s->root_pa;

	for (unsigned l = s->config.levels - 1; l > link->level; l--) {
		uint64_t entry =
			soft_read_memory(s, pa, s->format->index(link->first, l), link->first);

		pa = entry & s->format->address;
		if (l == link->level + 1 && pa == link->table_pa)
			return;
		if (!pa)
			break;
	}
	if (soft_expected(s, link->first, NULL, NULL) <= SOFT_ANY &&
	    soft_expected(s, link->last, NULL, NULL) <= SOFT_ANY)
		return;
	soft_fail(s, SOFT_UNLINKED_TABLE,
		  "the walk cache leads to a table that is not linked there", link->first,
		  link->table_pa);
}

/* The lowest table on the way to iova that the walk cache knows, or the root. */
static uint64_t walk_start(struct soft_iommu *s, uint64_t iova, unsigned *level)
{
	for (unsigned l = 0; l + 1 < s->config.levels; l++) {
		const struct soft_link *link = &s->links[slot_of(s, iova, l + 1)];

		if (!link->valid || link->level != l || !within(iova, link->first, link->last))
			continue;
		s->counts.walk_hits++;
		if (!s->config.unlinks_first)
			check_link(s, link);
		*level = l;
		return link->table_pa;
	}
	*level = s->config.levels - 1;
	return s->root_pa;
}

/* ---- filling ---- */

static void remember_links(struct soft_iommu *s, uint64_t iova, const struct soft_walk *w,
			   unsigned start)
{
	for (unsigned l = w->level; l < start; l++) {
		uint64_t span = s->format->span(l + 1), first = iova & ~(span - 1);

		s->links[slot_of(s, iova, l + 1)] = (struct soft_link){
			.valid = true,
			.level = l,
			.first = first,
			.last = first + span - 1,
			.table_pa = w->tables[l],
		};
	}
}

static void remember_page(struct soft_iommu *s, uint64_t iova, enum soft_access access,
			  const struct soft_walk *w)
{
	uint64_t size = 1ull << w->size_lg2, first = iova & ~(size - 1);
	uint64_t entry = w->entries[w->level];

	s->pages[slot_of(s, iova, 0)] = (struct soft_page){
		.valid = true,
		.accessed = access != SOFT_PROBE || (entry & s->format->accessed),
		.dirty = access == SOFT_WRITE || (entry & s->format->dirty),
		.first = first,
		.last = first + size - 1,
		.pa = w->pa - (iova - first),
		.size_lg2 = w->size_lg2,
		.prot = w->prot,
	};
}

static void remember_hole(struct soft_iommu *s, uint64_t iova, const struct soft_walk *w)
{
	uint64_t span = s->format->span(w->level), first = iova & ~(span - 1);

	s->holes[slot_of(s, iova, w->level)] = (struct soft_hole){
		.valid = true,
		.level = w->level,
		.first = first,
		.last = first + span - 1,
	};
}

/* ---- walking ---- */

static struct soft_reader device_reader(struct soft_iommu *s)
{
	return (struct soft_reader){ soft_read_device, s, s->hardware };
}

static void walk_from_root(struct soft_iommu *s, uint64_t iova, struct soft_walk *w)
{
	const struct soft_reader r = device_reader(s);

	s->format->walk(w, &r, s->root_pa, s->config.levels - 1, iova);
	if (w->rule)
		soft_fail(s, SOFT_RESERVED_BIT, w->rule, iova, w->tables[w->level]);
}

/* False: an entry has changed since it was read. */
static bool set_bits_on_the_way(struct soft_iommu *s, uint64_t iova, enum soft_access access,
				unsigned start, const struct soft_walk *w)
{
	bool dirties = access == SOFT_WRITE && (w->prot & EBB_WRITE);

	for (unsigned l = start + 1; l-- > w->level;) {
		uint64_t bits = s->format->accessed;

		if (l == w->level && dirties)
			bits |= s->format->dirty;
		if (!soft_set_bits(s, w->tables[l], s->format->index(iova, l), w->entries[l], bits))
			return false;
	}
	return true;
}

static void walk_setting_bits(struct soft_iommu *s, uint64_t iova, enum soft_access access,
			      const struct soft_reader *r, uint64_t table_pa, unsigned start,
			      struct soft_walk *w)
{
	bool sets = (s->config.flags & EBB_ACCESSED_DIRTY) && access != SOFT_PROBE;

	/* Software may be changing entries; not for ever. */
	for (unsigned i = 0; i < 16; i++) {
		s->format->walk(w, r, table_pa, start, iova);
		if (!sets || !w->present || set_bits_on_the_way(s, iova, access, start, w))
			return;
	}
}

void soft_translate(struct soft_iommu *s, uint64_t iova, enum soft_access access, bool cached,
		    struct soft_walk *w)
{
	const struct soft_reader r = device_reader(s);
	unsigned start = s->config.levels - 1;
	uint64_t table_pa = s->root_pa;

	s->counts.dmas++;
	if (cached && (hit_page(s, iova, access, w) || hit_hole(s, iova, w))) {
		s->counts.iotlb_hits++;
		return;
	}
	if (cached)
		table_pa = walk_start(s, iova, &start);
	walk_setting_bits(s, iova, access, &r, table_pa, start, w);
	if (w->rule)
		soft_fail(s, SOFT_RESERVED_BIT, w->rule, iova, w->tables[w->level]);
	if (w->rule || !cached)
		return;
	remember_links(s, iova, w, start);
	if (w->present)
		remember_page(s, iova, access, w);
	else if (s->config.flags & EBB_CACHING_MODE)
		remember_hole(s, iova, w);
}

/* ---- forgetting ---- */

void soft_drop(struct soft_iommu *s, const struct ebb_span *span)
{
	uint64_t first = span->first.v, last = span->last.v;
	bool wide = span->kind == EBB_WIDE;

	for (unsigned i = 0; i < SOFT_SLOTS; i++) {
		struct soft_page *p = &s->pages[i];
		struct soft_link *l = &s->links[i];
		struct soft_hole *h = &s->holes[i];

		if (p->first <= last && first <= p->last)
			p->valid = false;
		if (h->first <= last && first <= h->last && (h->level == 0 || wide))
			h->valid = false;
		if (wide && first <= l->first && l->last <= last)
			l->valid = false;
	}
}

void soft_drop_all(struct soft_iommu *s)
{
	memset(s->pages, 0, sizeof(s->pages));
	memset(s->links, 0, sizeof(s->links));
	memset(s->holes, 0, sizeof(s->holes));
}

bool soft_caches_table(struct soft_iommu *s, uint64_t table_pa, uint64_t *iova)
{
	for (unsigned i = 0; i < SOFT_SLOTS; i++) {
		if (!s->links[i].valid || s->links[i].table_pa != table_pa)
			continue;
		*iova = s->links[i].first;
		return true;
	}
	return false;
}

/* ---- comparing with the tree, when nothing is in flight ---- */

static const char *page_stale(struct soft_iommu *s, const struct soft_page *p)
{
	struct soft_walk w;

	walk_from_root(s, p->first, &w);
	if (!w.present)
		return "the device remembers a page that is not mapped";
	if (w.pa != p->pa)
		return "the device remembers another output address";
	if (w.prot != p->prot)
		return "the device remembers other permissions";
	return NULL;
}

static const char *hole_stale(struct soft_iommu *s, const struct soft_hole *h)
{
	struct soft_walk w;

	walk_from_root(s, h->first, &w);
	return w.level < h->level || w.present ?
		       "the device believes that an entry is not present" :
		       NULL;
}

static const char *link_stale(struct soft_iommu *s, const struct soft_link *l)
{
	struct soft_walk w;

	walk_from_root(s, l->first, &w);
	if (w.level > l->level || w.tables[l->level] != l->table_pa)
		return "the device remembers a table that is not linked there";
	return NULL;
}

const char *soft_stale(struct soft_iommu *s)
{
	const char *stale = NULL;

	soft_lock(s);
	for (unsigned i = 0; i < SOFT_SLOTS && !stale; i++) {
		if (s->pages[i].valid)
			stale = page_stale(s, &s->pages[i]);
		if (!stale && s->holes[i].valid)
			stale = hole_stale(s, &s->holes[i]);
		if (!stale && s->links[i].valid)
			stale = link_stale(s, &s->links[i]);
	}
	soft_unlock(s);
	return stale;
}
