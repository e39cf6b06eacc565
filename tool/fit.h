/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_FIT_H
#define EBB_TOOL_FIT_H
#include "sweep.h"

/*
 * Is there memory for this sweep under these policies (bit p: enum ebb_policy p)? If not, prints
 * how much is needed and the largest sweep that fits. Returns an enum tool_exit.
 */
int sweep_fits(const struct sweep *sweep, unsigned policies);

#endif
