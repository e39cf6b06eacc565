/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * A peer for tests: a sorted list of what is mapped, with a mistake of the kind that the
 * environment variable PEER_FAULT names.
 */
#include "bench_engine.h"

#include <stdlib.h>
#include <string.h>

#define MAPPED_MAX 4096u

struct mapped {
	uint64_t iova, pa, len;
};

struct domain {
	struct mapped mapped[MAPPED_MAX];
	unsigned n;
	const char *fault;
};

extern const struct bench_peer bench_peer;

static bool has_fault(const struct domain *domain, const char *fault)
{
	return domain->fault != NULL && strcmp(domain->fault, fault) == 0;
}

static void *domain_open(const struct bench_engine *engine, const struct ebb_platform *platform)
{
	struct domain *domain = calloc(1, sizeof(*domain));

	(void)engine;
	(void)platform;
	domain->fault = getenv("PEER_FAULT");
	if (has_fault(domain, "open")) {
		free(domain);
		return NULL;
	}
	return domain;
}

static void *caller_open(void *domain)
{
	return domain;
}

static void caller_close(void *caller)
{
	(void)caller;
}

static struct mapped *find(struct domain *domain, uint64_t iova, uint64_t len)
{
	for (unsigned i = 0; i < domain->n; i++) {
		struct mapped *m = &domain->mapped[i];

		if (iova < m->iova + m->len && m->iova < iova + len)
			return m;
	}
	return NULL;
}

static int map(void *caller, uint64_t iova, uint64_t pa, uint64_t len)
{
	struct domain *domain = caller;

	if (find(domain, iova, len) != NULL && !has_fault(domain, "overlap"))
		return EBB_ERR_MAPPED;
	if (domain->n == MAPPED_MAX)
		return EBB_ERR_NO_MEMORY;
	if (has_fault(domain, "late") && iova >> 30 == 1) /* beyond what is verified */
		return EBB_ERR_UNSUPPORTED;
	domain->mapped[domain->n++] = (struct mapped){ iova, pa, len };
	return EBB_OK;
}

static int unmap(void *caller, uint64_t iova, uint64_t len)
{
	struct domain *domain = caller;
	struct mapped *m = find(domain, iova, len);

	if (m == NULL)
		return EBB_ERR_NOT_MAPPED;
	if (!has_fault(domain, "unmap"))
		*m = domain->mapped[--domain->n];
	return EBB_OK;
}

static void sync_unmapped(void *caller)
{
	(void)caller;
}

static int translate(void *caller, uint64_t iova, uint64_t *pa)
{
	struct domain *domain = caller;
	const struct mapped *m = find(domain, iova, 1);

	if (m == NULL)
		return EBB_ERR_NOT_MAPPED;
	*pa = m->pa + (iova - m->iova) + (has_fault(domain, "pa") && m->len > 4096 ? 4096 : 0);
	return EBB_OK;
}

static void settle(void *domain, struct bench_tables *tables)
{
	*tables = (struct bench_tables){ has_fault(domain, "tables") ? 1 : 100000, 1 };
}

const struct bench_peer bench_peer = {
	.interface = BENCH_INTERFACE,
	.engine = {
		.name = "list",
		.domain_open = domain_open,
		.domain_close = free,
		.caller_open = caller_open,
		.caller_close = caller_close,
		.map = map,
		.unmap = unmap,
		.sync = sync_unmapped,
		.translate = translate,
		.settle = settle,
	},
};
