/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#ifndef EBB_FUZZ_H
#define EBB_FUZZ_H
/* libFuzzer's entry; driver.c calls the same one. Always 0. What is wrong ends the program. */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
