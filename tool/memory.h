/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_MEMORY_H
#define EBB_TOOL_MEMORY_H
#include <stdint.h>

/*
 * Bytes that this process may still use: what the kernel calls available, or what is left of the
 * memory limit of a control group (version 1 or 2) that it is in, whichever is less. A sixteenth of
 * it is left to others. If the system does not tell it is next to no limit.
 */
uint64_t memory_available(void);

/* How many objects of so many bytes that is enough for. */
uint64_t memory_room_for(uint64_t object_bytes);

#endif
