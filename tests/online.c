/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The hosted platform's read sections: those of threads that are online and those of others.
 * Whether a grace period has begun, and for whom it waits, is seen in liburcu's own state, so that
 * nothing here depends on time.
 */
#include <ebb_hot.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#ifdef EBB_RCU_MB
#include <urcu/static/urcu-mb.h>
#else
#include <urcu/static/urcu-memb.h>
#endif
#include <urcu/static/urcu-qsbr.h>
#include "support.h"

#define BASE (5 * GIB)

/* ---- one who waits for a grace period ---- */

struct waiter {
	struct fixture *f;
	pthread_t thread;
	bool over; /* the grace period is */
};

static void *wait_for_grace(void *arg)
{
	struct waiter *w = arg;

	w->f->platform.grace_wait(w->f->platform.ctx);
	__atomic_store_n(&w->over, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool is_over(struct waiter *w)
{
	return __atomic_load_n(&w->over, __ATOMIC_ACQUIRE);
}

static void start(struct waiter *w, struct fixture *f)
{
	*w = (struct waiter){ .f = f };
	assert_int_equal(pthread_create(&w->thread, NULL, wait_for_grace, w), 0);
}

/* Changes when a grace period begins that waits for threads that are registered. */
static unsigned long other_gp(void)
{
	return CMM_LOAD_SHARED(EBB_RCU(gp).ctr);
}

/* A grace period waits for this thread, which is online, to report. */
static bool is_asked(void)
{
	return CMM_LOAD_SHARED(urcu_qsbr_gp.ctr) != URCU_TLS(urcu_qsbr_reader).ctr;
}

static void start_and_be_asked(struct waiter *w, struct fixture *f)
{
	assert_false(is_asked());
	start(w, f);
	while (!is_asked() && !is_over(w))
		sched_yield();
	assert_false(is_over(w));
}

static void report_and_join(struct waiter *w)
{
	assert_false(is_asked());
	pthread_join(w->thread, NULL);
	assert_true(is_over(w));
}

/* ---- online ---- */

/* Until then it may hold whatever table it has met since its last report. */
static void a_grace_period_waits_for_the_next_call(struct fixture *f)
{
	struct ebb_mapping m;
	struct waiter w;

	ebb_hosted_online();
	do_map(f, BASE, 0, PAGE);
	start_and_be_asked(&w, f);
	assert_ok(ebb_map(&f->gather, EBB_IOVA(BASE + PAGE), EBB_PA(PAGE), PAGE, RW));
	report_and_join(&w);
	start_and_be_asked(&w, f);
	assert_ok(ebb_translate(&f->domain, EBB_IOVA(BASE + PAGE), &m));
	report_and_join(&w);
	start_and_be_asked(&w, f);
	assert_ok(ebb_unmap(&f->gather, EBB_IOVA(BASE + PAGE), PAGE, NULL));
	report_and_join(&w);
	start_and_be_asked(&w, f);
	assert_ok(ebb_map(&f->gather, EBB_IOVA(BASE + MIB_2), EBB_PA(0), 3 * PAGE, RW));
	report_and_join(&w);
	start_and_be_asked(&w, f);
	assert_ok(ebb_unmap(&f->gather, EBB_IOVA(BASE), GIB, NULL));
	report_and_join(&w);
	do_sync(f);
	ebb_hosted_offline();
}

/* Policies whose maps and unmaps have no section that a grace period waits for. */
static void a_grace_period_waits_for_the_next_sync(struct fixture *f)
{
	struct waiter w;

	do_map(f, BASE, 0, 2 * PAGE);
	ebb_hosted_online();
	start_and_be_asked(&w, f);
	assert_ok(ebb_unmap(&f->gather, EBB_IOVA(BASE), PAGE, NULL));
	ebb_sync(&f->gather);
	report_and_join(&w);
	ebb_hosted_offline();
	do_unmap_sync(f, BASE + PAGE, PAGE);
}

static void nobody_waits_for_who_is_offline(struct fixture *f)
{
	struct waiter w;

	ebb_hosted_online();
	assert_true(ebb_hosted_is_online());
	do_map(f, BASE, 0, PAGE);
	ebb_hosted_offline();
	assert_false(ebb_hosted_is_online());
	start(&w, f);
	pthread_join(w.thread, NULL);
	/* A call all the same: it is one of the others then, until it is online again. */
	do_unmap_sync(f, BASE, PAGE);
	assert_true(ebb_hosted_registered || f->shape.policy != EBB_DEFERRED);
	ebb_hosted_online();
	assert_true(ebb_hosted_is_online());
	assert_false(ebb_hosted_registered);
	ebb_hosted_offline();
}

/* One more thread that the platform knows, and that holds nothing, until it is told to end. */
struct company {
	pthread_t thread;
	sem_t there, end;
};

static void *keep_company(void *arg)
{
	struct company *c = arg;

	ebb_hosted_register_thread();
	sem_post(&c->there);
	sem_wait(&c->end);
	return NULL;
}

static void who_waits_is_online_again_afterwards(struct fixture *f)
{
	struct company c;

	assert_int_equal(sem_init(&c.there, 0, 0) | sem_init(&c.end, 0, 0), 0);
	assert_int_equal(pthread_create(&c.thread, NULL, keep_company, &c), 0);
	sem_wait(&c.there);
	ebb_hosted_online();
	f->platform.grace_wait(f->platform.ctx);
	assert_true(ebb_hosted_is_online());
	ebb_hosted_offline();
	sem_post(&c.end);
	pthread_join(c.thread, NULL);
}

/* It holds nothing itself while it waits, and there is nobody else. */
static void who_is_alone_asks_nobody(struct fixture *f)
{
	unsigned long gp, other;

	ebb_hosted_register_thread();
	other = other_gp();
	f->platform.grace_wait(f->platform.ctx);
	assert_int_equal(other_gp(), other);
	ebb_hosted_online();
	gp = CMM_LOAD_SHARED(urcu_qsbr_gp.ctr);
	f->platform.grace_wait(f->platform.ctx);
	assert_int_equal(CMM_LOAD_SHARED(urcu_qsbr_gp.ctr), gp);
	assert_int_equal(other_gp(), other);
	assert_true(ebb_hosted_is_online());
	ebb_hosted_offline();
}

static void *map_online(void *arg)
{
	struct fixture *f = arg;

	ebb_hosted_online();
	ebb_map(&f->gather, EBB_IOVA(BASE), EBB_PA(0), PAGE, RW);
	return NULL;
}

static void nobody_waits_for_who_has_ended(struct fixture *f)
{
	pthread_t thread;
	struct waiter w;

	assert_int_equal(pthread_create(&thread, NULL, map_online, f), 0);
	pthread_join(thread, NULL);
	start(&w, f);
	pthread_join(w.thread, NULL);
	do_unmap_sync(f, BASE, PAGE);
}

/* ---- one who waits for an owner number ---- */

static void *wait_and_give_numbers_back(void *arg)
{
	struct waiter *w = arg;

	wait_for_grace(w);
	__atomic_store_n(&w->f->domain.owners, 0, __ATOMIC_RELEASE);
	return NULL;
}

/* As if 15 reclaimers were in their grace periods, which wait for the one that waits for them. */
static void who_waits_for_a_reclaimer_lets_its_grace_period_end(struct fixture *f)
{
	struct waiter w = { .f = f };
	struct ebb_gather other;

	ebb_gather_init(&other, &f->domain);
	ebb_hosted_online();
	assert_ok(ebb_map(&other, EBB_IOVA(BASE), EBB_PA(0), PAGE, RW));
	assert_ok(ebb_unmap(&other, EBB_IOVA(BASE), PAGE, NULL));
	ebb_sync(&other);
	f->domain.owners = UINT32_MAX;
	assert_int_equal(pthread_create(&w.thread, NULL, wait_and_give_numbers_back, &w), 0);
	ebb_gather_fini(&other);
	pthread_join(w.thread, NULL);
	ebb_hosted_offline();
	do_reclaim(f);
	assert_int_equal(stats_of(f).held, 1);
}

/* ---- inside a section ---- */

/* A page walk that does not snoop: what is called from inside stays there until all is seen. */
static struct {
	struct fixture *f;
	bool online, seen;
	struct waiter waiter;
} inside;

static void write_back(void *ctx, const void *addr, size_t len)
{
	unsigned long gp = other_gp();

	(void)ctx;
	(void)addr;
	(void)len;
	if (inside.seen)
		return;
	inside.seen = true;
	if (inside.online) {
		start_and_be_asked(&inside.waiter, inside.f);
		return;
	}
	start(&inside.waiter, inside.f);
	while (other_gp() == gp && !is_over(&inside.waiter))
		sched_yield();
	assert_false(is_over(&inside.waiter));
}

static void map_with_a_late_section(struct fixture *f, bool online)
{
	do_map(f, BASE, 0, PAGE);
	memset(&inside, 0, sizeof(inside));
	inside.f = f;
	inside.online = online;
	if (online)
		ebb_hosted_online();
	f->domain.platform.write_back = write_back;
	assert_ok(ebb_map(&f->gather, EBB_IOVA(BASE + PAGE), EBB_PA(PAGE), PAGE, RW));
	f->domain.platform.write_back = f->platform.write_back;
	assert_true(inside.seen);
	pthread_join(inside.waiter.thread, NULL);
	ebb_hosted_offline();
	do_unmap_sync(f, BASE, 2 * PAGE);
}

static void a_grace_period_waits_for_a_section_online(struct fixture *f)
{
	map_with_a_late_section(f, true);
}

static void a_grace_period_waits_for_a_section(struct fixture *f)
{
	map_with_a_late_section(f, false);
}

#define PLAIN	 .shape.plain = true, .shape.batch = 64, .levels = ON_LEVELS(4)
#define DEFERRED .policies = ON_POLICY(EBB_DEFERRED)
#define OTHERS	 .policies = ON_POLICY(EBB_NONE) | ON_POLICY(EBB_RWLOCK)
#define NO_SNOOP .shape.flags = EBB_NONSNOOPING

static const struct test_case cases[] = {
	CASE_WITH(a_grace_period_waits_for_the_next_call, PLAIN, DEFERRED),
	CASE_WITH(a_grace_period_waits_for_the_next_call, PLAIN, DEFERRED, NO_SNOOP),
	CASE_WITH(a_grace_period_waits_for_the_next_sync, PLAIN, OTHERS),
	CASE_WITH(nobody_waits_for_who_is_offline, PLAIN),
	CASE_WITH(who_waits_is_online_again_afterwards, PLAIN),
	CASE_WITH(who_is_alone_asks_nobody, PLAIN),
	CASE_WITH(nobody_waits_for_who_has_ended, PLAIN),
	CASE_WITH(who_waits_for_a_reclaimer_lets_its_grace_period_end, PLAIN, DEFERRED),
	CASE_WITH(a_grace_period_waits_for_a_section_online, PLAIN, DEFERRED, NO_SNOOP),
	CASE_WITH(a_grace_period_waits_for_a_section, PLAIN, DEFERRED, NO_SNOOP),
};

int main(void)
{
	return RUN_CASES("online", cases);
}
