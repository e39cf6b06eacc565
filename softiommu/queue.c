/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The invalidation queue. A request takes effect when it is completed, oldest first, and not
 * before: until then the device goes on with what it remembers. DMA happens under the lock as a
 * whole, so a completed invalidation has no walk in flight, as hardware guarantees for its
 * invalidation wait descriptors (VT-d specification, section 6.5.2.8).
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "private.h"

static bool complete_oldest(struct soft_iommu *s)
{
	struct soft_request *r = s->oldest;

	if (!r)
		return false;
	s->oldest = r->next;
	if (!s->oldest)
		s->newest = NULL;
	for (unsigned i = 0; i < r->n; i++) {
		soft_drop(s, &r->spans[i]);
		soft_note(s, EVENT_DONE, r->spans[i].kind, r->spans[i].first.v, r->spans[i].last.v);
	}
	s->completed = r->ticket;
	free(r);
	return true;
}

bool soft_step(struct soft_iommu *s)
{
	bool done;

	soft_lock(s);
	done = complete_oldest(s);
	soft_unlock(s);
	return done;
}

/* The device's thread: somewhat later than asked, one request at a time. */
static void *device_thread(void *arg)
{
	struct soft_iommu *s = arg;

	soft_lock(s);
	for (;;) {
		while (!s->oldest && !s->stop)
			pthread_cond_wait(&s->work, &s->lock);
		if (s->stop)
			break;
		if (s->jitter) {
			soft_unlock(s);
			sched_yield();
			soft_lock(s);
		}
		complete_oldest(s);
		pthread_cond_broadcast(&s->done);
	}
	soft_unlock(s);
	return NULL;
}

static void log_span(struct soft_iommu *s, const struct ebb_span *span)
{
	if (span->kind == EBB_WIDE)
		s->counts.wide_spans++;
	else
		s->counts.leaf_spans++;
	if (span->first.v > span->last.v)
		soft_fail(s, SOFT_BAD_REQUEST, "an empty span to invalidate", span->first.v, 0);
	soft_note(s, EVENT_QUEUED, span->kind, span->first.v, span->last.v);
	if (s->logged < SOFT_LOG)
		s->log[s->logged++] = *span;
}

static uint64_t submit(struct soft_iommu *s, const struct ebb_span *spans, unsigned n)
{
	struct soft_request *r = malloc(sizeof(*r) + n * sizeof(r->spans[0]));

	if (!r)
		abort();
	if (!n)
		soft_fail(s, SOFT_BAD_REQUEST, "nothing to invalidate", 0, 0);
	s->counts.invalidations++;
	for (unsigned i = 0; i < n; i++)
		log_span(s, &spans[i]);
	r->next = NULL;
	r->ticket = ++s->submitted;
	r->n = n;
	memcpy(r->spans, spans, n * sizeof(r->spans[0]));
	if (s->newest)
		s->newest->next = r;
	else
		s->oldest = r;
	s->newest = r;
	return r->ticket;
}

static void wait_for(struct soft_iommu *s, uint64_t ticket)
{
	switch (s->config.completion) {
	case SOFT_INLINE:
		while (s->completed < ticket)
			complete_oldest(s);
		break;
	case SOFT_THREAD:
		pthread_cond_signal(&s->work);
		while (s->completed < ticket)
			pthread_cond_wait(&s->done, &s->lock);
		break;
	case SOFT_STEPS:
		while (s->completed < ticket) {
			soft_unlock(s);
			s->config.wait(s->config.arg);
			soft_lock(s);
		}
		break;
	}
}

uint64_t soft_invalidate(struct soft_iommu *s, const struct ebb_span *spans, unsigned n)
{
	uint64_t ticket;

	soft_lock(s);
	ticket = submit(s, spans, n);
	wait_for(s, ticket);
	soft_unlock(s);
	return ticket;
}

void soft_queue_init(struct soft_iommu *s)
{
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->done, NULL);
	if (s->config.completion == SOFT_THREAD &&
	    pthread_create(&s->thread, NULL, device_thread, s))
		abort();
}

void soft_queue_fini(struct soft_iommu *s)
{
	if (s->config.completion == SOFT_THREAD) {
		soft_lock(s);
		s->stop = true;
		pthread_cond_signal(&s->work);
		soft_unlock(s);
		pthread_join(s->thread, NULL);
	}
	while (complete_oldest(s))
		;
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->done);
}
