/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include <string.h>
#include "vtd.h"

static const char *leaf_fault(uint64_t entry, unsigned level)
{
	if (level > 2)
		return "a leaf above the 1 GiB level";
	if (level == 0 && (entry & VTD_PAGE_SIZE))
		return "the page-size bit in a 4 KiB leaf";
	if (entry & VTD_ADDRESS & (vtd_span(level) - 1))
		return "the address of a large leaf is misaligned";
	return NULL;
}

static const char *table_fault(uint64_t entry, unsigned level)
{
	if (level == 0)
		return "a reference to a table at level 0";
	if (!(entry & VTD_READ) || !(entry & VTD_WRITE))
		return "a reference to a table without all permissions";
	if (entry & VTD_SNOOP)
		return "the snoop bit in a reference to a table";
	return NULL;
}

const char *vtd_entry_fault(uint64_t entry, unsigned level, unsigned pa_width_lg2)
{
	if (entry & (VTD_EXECUTE | VTD_EMT | VTD_IPAT))
		return "a bit of X, EMT or IPAT is set";
	if (entry & VTD_TRANSIENT)
		return "bit 62 is set";
	if ((entry & VTD_ADDRESS) >> pa_width_lg2)
		return "the address needs more bits than the hardware has";
	return vtd_is_leaf(entry, level) ? leaf_fault(entry, level) : table_fault(entry, level);
}

static void end_at_leaf(struct vtd_walk *w, uint64_t iova)
{
	uint64_t offset = iova & (vtd_span(w->level) - 1);

	w->present = true;
	w->size_lg2 = 12 + 9 * w->level;
	w->pa = (w->entry & VTD_ADDRESS) + offset;
	w->prot = (w->entry & VTD_READ ? EBB_READ : 0) | (w->entry & VTD_WRITE ? EBB_WRITE : 0) |
		  (w->entry & VTD_SNOOP ? EBB_SNOOP : 0);
}

void vtd_walk(struct vtd_walk *w, vtd_read_fn read, void *ctx, uint64_t table_pa, unsigned level,
	      uint64_t iova)
{
	memset(w, 0, sizeof(*w));
	for (;; level--) {
		w->level = level;
		w->tables[level] = table_pa;
		w->entry = read(ctx, table_pa, vtd_index(iova, level));
		if (!vtd_is_present(w->entry))
			return;
		w->fault = vtd_entry_fault(w->entry, level, 52);
		if (w->fault)
			return;
		if (vtd_is_leaf(w->entry, level)) {
			end_at_leaf(w, iova);
			return;
		}
		table_pa = w->entry & VTD_ADDRESS;
	}
}
