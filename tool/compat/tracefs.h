/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_TOOL_COMPAT_TRACEFS_H
#define EBB_TOOL_COMPAT_TRACEFS_H
/*
 * libtracecmd's header includes this one of libtracefs, of which it uses nothing. Debian 12 does
 * not install it along with libtracecmd-dev, so this file is on the include path where
 * libtracefs-dev is missing.
 */
#include <sched.h>

#endif
