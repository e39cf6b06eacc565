/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "memory.h"
#include "model.h"

#include <stdlib.h>

#define PAGE_LG2       12u
#define PAGE_SIZE      ((uint64_t)1 << PAGE_LG2)
#define LEAF_LEVEL_MAX 2u /* 1 GiB */
#define PA_WIDTH_LG2   52u

struct node {
	unsigned used;
	struct node *slots[EBB_TABLE_ENTRIES]; /* NULL, &leaf or a node one level down */
};

struct model {
	struct node *root;
	unsigned levels;
	uint64_t tables, tables_max; /* as many as there is memory for */
};

static struct node leaf; /* stands for every leaf */

static unsigned entry_lg2(unsigned level)
{
	return PAGE_LG2 + 9 * level;
}

static uint64_t entry_size(unsigned level)
{
	return (uint64_t)1 << entry_lg2(level);
}

static unsigned entry_index(uint64_t iova, unsigned level)
{
	return (iova >> entry_lg2(level)) % EBB_TABLE_ENTRIES;
}

static struct node *node_new(struct model *model)
{
	struct node *node = NULL;

	if (model->tables < model->tables_max)
		node = calloc(1, sizeof(*node));
	model->tables += node != NULL;
	return node;
}

static void node_free(struct model *model, struct node *node)
{
	for (unsigned i = 0; i < EBB_TABLE_ENTRIES && node->used != 0; i++)
		if (node->slots[i] != NULL && node->slots[i] != &leaf)
			node_free(model, node->slots[i]);
	free(node);
	model->tables--;
}

struct model *model_new(unsigned levels)
{
	struct model *model = calloc(1, sizeof(*model));

	if (model == NULL)
		return NULL;
	model->levels = levels;
	model->tables_max = memory_room_for(sizeof(*model->root));
	model->root = node_new(model);
	if (model->root == NULL) {
		free(model);
		return NULL;
	}
	return model;
}

void model_free(struct model *model)
{
	if (model == NULL)
		return;
	node_free(model, model->root);
	free(model);
}

uint64_t model_tables(const struct model *model)
{
	return model->tables;
}

static int check_range(const struct model *model, uint64_t iova, uint64_t len)
{
	if (len == 0)
		return EBB_ERR_INVALID;
	if ((iova | len) % PAGE_SIZE != 0)
		return EBB_ERR_MISALIGNED;
	if (iova + (len - 1) < iova || (iova + (len - 1)) >> entry_lg2(model->levels) != 0)
		return EBB_ERR_APERTURE;
	return EBB_OK;
}

/* Does a leaf overlap [first, last]? `base` is where the node's span starts. */
static bool any_leaf(const struct node *node, unsigned level, uint64_t base, uint64_t first,
		     uint64_t last)
{
	for (unsigned i = entry_index(first, level); i <= entry_index(last, level); i++) {
		uint64_t start = base + i * entry_size(level), end = start + entry_size(level) - 1;
		const struct node *slot = node->slots[i];

		if (slot == &leaf)
			return true;
		if (slot != NULL && any_leaf(slot, level - 1, start, first > start ? first : start,
					     last < end ? last : end))
			return true;
	}
	return false;
}

/* The level of the largest page that can be put at the start of a range. */
static unsigned leaf_level(const struct model *model, uint64_t iova, uint64_t pa, uint64_t len)
{
	unsigned level = LEAF_LEVEL_MAX < model->levels - 1 ? LEAF_LEVEL_MAX : model->levels - 1;

	while (level > 0 && ((iova | pa) % entry_size(level) != 0 || len < entry_size(level)))
		level--;
	return level;
}

/* The node at `level` on the way to `iova`, made if need be. */
static struct node *node_at(struct model *model, uint64_t iova, unsigned level)
{
	struct node *node = model->root;

	for (unsigned l = model->levels - 1; l > level; l--) {
		struct node **slot = &node->slots[entry_index(iova, l)];

		if (*slot == NULL) {
			*slot = node_new(model);
			if (*slot == NULL)
				return NULL;
			node->used++;
		}
		node = *slot;
	}
	return node;
}

int model_map(struct model *model, uint64_t iova, uint64_t pa, uint64_t len)
{
	int error = check_range(model, iova, len);

	if (error != EBB_OK)
		return error;
	if (pa % PAGE_SIZE != 0)
		return EBB_ERR_MISALIGNED;
	if (pa + (len - 1) < pa || (pa + (len - 1)) >> PA_WIDTH_LG2 != 0)
		return EBB_ERR_PA_WIDTH;
	if (any_leaf(model->root, model->levels - 1, 0, iova, iova + (len - 1)))
		return EBB_ERR_MAPPED;
	while (len != 0) {
		unsigned level = leaf_level(model, iova, pa, len);
		struct node *node = node_at(model, iova, level);

		if (node == NULL)
			return EBB_ERR_NO_MEMORY;
		node->slots[entry_index(iova, level)] = &leaf;
		node->used++;
		iova += entry_size(level);
		pa += entry_size(level);
		len -= entry_size(level);
	}
	return EBB_OK;
}

/* Replaces a large leaf by a node full of leaves. */
static bool split(struct model *model, struct node **slot)
{
	struct node *node = node_new(model);

	if (node == NULL)
		return false;
	for (unsigned i = 0; i < EBB_TABLE_ENTRIES; i++)
		node->slots[i] = &leaf;
	node->used = EBB_TABLE_ENTRIES;
	*slot = node;
	return true;
}

/*
 * Removes the leaves of [first, last] below a node. Returns how many were met, or
 * EBB_ERR_NO_MEMORY.
 */
static int remove_leaves(struct model *model, struct node *node, unsigned level, uint64_t base,
			 uint64_t first, uint64_t last)
{
	int removed = 0;

	for (unsigned i = entry_index(first, level); i <= entry_index(last, level); i++) {
		uint64_t start = base + i * entry_size(level), end = start + entry_size(level) - 1;
		uint64_t from = first > start ? first : start, to = last < end ? last : end;
		struct node **slot = &node->slots[i];
		int below;

		if (*slot == NULL)
			continue;
		if (*slot == &leaf && from == start && to == end) {
			*slot = NULL;
			node->used--;
			removed++;
			continue;
		}
		if (*slot == &leaf && !split(model, slot))
			return EBB_ERR_NO_MEMORY;
		below = remove_leaves(model, *slot, level - 1, start, from, to);
		if (below < 0)
			return below;
		removed += below;
		if ((*slot)->used == 0) {
			node_free(model, *slot);
			*slot = NULL;
			node->used--;
		}
	}
	return removed;
}

int model_unmap(struct model *model, uint64_t iova, uint64_t len)
{
	int error = check_range(model, iova, len);

	if (error != EBB_OK)
		return error;
	error = remove_leaves(model, model->root, model->levels - 1, 0, iova, iova + (len - 1));
	if (error < 0)
		return error;
	return error == 0 ? EBB_ERR_NOT_MAPPED : EBB_OK;
}
