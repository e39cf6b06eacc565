/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Looking at a domain: ebb_for_each() over leaves and tables, and the log of accessed and dirty
 * pages.
 */
#include "support.h"

#define BASE	(5 * GIB)
#define SEEN	4096
#define LEAVES	EBB_VISIT_LEAVES
#define TABLES	EBB_VISIT_TABLES
#define BOTH	(EBB_VISIT_LEAVES | EBB_VISIT_TABLES)
#define THE_END ((f->aperture) - 1)

/* ---- for_each ---- */

struct seen {
	struct fixture *f;
	unsigned n;
	int stop_after; /* 0: never */
	struct ebb_visit visits[SEEN];
};

static int see(void *arg, const struct ebb_visit *visit)
{
	struct seen *s = arg;

	assert_true(s->n < SEEN);
	s->visits[s->n++] = *visit;
	return s->stop_after && s->n == (unsigned)s->stop_after ? 42 : 0;
}

static struct seen *look(struct fixture *f, uint64_t iova, uint64_t len, unsigned what)
{
	static struct seen s;

	s.f = f;
	s.n = 0;
	s.stop_after = 0;
	assert_ok(ebb_for_each(&f->domain, EBB_IOVA(iova), len, what, see, &s));
	return &s;
}

static void assert_leaf(const struct ebb_visit *v, uint64_t iova, uint64_t pa, unsigned level,
			unsigned prot)
{
	assert_false(v->is_table);
	assert_int_equal(v->first.v, iova);
	assert_int_equal(v->last.v, iova + vtd_span(level) - 1);
	assert_int_equal(v->level, level);
	assert_int_equal(v->pa.v, pa);
	assert_int_equal(v->prot, prot);
	assert_false(v->accessed);
	assert_false(v->dirty);
}

static void leaves_are_visited_in_ascending_order(struct fixture *f)
{
	struct seen *s;

	do_map_prot(f, BASE + 7 * PAGE, 0x1000, PAGE, EBB_READ);
	do_map_prot(f, 0, 0x2000, PAGE, EBB_WRITE);
	do_map_prot(f, BASE + GIB, 3 * GIB, GIB, RW);
	do_map_prot(f, BASE + MIB_2, 0, MIB_2, RW);
	do_map_prot(f, f->aperture - PAGE, 0x5000, PAGE, RW);
	s = look(f, 0, f->aperture, LEAVES);
	assert_int_equal(s->n, 5);
	assert_leaf(&s->visits[0], 0, 0x2000, 0, EBB_WRITE);
	assert_leaf(&s->visits[1], BASE + 7 * PAGE, 0x1000, 0, EBB_READ);
	assert_leaf(&s->visits[2], BASE + MIB_2, 0, 1, RW);
	assert_leaf(&s->visits[3], BASE + GIB, 3 * GIB, 2, RW);
	assert_leaf(&s->visits[4], f->aperture - PAGE, 0x5000, 0, RW);
	assert_ok(try_unmap(f, 0, f->aperture, NULL));
	do_sync(f);
}

static void only_leaves_that_overlap_the_range_are_visited(struct fixture *f)
{
	do_map(f, BASE, 0, 4 * PAGE);
	do_map(f, BASE + MIB_2, 0, MIB_2);
	assert_int_equal(look(f, BASE + PAGE, PAGE, LEAVES)->n, 1);
	assert_int_equal(look(f, BASE + PAGE, 2 * PAGE, LEAVES)->n, 2);
	assert_int_equal(look(f, BASE + 4 * PAGE, PAGE, LEAVES)->n, 0);
	assert_int_equal(look(f, BASE + 4 * PAGE, MIB_2, LEAVES)->n, 1);
	assert_int_equal(look(f, BASE + MIB_2 + 5 * PAGE, PAGE, LEAVES)->n, 1);
	assert_int_equal(look(f, 0, BASE, LEAVES)->n, 0);
	do_unmap(f, BASE, 4 * PAGE);
	do_unmap_sync(f, BASE + MIB_2, MIB_2);
}

/* A byte is enough to overlap. */
static void a_range_to_visit_need_not_be_aligned(struct fixture *f)
{
	do_map(f, BASE, 0, 3 * PAGE);
	assert_int_equal(look(f, BASE + PAGE - 1, 1, LEAVES)->n, 1);
	assert_int_equal(look(f, BASE + PAGE - 1, 2, LEAVES)->n, 2);
	assert_int_equal(look(f, BASE - 1, 1, LEAVES)->n, 0);
	assert_int_equal(look(f, BASE - 1, 2, LEAVES)->n, 1);
	assert_int_equal(look(f, THE_END, 1, LEAVES)->n, 0);
	do_unmap_sync(f, BASE, 3 * PAGE);
}

static void a_large_leaf_is_visited_whole_and_once(struct fixture *f)
{
	struct seen *s;

	do_map(f, BASE, 8 * GIB, GIB);
	s = look(f, BASE + 77 * MIB_2 + 123, 5, LEAVES);
	assert_int_equal(s->n, 1);
	assert_leaf(&s->visits[0], BASE, 8 * GIB, 2, RW);
	do_unmap_sync(f, BASE, GIB);
}

static void assert_table(const struct ebb_visit *v, uint64_t first, unsigned level, unsigned used)
{
	assert_true(v->is_table);
	assert_int_equal(v->level, level);
	assert_int_equal(v->first.v, first & ~(vtd_span(level + 1) - 1));
	assert_int_equal(v->last.v, v->first.v + vtd_span(level + 1) - 1);
	assert_int_equal(v->used, used);
	assert_int_equal(v->state, EBB_ENTRY_TABLE);
}

static void tables_are_visited_before_what_they_hold(struct fixture *f)
{
	unsigned levels = f->shape.levels;
	struct seen *s;

	do_map(f, BASE, 0, 2 * PAGE);
	s = look(f, 0, f->aperture, BOTH);
	assert_int_equal(s->n, levels + 2);
	for (unsigned i = 0; i < levels; i++)
		assert_table(&s->visits[i], BASE, levels - 1 - i, i + 1 == levels ? 2 : 1);
	assert_leaf(&s->visits[levels], BASE, 0, 0, RW);
	assert_leaf(&s->visits[levels + 1], BASE + PAGE, PAGE, 0, RW);
	do_unmap_sync(f, BASE, 2 * PAGE);
}

static void an_empty_domain_is_one_table_to_visit(struct fixture *f)
{
	struct seen *s = look(f, 0, f->aperture, BOTH);

	assert_int_equal(s->n, 1);
	assert_table(&s->visits[0], 0, f->shape.levels - 1, 0);
	assert_int_equal(s->visits[0].last.v, f->aperture - 1);
	assert_int_equal(look(f, 0, f->aperture, LEAVES)->n, 0);
}

static void tables_alone_are_visited_without_their_leaves(struct fixture *f)
{
	do_map(f, BASE, 0, 300 * PAGE);
	do_map(f, BASE + MIB_2, 0, 300 * MIB_2);
	assert_int_equal(look(f, 0, f->aperture, TABLES)->n, f->shape.levels);
	assert_int_equal(look(f, BASE + MIB_2, GIB - MIB_2, TABLES)->n, f->shape.levels - 1);
	assert_int_equal(look(f, BASE - 1, 1, TABLES)->n, f->shape.levels - 2);
	do_unmap(f, BASE, 300 * PAGE);
	do_unmap_sync(f, BASE + MIB_2, 300 * MIB_2);
}

static void a_visitor_that_returns_something_stops_the_visit(struct fixture *f)
{
	static struct seen s;

	do_map(f, BASE, 0, 100 * PAGE);
	for (int stop = 1; stop <= 100; stop += 33) {
		memset(&s, 0, sizeof(s));
		s.stop_after = stop;
		assert_int_equal(
			ebb_for_each(&f->domain, EBB_IOVA(0), f->aperture, LEAVES, see, &s), 42);
		assert_int_equal(s.n, stop);
	}
	do_unmap_sync(f, BASE, 100 * PAGE);
}

static void many_leaves_are_each_visited_once(struct fixture *f)
{
	struct seen *s;

	for (unsigned i = 0; i < 3000; i++)
		assert_ok(ebb_map(&f->gather, EBB_IOVA(BASE + i * 3 * PAGE), EBB_PA(i * PAGE), PAGE,
				  RW));
	s = look(f, 0, f->aperture, LEAVES);
	assert_int_equal(s->n, 3000);
	for (unsigned i = 0; i < 3000; i++)
		assert_leaf(&s->visits[i], BASE + i * 3 * PAGE, i * PAGE, 0, RW);
	assert_ok(try_unmap(f, BASE, 9000 * PAGE, NULL));
	do_sync(f);
}

/* The visitor of a leaf takes it away, with a gather of its own, and lets reclaim run. */
static int take_away(void *arg, const struct ebb_visit *visit)
{
	struct seen *s = arg;

	s->n++;
	assert_ok(ebb_unmap(&s->f->gather, visit->first, visit->last.v - visit->first.v + 1, NULL));
	ebb_sync(&s->f->gather);
	ebb_reclaim(&s->f->gather, UINT_MAX);
	return 0;
}

static void a_visitor_may_unmap_what_it_sees(struct fixture *f)
{
	static struct seen s;

	s = (struct seen){ .f = f };
	do_map(f, BASE, 0, 100 * PAGE);
	do_map(f, BASE + GIB, GIB, 3 * MIB_2);
	do_map(f, BASE + 5 * GIB, GIB, 2 * GIB);
	assert_ok(ebb_for_each(&f->domain, EBB_IOVA(0), f->aperture, LEAVES, take_away, &s));
	assert_int_equal(s.n, 100 + 3 + 2);
	check_tree(f);
	assert_int_equal(snapshot_of(f).leaves, 0);
}

/*
 * Everything goes at the first leaf: the others are seen once or not at all, and the walk does not
 * touch freed tables.
 */
static int take_all_away(void *arg, const struct ebb_visit *visit)
{
	struct seen *s = arg;

	if (s->n++ == 0) {
		assert_int_equal(visit->first.v, BASE);
		assert_ok(ebb_unmap(&s->f->gather, EBB_IOVA(0), s->f->aperture, NULL));
		ebb_sync(&s->f->gather);
		ebb_reclaim(&s->f->gather, UINT_MAX);
		ebb_trim(&s->f->gather);
	}
	return 0;
}

static void a_visitor_may_unmap_what_it_has_not_seen_yet(struct fixture *f)
{
	static struct seen s;

	s = (struct seen){ .f = f };
	for (unsigned i = 0; i < 50; i++)
		do_map(f, BASE + i * GIB, 0, PAGE);
	assert_ok(ebb_for_each(&f->domain, EBB_IOVA(0), f->aperture, BOTH, see, &s));
	s.n = 0;
	assert_ok(ebb_for_each(&f->domain, EBB_IOVA(0), f->aperture, LEAVES, take_all_away, &s));
	assert_true(s.n >= 1 && s.n <= 50);
	check_tree(f);
}

/* A grace period inside the visitor would never end if the visit were one read section. */
static int wait_for_grace(void *arg, const struct ebb_visit *visit)
{
	struct seen *s = arg;

	(void)visit;
	s->n++;
	s->f->platform.grace_wait(s->f->platform.ctx);
	return 0;
}

static void a_visitor_may_wait_for_a_grace_period(struct fixture *f)
{
	static struct seen s;

	s = (struct seen){ .f = f };
	do_map(f, BASE, 0, 5 * PAGE);
	assert_ok(ebb_for_each(&f->domain, EBB_IOVA(0), f->aperture, BOTH, wait_for_grace, &s));
	assert_int_equal(s.n, f->shape.levels + 5);
	do_unmap_sync(f, BASE, 5 * PAGE);
}

static void visits_tell_which_leaves_are_accessed_and_dirty(struct fixture *f)
{
	struct seen *s;

	do_map(f, BASE, 0, 3 * PAGE);
	assert_true(device_touch(f->device, BASE + PAGE, false));
	assert_true(device_touch(f->device, BASE + 2 * PAGE, true));
	s = look(f, 0, f->aperture, LEAVES);
	assert_int_equal(s->n, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(s->visits[i].accessed, i > 0);
		assert_int_equal(s->visits[i].dirty, i > 1);
	}
	do_unmap_sync(f, BASE, 3 * PAGE);
}

/* ---- the log ---- */

struct log {
	struct fixture *f;
	unsigned n;
	struct {
		uint64_t first, len;
		unsigned bits;
	} runs[SEEN];
};

static void add_run(void *arg, ebb_iova first, uint64_t len, unsigned bits)
{
	struct log *log = arg;

	assert_true(log->n < SEEN);
	log->runs[log->n].first = first.v;
	log->runs[log->n].len = len;
	log->runs[log->n++].bits = bits;
}

static struct log *read_log(struct fixture *f, uint64_t iova, uint64_t len, unsigned bits)
{
	static struct log log;

	log.n = 0;
	log.f = f;
	f->unsynced = true;
	assert_ok(ebb_read_dirty(&f->gather, EBB_IOVA(iova), len, bits, add_run, &log));
	check_tree(f);
	return &log;
}

static void assert_run(const struct log *log, unsigned i, uint64_t first, uint64_t len,
		       unsigned bits)
{
	assert_true(i < log->n);
	assert_int_equal(log->runs[i].first, first);
	assert_int_equal(log->runs[i].len, len);
	assert_int_equal(log->runs[i].bits, bits);
}

static void touch(struct fixture *f, uint64_t iova, bool write)
{
	assert_true(device_touch(f->device, iova, write));
}

static void what_was_not_written_is_not_logged(struct fixture *f)
{
	do_map(f, BASE, 0, 10 * PAGE);
	assert_int_equal(read_log(f, BASE, 10 * PAGE, EBB_LOG_DIRTY)->n, 0);
	touch(f, BASE, false);
	assert_int_equal(read_log(f, BASE, 10 * PAGE, EBB_LOG_DIRTY)->n, 0);
	assert_int_equal(read_log(f, 0, f->aperture, EBB_LOG_DIRTY)->n, 0);
	do_unmap_sync(f, BASE, 10 * PAGE);
}

static void neighbours_are_logged_in_one_run(struct fixture *f)
{
	struct log *log;

	do_map(f, BASE, 0, 20 * PAGE);
	for (unsigned i = 3; i < 8; i++)
		touch(f, BASE + i * PAGE, true);
	touch(f, BASE + 11 * PAGE, true);
	log = read_log(f, BASE, 20 * PAGE, EBB_LOG_DIRTY);
	assert_int_equal(log->n, 2);
	assert_run(log, 0, BASE + 3 * PAGE, 5 * PAGE, EBB_LOG_DIRTY);
	assert_run(log, 1, BASE + 11 * PAGE, PAGE, EBB_LOG_DIRTY);
	do_unmap_sync(f, BASE, 20 * PAGE);
}

static void reading_the_log_clears_it(struct fixture *f)
{
	do_map(f, BASE, 0, 10 * PAGE);
	touch(f, BASE + PAGE, true);
	assert_int_equal(read_log(f, BASE, 10 * PAGE, EBB_LOG_DIRTY)->n, 1);
	assert_int_equal(read_log(f, BASE, 10 * PAGE, EBB_LOG_DIRTY)->n, 0);
	do_sync(f);
	touch(f, BASE + PAGE, true);
	assert_int_equal(read_log(f, BASE, 10 * PAGE, EBB_LOG_DIRTY)->n, 1);
	assert_range_maps_to(f, BASE, 0, 10 * PAGE);
	do_unmap_sync(f, BASE, 10 * PAGE);
}

static void only_the_range_is_read_and_cleared(struct fixture *f)
{
	do_map(f, BASE, 0, 10 * PAGE);
	for (unsigned i = 0; i < 10; i++)
		touch(f, BASE + i * PAGE, true);
	assert_run(read_log(f, BASE + 2 * PAGE, 3 * PAGE, EBB_LOG_DIRTY), 0, BASE + 2 * PAGE,
		   3 * PAGE, EBB_LOG_DIRTY);
	assert_run(read_log(f, BASE, 3 * PAGE, EBB_LOG_DIRTY), 0, BASE, 2 * PAGE, EBB_LOG_DIRTY);
	assert_run(read_log(f, 0, f->aperture, EBB_LOG_DIRTY), 0, BASE + 5 * PAGE, 5 * PAGE,
		   EBB_LOG_DIRTY);
	do_unmap_sync(f, BASE, 10 * PAGE);
}

static void accessed_and_dirty_are_logged_apart(struct fixture *f)
{
	struct log *log;

	do_map(f, BASE, 0, 4 * PAGE);
	touch(f, BASE, false);
	touch(f, BASE + PAGE, true);
	touch(f, BASE + 2 * PAGE, true);
	log = read_log(f, BASE, 4 * PAGE, EBB_LOG_ACCESSED);
	assert_int_equal(log->n, 1);
	assert_run(log, 0, BASE, 3 * PAGE, EBB_LOG_ACCESSED);
	touch(f, BASE + PAGE, false);
	log = read_log(f, BASE, 4 * PAGE, EBB_LOG_ACCESSED | EBB_LOG_DIRTY);
	assert_int_equal(log->n, 2);
	assert_run(log, 0, BASE + PAGE, PAGE, EBB_LOG_ACCESSED | EBB_LOG_DIRTY);
	assert_run(log, 1, BASE + 2 * PAGE, PAGE, EBB_LOG_DIRTY);
	assert_int_equal(read_log(f, BASE, 4 * PAGE, EBB_LOG_ACCESSED | EBB_LOG_DIRTY)->n, 0);
	do_unmap_sync(f, BASE, 4 * PAGE);
}

static void a_large_leaf_is_logged_whole(struct fixture *f)
{
	do_map(f, BASE, 0, GIB);
	do_map(f, BASE + GIB + MIB_2, 0, MIB_2);
	touch(f, BASE + 17 * PAGE, true);
	touch(f, BASE + GIB + MIB_2 + PAGE, true);
	assert_run(read_log(f, BASE + 100 * MIB_2, PAGE, EBB_LOG_DIRTY), 0, BASE, GIB,
		   EBB_LOG_DIRTY);
	assert_run(read_log(f, 0, f->aperture, EBB_LOG_DIRTY), 0, BASE + GIB + MIB_2, MIB_2,
		   EBB_LOG_DIRTY);
	do_unmap(f, BASE, GIB);
	do_unmap_sync(f, BASE + GIB + MIB_2, MIB_2);
}

static uint64_t total(const struct log *log)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < log->n; i++)
		bytes += log->runs[i].len;
	return bytes;
}

static void a_run_may_cross_tables_and_page_sizes(struct fixture *f)
{
	uint64_t len = 3 * PAGE + MIB_2 + 2 * PAGE, iova = BASE + MIB_2 - 3 * PAGE;
	struct log *log;

	do_map(f, iova, iova, len);
	for (uint64_t at = 0; at < len; at += PAGE)
		touch(f, iova + at, true);
	log = read_log(f, BASE, GIB, EBB_LOG_DIRTY);
	assert_int_equal(total(log), len);
	assert_int_equal(log->runs[0].first, iova);
	for (unsigned i = 1; i < log->n; i++)
		assert_int_equal(log->runs[i].first, log->runs[i - 1].first + log->runs[i - 1].len);
	do_unmap_sync(f, iova, len);
}

/*
 * Hardware that remembers a page as dirty does not mark it again: it must forget it, and no more
 * than that.
 */
static void the_sync_after_a_read_invalidates_what_was_cleared(struct fixture *f)
{
	struct soft_counts before;

	do_map(f, BASE, 0, 10 * PAGE);
	touch(f, BASE + 2 * PAGE, true);
	touch(f, BASE + 3 * PAGE, true);
	soft_forget(f->device);
	read_log(f, BASE, 10 * PAGE, EBB_LOG_DIRTY);
	do_sync(f);
	assert_true(soft_was_told(f->device, BASE + 2 * PAGE, BASE + 4 * PAGE - 1, EBB_LEAF));
	before = soft_counts(f->device);
	read_log(f, BASE, 10 * PAGE, EBB_LOG_DIRTY);
	do_sync(f);
	assert_int_equal(soft_counts(f->device).invalidations, before.invalidations);
	do_unmap_sync(f, BASE, 10 * PAGE);
}

static void a_long_log_is_read_in_full(struct fixture *f)
{
	struct log *log;

	for (unsigned i = 0; i < 2000; i++) {
		assert_ok(ebb_map(&f->gather, EBB_IOVA(BASE + i * 5 * PAGE), EBB_PA(0), PAGE, RW));
		touch(f, BASE + i * 5 * PAGE, true);
	}
	log = read_log(f, 0, f->aperture, EBB_LOG_DIRTY);
	assert_int_equal(log->n, 2000);
	for (unsigned i = 0; i < 2000; i++)
		assert_run(log, i, BASE + i * 5 * PAGE, PAGE, EBB_LOG_DIRTY);
	assert_int_equal(read_log(f, 0, f->aperture, EBB_LOG_DIRTY)->n, 0);
	assert_ok(try_unmap(f, 0, f->aperture, NULL));
	do_sync(f);
}

static void wait_in_log(void *arg, ebb_iova first, uint64_t len, unsigned bits)
{
	struct log *log = arg;

	add_run(arg, first, len, bits);
	log->f->platform.grace_wait(log->f->platform.ctx);
}

static void the_reader_of_a_log_may_wait_for_a_grace_period(struct fixture *f)
{
	static struct log log;

	log = (struct log){ .f = f };
	do_map(f, BASE, 0, 5 * PAGE);
	touch(f, BASE, true);
	touch(f, BASE + 2 * PAGE, true);
	f->unsynced = true;
	assert_ok(ebb_read_dirty(&f->gather, EBB_IOVA(0), f->aperture, EBB_LOG_DIRTY, wait_in_log,
				 &log));
	assert_int_equal(log.n, 2);
	do_unmap_sync(f, BASE, 5 * PAGE);
}

#define AD .shape.flags = EBB_ACCESSED_DIRTY

static const struct test_case cases[] = {
	CASE(leaves_are_visited_in_ascending_order),
	CASE(only_leaves_that_overlap_the_range_are_visited),
	CASE(a_range_to_visit_need_not_be_aligned),
	CASE(a_large_leaf_is_visited_whole_and_once),
	CASE(tables_are_visited_before_what_they_hold),
	CASE(an_empty_domain_is_one_table_to_visit),
	CASE(tables_alone_are_visited_without_their_leaves),
	CASE(a_visitor_that_returns_something_stops_the_visit),
	CASE(many_leaves_are_each_visited_once),
	CASE(a_visitor_may_unmap_what_it_sees),
	CASE(a_visitor_may_unmap_what_it_has_not_seen_yet),
	CASE(a_visitor_may_wait_for_a_grace_period),
	CASE_WITH(visits_tell_which_leaves_are_accessed_and_dirty, AD),
	CASE_WITH(what_was_not_written_is_not_logged, AD),
	CASE_WITH(neighbours_are_logged_in_one_run, AD),
	CASE_WITH(reading_the_log_clears_it, AD),
	CASE_WITH(only_the_range_is_read_and_cleared, AD),
	CASE_WITH(accessed_and_dirty_are_logged_apart, AD),
	CASE_WITH(a_large_leaf_is_logged_whole, AD),
	CASE_WITH(a_run_may_cross_tables_and_page_sizes, AD),
	CASE_WITH(the_sync_after_a_read_invalidates_what_was_cleared, AD),
	CASE_WITH(a_long_log_is_read_in_full, AD),
	CASE_WITH(the_reader_of_a_log_may_wait_for_a_grace_period, AD),
};

int main(void)
{
	return RUN_CASES("visit", cases);
}
