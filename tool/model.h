/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_MODEL_H
#define EBB_TOOL_MODEL_H
/*
 * A plain model of what is mapped, as a tree that never has an empty table: the number of its
 * tables is what the live mappings need, the lower bound for every policy. It shares no code with
 * the core and picks page sizes by the same rule: the largest that alignment, length and the format
 * (4 KiB, 2 MiB, 1 GiB) allow.
 */
#include "ebb.h"

struct model;

/* NULL if memory is short. */
struct model *model_new(unsigned levels);
void model_free(struct model *model); /* NULL is fine */

/* As ebb_map() and ebb_unmap() with EBB_PARTIAL_SPLIT, error codes included. */
int model_map(struct model *model, uint64_t iova, uint64_t pa, uint64_t len);
int model_unmap(struct model *model, uint64_t iova, uint64_t len);

/* Tables that are needed now, the root included. */
uint64_t model_tables(const struct model *model);

#endif
