/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include "bench.h"
#include "tool.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

const struct bench_engine *bench_peer_load(const char *file)
{
	static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
	char *path = realpath(file, NULL); /* without a slash, dlopen() would look elsewhere */
	void *object = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	const struct bench_peer *peer = object != NULL ? dlsym(object, "bench_peer") : NULL;
	const char *name;

	free(path);
	if (object == NULL) {
		const char *why = path != NULL ? dlerror() : "no such file";

		tool_fail("cannot load the peer %s: %s", file, why);
		return NULL;
	}
	if (peer == NULL || peer->interface != BENCH_INTERFACE) {
		tool_fail("%s is not a peer for this version", file);
		return NULL;
	}
	name = peer->engine.name;
	if (*name == '\0' || name[strspn(name, name_chars)] != '\0') {
		tool_fail("%s has no proper name", file);
		return NULL;
	}
	return &peer->engine;
}
