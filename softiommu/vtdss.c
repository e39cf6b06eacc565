/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* The page walk of VT-d second stage (specification, sections 3.7 and 9.8). */
#include <string.h>
#include "private.h"
#include "vtdss.h"

static const char *leaf_rule(uint64_t entry, unsigned level, const struct soft_hardware *hardware)
{
	if (!(hardware->leaf_levels & (1u << level)))
		return "a leaf of a size that the hardware does not know";
	if ((entry & VTD_SNOOP) && !hardware->snoop_control)
		return "the snoop bit, which the hardware does not know";
	if (level == 0 && (entry & VTD_PAGE_SIZE))
		return "the page-size bit in a 4 KiB leaf";
	if (entry & VTD_ADDRESS & (vtd_span(level) - 1))
		return "the address of a large leaf is misaligned";
	return NULL;
}

static const char *table_rule(uint64_t entry)
{
	if (!(entry & VTD_READ) || !(entry & VTD_WRITE))
		return "a reference to a table without all permissions";
	if (entry & VTD_SNOOP)
		return "the snoop bit in a reference to a table";
	return NULL;
}

/* NULL, or which rule a present entry at `level` breaks. */
static const char *broken_rule(uint64_t entry, unsigned level, const struct soft_hardware *hardware)
{
	if (entry & (VTD_EXECUTE | VTD_EMT | VTD_IPAT))
		return "a bit of X, EMT or IPAT is set";
	if (entry & VTD_TRANSIENT)
		return "bit 62 is set";
	if ((entry & VTD_ADDRESS) >> hardware->pa_width_lg2)
		return "the address needs more bits than the hardware has";
	return vtd_is_leaf(entry, level) ? leaf_rule(entry, level, hardware) : table_rule(entry);
}

static void end_at_leaf(struct soft_walk *w, uint64_t iova, uint64_t entry)
{
	w->present = true;
	w->size_lg2 = 12 + 9 * w->level;
	w->pa = (entry & VTD_ADDRESS) + (iova & (vtd_span(w->level) - 1));
	w->prot = (entry & VTD_READ ? EBB_READ : 0) | (entry & VTD_WRITE ? EBB_WRITE : 0) |
		  (entry & VTD_SNOOP ? EBB_SNOOP : 0);
}

static void vtd_walk(struct soft_walk *w, const struct soft_reader *r, uint64_t table_pa,
		     unsigned level, uint64_t iova)
{
	memset(w, 0, sizeof(*w));
	for (;; level--) {
		uint64_t entry = r->read(r->ctx, table_pa, vtd_index(iova, level), iova);

		w->level = level;
		w->tables[level] = table_pa;
		w->entries[level] = entry;
		if (!vtd_is_present(entry))
			return;
		w->rule = broken_rule(entry, level, &r->hardware);
		if (w->rule)
			return;
		if (vtd_is_leaf(entry, level)) {
			end_at_leaf(w, iova, entry);
			return;
		}
		table_pa = entry & VTD_ADDRESS;
	}
}

static uint64_t vtd_hostile(uint64_t table_pa)
{
	return table_pa | VTD_READ | VTD_WRITE | VTD_ACCESSED;
}

const struct soft_format soft_vtdss = {
	.hardware = { .pa_width_lg2 = 52, .leaf_levels = 7, .snoop_control = true },
	.address = VTD_ADDRESS,
	.accessed = VTD_ACCESSED,
	.dirty = VTD_DIRTY,
	.ignored = VTD_SOFTWARE | VTD_IGNORED,
	.span = vtd_span,
	.index = vtd_index,
	.present = vtd_is_present,
	.walk = vtd_walk,
	.hostile = vtd_hostile,
};
