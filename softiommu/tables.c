/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The tables that the platform gave out, as the device sees them.
 *
 * A table that is freed stays in quarantine until the next allocation, so that nobody gets it in
 * between. All its entries then refer to the table itself: a walk that should not be there goes on
 * as if nothing were wrong, at whatever level it believes to be, and ends in a leaf that maps the
 * table. A device's walk is reported at its first step. The core's own late walks return an address
 * that no test maps to, and its late stores are found when the quarantine ends.
 */
#include <stdlib.h>
#include <string.h>
#include <ebb_hot.h>
#include "private.h"

#define RUBBISH UINT64_MAX /* what memory that was never written back holds; breaks every rule */

static struct soft_table **find(struct soft_iommu *s, const void *va)
{
	struct soft_table **t = &s->buckets[((uintptr_t)va >> 12) % SOFT_BUCKETS];

	while (*t && (*t)->va != va)
		t = &(*t)->next;
	return t;
}

struct soft_table *soft_table_at(struct soft_iommu *s, const void *va)
{
	return *find(s, va);
}

uint64_t *soft_word(uint64_t table_pa, unsigned index)
{
	return (uint64_t *)(void *)ebb_hot_va(EBB_PA(table_pa)) + index;
}

/* Whether the words of a table are zero: the first is, and each is the same as the next. */
static bool is_zero(const void *words)
{
	const uint64_t *word = words;

	return !word[0] && !memcmp(&word[0], &word[1], EBB_TABLE_SIZE - sizeof(*word));
}

void soft_table_given(struct soft_iommu *s, struct ebb_table *va)
{
	size_t words = s->config.flags & EBB_NONSNOOPING ? EBB_TABLE_ENTRIES : 0;
	uint64_t pa = ebb_hot_pa(va).v;
	struct soft_table **slot = find(s, va), *t;

	soft_note(s, EVENT_GIVEN, 0, pa, 0);
	if (*slot || !is_zero(va)) {
		soft_fail(s, SOFT_GIVEN_TWICE,
			  *slot ? "the platform gave out a table that is in use" :
				  "the platform gave out a table that is not zero",
			  0, pa);
		return;
	}
	t = malloc(sizeof(*t) + words * sizeof(t->words[0]));
	if (!t)
		abort();
	t->va = va;
	t->next = NULL;
	t->freed = false;
	for (size_t i = 0; i < words; i++)
		t->words[i] = RUBBISH;
	*slot = t;
}

/* ---- quarantine ---- */

static void table_freed(struct soft_iommu *s, struct ebb_table *va)
{
	uint64_t pa = ebb_hot_pa(va).v, iova = 0, hostile = s->format->hostile(pa);
	struct soft_table *t = soft_table_at(s, va);
	uint64_t *word = (uint64_t *)(void *)va;

	soft_note(s, EVENT_FREED, 0, pa, 0);
	s->counts.freed++;
	if (!t || t->freed) {
		soft_fail(s, SOFT_FREED_TWICE,
			  t ? "a table was freed twice" :
			      "a table was freed that was never given out",
			  0, pa);
		return;
	}
	if (soft_caches_table(s, pa, &iova))
		soft_fail(s, SOFT_CACHED_TABLE, "a table was freed that the walk cache refers to",
			  iova, pa);
	for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i++)
		word[i] = hostile;
	t->freed = true;
	t->next_freed = s->quarantine;
	s->quarantine = t;
	s->quarantined++;
}

void soft_tables_freed(struct soft_iommu *s, struct ebb_table *list)
{
	for (struct ebb_table *va = list, *next; va; va = next) {
		next = ebb_hot_desc(va)->next;
		table_freed(s, va);
	}
}

static void forget(struct soft_iommu *s, struct soft_table *t)
{
	*find(s, t->va) = t->next;
	free(t);
}

struct ebb_table *soft_quarantine_end(struct soft_iommu *s)
{
	struct ebb_table *list = NULL;

	for (struct soft_table *t = s->quarantine, *next; t; t = next) {
		uint64_t pa = ebb_hot_pa(t->va).v, hostile = s->format->hostile(pa);
		uint64_t *word = (uint64_t *)(void *)t->va;

		next = t->next_freed;
		for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i++) {
			if (word[i] != hostile)
				soft_fail(s, SOFT_WRITTEN_FREED, "a store into a freed table", 0,
					  pa + i * sizeof(word[0]));
			word[i] = 0;
		}
		ebb_hot_desc(t->va)->next = list;
		list = t->va;
		forget(s, t);
	}
	s->quarantine = NULL;
	s->quarantined = 0;
	return list;
}

void soft_tables_fini(struct soft_iommu *s)
{
	for (unsigned i = 0; i < SOFT_BUCKETS; i++)
		while (s->buckets[i])
			forget(s, s->buckets[i]);
}

/* ---- reading and writing ---- */

static struct soft_table *table_to_read(struct soft_iommu *s, uint64_t table_pa, uint64_t iova)
{
	struct soft_table *t = soft_table_at(s, soft_word(table_pa, 0));

	if (t && !t->freed)
		return t;
	soft_fail(s, t ? SOFT_FREED_TABLE : SOFT_UNKNOWN_TABLE,
		  t ? "a walk into a table that has been freed" :
		      "a walk to an address that is no table's",
		  iova, table_pa);
	return NULL;
}

uint64_t soft_read_memory(void *ctx, uint64_t table_pa, unsigned index, uint64_t iova)
{
	struct soft_iommu *s = ctx;

	if (!table_to_read(s, table_pa, iova))
		return 0;
	/* Acquire: as software's walks, for ThreadSanitizer; hardware follows what it has read. */
	return __atomic_load_n(soft_word(table_pa, index), __ATOMIC_ACQUIRE);
}

uint64_t soft_read_device(void *ctx, uint64_t table_pa, unsigned index, uint64_t iova)
{
	struct soft_iommu *s = ctx;
	struct soft_table *t;

	if (!(s->config.flags & EBB_NONSNOOPING))
		return soft_read_memory(s, table_pa, index, iova);
	t = table_to_read(s, table_pa, iova);
	return t ? t->words[index] : 0;
}

bool soft_is_clean(struct soft_iommu *s, const struct ebb_table *table)
{
	struct soft_table *t;
	bool clean;

	soft_lock(s);
	t = soft_table_at(s, table);
	clean = t && !t->freed && is_zero(table) &&
		(!(s->config.flags & EBB_NONSNOOPING) || is_zero(t->words));
	soft_unlock(s);
	return clean;
}

void soft_written_back(struct soft_iommu *s, const uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const void *va =
			(const void *)((uintptr_t)&words[i] & ~(uintptr_t)(EBB_TABLE_SIZE - 1));
		struct soft_table *t = soft_table_at(s, va);

		if (!t || t->freed)
			soft_fail(s, SOFT_BAD_REQUEST, "a write-back outside of tables", 0,
				  ebb_hot_pa((struct ebb_table *)(uintptr_t)va).v);
		else if (s->config.flags & EBB_NONSNOOPING)
			t->words[&words[i] - (const uint64_t *)va] =
				__atomic_load_n(&words[i], __ATOMIC_RELAXED);
	}
}

bool soft_set_bits(struct soft_iommu *s, uint64_t table_pa, unsigned index, uint64_t entry,
		   uint64_t bits)
{
	struct soft_table *t = soft_table_at(s, soft_word(table_pa, 0));
	uint64_t *word = soft_word(table_pa, index), now = __atomic_load_n(word, __ATOMIC_RELAXED);
	uint64_t may_differ = s->format->ignored | s->format->accessed | s->format->dirty;

	if ((entry & bits) == bits)
		return true;
	do
		if ((now ^ entry) & ~may_differ) {
			/* The locked access that was to set them has seen memory as it is. */
			if (t && (s->config.flags & EBB_NONSNOOPING))
				t->words[index] = now;
			return false;
		}
	while (!__atomic_compare_exchange_n(word, &now, now | bits, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED));
	if (t && (s->config.flags & EBB_NONSNOOPING))
		t->words[index] = now | bits;
	return true;
}
