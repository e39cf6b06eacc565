/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Looking at the tree: translate, for_each and the dirty log. They walk by loads in read sections
 * no longer than one table, note what they saw, leave the section and only then call back. The next
 * section starts again from the root, at the next IOVA, so nothing that was seen before is relied
 * upon.
 */
#include "internal.h"

EBB_INLINE int translate(const struct ebb_format *f, enum ebb_policy policy, struct ebb_domain *d,
			 uint64_t iova, struct ebb_mapping *out)
{
	unsigned level;
	uint64_t e, low;

	ebb_look_enter(policy, d);
	ebb_walk_down(f, d, iova, &level, &e);
	ebb_look_leave(policy, d);
	if (!f->is_leaf(e, level))
		return EBB_ERR_NOT_MAPPED;
	low = ebb_entry_span(level) - 1;
	out->pa.v = (e & f->pa_bits & ~low) | (iova & low);
	out->size_lg2 = ebb_entry_span_lg2(level);
	out->prot = f->prot(e);
	return EBB_OK;
}

int ebb_translate(struct ebb_domain *d, ebb_iova iova, struct ebb_mapping *out)
{
	if (iova.v > d->iova_last)
		return EBB_ERR_APERTURE;
	return EBB_SPECIALISE(d, translate, d, iova.v, out);
}

EBB_INLINE bool any_leaf(const struct ebb_format *f, enum ebb_policy policy, struct ebb_domain *d,
			 uint64_t iova, uint64_t last, uint64_t *where)
{
	while (iova <= last) {
		struct ebb_table *t;
		unsigned level, i;
		bool leaf = false;
		uint64_t e;

		ebb_look_enter(policy, d);
		t = ebb_walk_down(f, d, iova, &level, &e);
		for (i = ebb_index(iova, level); i < EBB_TABLE_ENTRIES && iova <= last; i++) {
			e = ebb_load(&t->entry[i]);
			leaf = f->is_leaf(e, level);
			if (leaf || ebb_is_table(f, e, level))
				break;
			iova = ebb_entry_last(iova, level) + 1;
		}
		ebb_look_leave(policy, d);
		if (leaf) {
			*where = iova;
			return true;
		}
	}
	return false;
}

bool ebb_any_leaf(struct ebb_domain *d, uint64_t iova, uint64_t last, uint64_t *where)
{
	return EBB_SPECIALISE(d, any_leaf, d, iova, last, where);
}

/* ---- for_each ---- */

#define VISITS 16u /* noted per section */

struct tour {
	struct ebb_domain *d;
	uint64_t cursor, last;
	unsigned what;
	/* tables at this level that begin before it have been told */
	uint64_t told_end[EBB_LEVELS_MAX];
	unsigned n;
	struct ebb_visit visits[VISITS];
};

static unsigned used_entries(const struct ebb_table *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i++)
		n += ebb_load(&t->entry[i]) != 0;
	return n;
}

static void note_table(const struct ebb_format *f, struct tour *tour, const struct ebb_table *t,
		       unsigned level, uint64_t e)
{
	uint64_t first = ebb_table_first(tour->cursor, level);

	if (!(tour->what & EBB_VISIT_TABLES) || first < tour->told_end[level])
		return;
	tour->told_end[level] = ebb_table_last(first, level) + 1;
	tour->visits[tour->n++] = (struct ebb_visit){
		.first = { first },
		.last = { ebb_table_last(first, level) },
		.level = level,
		.is_table = true,
		.state = ebb_is_dead(f, e) ? EBB_ENTRY_DEAD :
			 ebb_owner(f, e)   ? EBB_ENTRY_FROZEN :
					     EBB_ENTRY_TABLE,
		.used = used_entries(t),
	};
}

static void note_leaf(const struct ebb_format *f, struct tour *tour, unsigned level, uint64_t e)
{
	uint64_t low = ebb_entry_span(level) - 1;
	bool ad = tour->d->flags & EBB_ACCESSED_DIRTY;

	if (!(tour->what & EBB_VISIT_LEAVES))
		return;
	tour->visits[tour->n++] = (struct ebb_visit){
		.first = { tour->cursor & ~low },
		.last = { tour->cursor | low },
		.level = level,
		.pa = { e & f->pa_bits & ~low },
		.prot = f->prot(e),
		.accessed = ad && (e & f->accessed),
		.dirty = ad && (e & f->dirty),
	};
}

/*
 * Notes the tables on the way to the cursor, then the leaves of the lowest: one section. Tables
 * fit: levels < VISITS.
 */
EBB_INLINE void tour_section(const struct ebb_format *f, struct tour *tour)
{
	struct ebb_table *t = tour->d->root;
	unsigned l = ebb_top(tour->d), i;
	uint64_t e = ebb_state_table(f, ebb_hot_pa(t).v);

	for (;; l--) {
		note_table(f, tour, t, l, e);
		e = ebb_load(&t->entry[ebb_index(tour->cursor, l)]);
		if (!ebb_is_table(f, e, l) && !ebb_is_dead(f, e))
			break;
		t = ebb_child(f, e);
	}
	for (i = ebb_index(tour->cursor, l); i < EBB_TABLE_ENTRIES && tour->cursor <= tour->last;
	     i++) {
		e = ebb_load(&t->entry[i]);
		if (ebb_is_table(f, e, l) || ebb_is_dead(f, e) || tour->n == VISITS)
			break;
		if (e)
			note_leaf(f, tour, l, e);
		tour->cursor = ebb_entry_last(tour->cursor, l) + 1;
	}
}

EBB_INLINE int for_each(const struct ebb_format *f, enum ebb_policy policy, struct tour *tour,
			ebb_visit_fn fn, void *arg)
{
	while (tour->cursor <= tour->last) {
		tour->n = 0;
		ebb_look_enter(policy, tour->d);
		tour_section(f, tour);
		ebb_look_leave(policy, tour->d);
		for (unsigned i = 0; i < tour->n; i++) {
			int ret = fn(arg, &tour->visits[i]);

			if (ret)
				return ret;
		}
	}
	return 0;
}

int ebb_for_each(struct ebb_domain *d, ebb_iova iova, uint64_t len, unsigned what, ebb_visit_fn fn,
		 void *arg)
{
	struct tour tour = { .d = d, .cursor = iova.v, .last = iova.v + len - 1, .what = what };

	if (!len || !fn || !what || (what & ~(EBB_VISIT_LEAVES | EBB_VISIT_TABLES)))
		return EBB_ERR_INVALID;
	if (tour.last < iova.v || tour.last > d->iova_last)
		return EBB_ERR_APERTURE;
	return EBB_SPECIALISE(d, for_each, &tour, fn, arg);
}

/* ---- the dirty log ---- */

struct log_run {
	uint64_t first, last;
	unsigned bits;
};

struct log_job {
	struct ebb_gather *g;
	uint64_t cursor, last, mask;
	unsigned n;
	struct log_run runs[VISITS];
};

static unsigned log_bits(const struct ebb_format *f, uint64_t e)
{
	return (e & f->accessed ? EBB_LOG_ACCESSED : 0u) | (e & f->dirty ? EBB_LOG_DIRTY : 0u);
}

/* Appends a leaf to the runs; false: no room. */
static bool log_leaf(struct log_job *j, uint64_t first, uint64_t last, unsigned bits)
{
	struct log_run *r = j->n ? &j->runs[j->n - 1] : NULL;

	if (r && r->bits == bits && r->last + 1 == first) {
		r->last = last;
		return true;
	}
	if (j->n == VISITS)
		return false;
	j->runs[j->n++] = (struct log_run){ first, last, bits };
	return true;
}

/* Reads and clears the leaves of one table, from the cursor on. */
EBB_INLINE void log_section(const struct ebb_format *f, struct log_job *j)
{
	struct ebb_table *t;
	unsigned l, i;
	uint64_t e;

	t = ebb_walk_down(f, j->g->domain, j->cursor, &l, &e);
	for (i = ebb_index(j->cursor, l); i < EBB_TABLE_ENTRIES && j->cursor <= j->last; i++) {
		uint64_t first = ebb_entry_first(j->cursor, l), last = ebb_entry_last(j->cursor, l);

		e = ebb_load(&t->entry[i]);
		if (ebb_is_table(f, e, l))
			break;
		if (f->is_leaf(e, l) && (e & j->mask)) {
			if (!log_leaf(j, first, last, log_bits(f, e & j->mask)))
				break;
			/*
			 * Atomic: hardware may be setting the other bit. A bit set again since the
			 * load is reported next time or now.
			 */
			ebb_clear(&t->entry[i], e & j->mask);
			ebb_write_back(j->g->domain, &t->entry[i], 1);
		}
		j->cursor = last + 1;
	}
}

EBB_INLINE int read_dirty(const struct ebb_format *f, enum ebb_policy policy, struct log_job *j,
			  ebb_log_fn fn, void *arg)
{
	while (j->cursor <= j->last) {
		j->n = 0;
		ebb_section_enter(policy, j->g->domain);
		log_section(f, j);
		ebb_section_leave(policy, j->g->domain);
		for (unsigned i = 0; i < j->n; i++) {
			struct log_run *r = &j->runs[i];

			ebb_gather_room(j->g);
			ebb_gather_span(j->g, r->first, r->last, EBB_LEAF);
			fn(arg, EBB_IOVA(r->first), r->last - r->first + 1, r->bits);
		}
	}
	return EBB_OK;
}

int ebb_read_dirty(struct ebb_gather *g, ebb_iova iova, uint64_t len, unsigned bits, ebb_log_fn fn,
		   void *arg)
{
	const struct ebb_format *f = g->domain->format;
	struct log_job j = { .g = g, .cursor = iova.v, .last = iova.v + len - 1 };

	if (!len || !fn || !bits || (bits & ~(EBB_LOG_ACCESSED | EBB_LOG_DIRTY)))
		return EBB_ERR_INVALID;
	if ((iova.v | len) & (EBB_TABLE_SIZE - 1))
		return EBB_ERR_MISALIGNED;
	if (j.last < iova.v || j.last > g->domain->iova_last)
		return EBB_ERR_APERTURE;
	if (!(g->domain->flags & EBB_ACCESSED_DIRTY))
		return EBB_ERR_UNSUPPORTED;
	j.mask =
		(bits & EBB_LOG_ACCESSED ? f->accessed : 0) | (bits & EBB_LOG_DIRTY ? f->dirty : 0);
	return EBB_SPECIALISE(g->domain, read_dirty, &j, fn, arg);
}
