/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include <inttypes.h>
#include <time.h>
#include <ebb_hot.h>
#include "support.h"

#define RUNS_MAX  512
#define NAME_SIZE 160
#ifndef CHECK_TREE_EVERY /* so many calls; ebb_check() is slow where each of its loads is counted */
#define CHECK_TREE_EVERY 1
#endif

/* ---- fixture ---- */

const char *policy_name(enum ebb_policy policy)
{
	static const char *const names[] = { "none", "rwlock", "deferred" };

	return policy < EBB_POLICIES ? names[policy] : "unknown";
}

struct ebb_config shape_config(const struct shape *shape)
{
	return (struct ebb_config){
		.format = EBB_VTDSS,
		.policy = shape->policy,
		.partial = shape->partial,
		.levels = shape->levels,
		.pa_width_lg2 = shape->pa_width_lg2,
		.leaf_levels = shape->leaf_levels,
		.flags = shape->flags,
		.batch = shape->batch,
		.node = -1,
	};
}

/* The test fails where it next looks; threads end by themselves. */
static void print_report(void *arg, const struct soft_report *report)
{
	struct fixture *f = arg;

	f->late_fault = report->text;
	print_error("software IOMMU: %s (IOVA %#" PRIx64 ", table %#" PRIx64 ")\n%s", report->text,
		    report->iova, report->table_pa, report->details);
}

void fixture_open(struct fixture *f, const struct shape *shape)
{
	struct ebb_config config = shape_config(shape);
	const struct soft_config soft = {
		.format = config.format,
		.levels = shape->levels,
		.pa_width_lg2 = shape->pa_width_lg2,
		.leaf_levels = shape->leaf_levels,
		.flags = shape->flags,
		.completion = shape->device_thread ? SOFT_THREAD : SOFT_INLINE,
		.on_fault = print_report,
		.arg = f,
		.unlinks_first = shape->policy == EBB_RWLOCK,
	};

	memset(f, 0, sizeof(*f));
	f->shape = *shape;
	f->aperture = 1ull << (12 + 9 * shape->levels);
	f->hosted = ebb_hosted_create(0);
	assert_non_null(f->hosted);
	f->platform = ebb_hosted_platform(f->hosted);
	if (!shape->plain) {
		f->device = soft_create(&f->platform, &soft);
		f->platform = soft_platform(f->device);
	}
	assert_ok(ebb_domain_init(&f->domain, &config, &f->platform));
	ebb_gather_init(&f->gather, &f->domain);
	if (f->device)
		soft_attach(f->device, ebb_root_pa(&f->domain));
	check_tree(f);
}

void fixture_close(struct fixture *f)
{
	assert_only_root_left(f);
	ebb_gather_fini(&f->gather);
	if (f->device)
		soft_detach(f->device);
	ebb_domain_destroy(&f->domain);
	assert_int_equal(tables_out(f), 0);
	if (f->device) {
		soft_destroy(f->device);
		assert_no_fault(f->late_fault);
	}
	ebb_hosted_destroy(f->hosted);
}

/* ---- cases ---- */

struct run {
	const struct test_case *test;
	struct shape shape;
	char name[NAME_SIZE];
};

static void run_case(void **state)
{
	const struct run *run = *state;
	struct fixture f;

	fixture_open(&f, &run->shape);
	run->test->run(&f);
	fixture_close(&f);
}

static void add_run(struct run *run, const struct test_case *test, enum ebb_policy policy,
		    unsigned levels)
{
	run->test = test;
	run->shape = test->shape;
	run->shape.policy = policy;
	run->shape.levels = levels;
	snprintf(run->name, sizeof(run->name), "%s [%s, %u levels]", test->name,
		 policy_name(policy), levels);
}

/* Fills in one run for each policy and depth that the case asks for. */
static unsigned add_runs(struct run *runs, unsigned n, const struct test_case *test)
{
	for (unsigned policy = 0; policy < EBB_POLICIES; policy++) {
		for (unsigned levels = 3; levels <= 5; levels++) {
			if (test->policies && !(test->policies & ON_POLICY(policy)))
				continue;
			if (test->levels && !(test->levels & ON_LEVELS(levels)))
				continue;
			if (n == RUNS_MAX)
				abort();
			add_run(&runs[n++], test, policy, levels);
		}
	}
	return n;
}

int run_cases(const char *group, const struct test_case *cases, unsigned n)
{
	static struct run runs[RUNS_MAX];
	static struct CMUnitTest tests[RUNS_MAX];
	unsigned nruns = 0;

	for (unsigned i = 0; i < n; i++)
		nruns = add_runs(runs, nruns, &cases[i]);
	for (unsigned i = 0; i < nruns; i++) {
		tests[i].name = runs[i].name;
		tests[i].test_func = run_case;
		tests[i].initial_state = &runs[i];
	}
	return _cmocka_run_group_tests(group, tests, nruns, NULL, NULL) ? EXIT_FAILURE :
									  EXIT_SUCCESS;
}

/* ---- calls ---- */

/* DMA to both ends of a new mapping, so that the device has something to forget later. */
static void let_device_see(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t len,
			   unsigned prot)
{
	const uint64_t at[] = { 0, len - PAGE };
	struct soft_walk w;

	for (unsigned i = 0; i < 2; i++) {
		soft_dma(f->device, iova + at[i], SOFT_PROBE, &w);
		assert_true(w.present);
		assert_int_equal(w.pa, pa + at[i]);
		assert_int_equal(w.prot, prot);
	}
}

int try_map(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t len, unsigned prot)
{
	int error = ebb_map(&f->gather, EBB_IOVA(iova), EBB_PA(pa), len, prot);

	check_tree(f);
	if (f->device && error == EBB_OK)
		let_device_see(f, iova, pa, len, prot);
	return error;
}

int try_unmap(struct fixture *f, uint64_t iova, uint64_t len, uint64_t *unmapped)
{
	int error = ebb_unmap(&f->gather, EBB_IOVA(iova), len, unmapped);

	if (error == EBB_OK)
		f->unsynced = true;
	check_tree(f);
	return error;
}

int do_sync(struct fixture *f)
{
	int freed = ebb_sync(&f->gather);

	f->unsynced = false;
	check_tree(f);
	if (f->device)
		assert_no_fault(soft_stale(f->device));
	return freed;
}

int do_reclaim(struct fixture *f)
{
	int freed = ebb_reclaim(&f->gather, UINT_MAX);

	check_tree(f);
	return freed;
}

void do_map_prot(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t len, unsigned prot)
{
	assert_ok(try_map(f, iova, pa, len, prot));
}

void do_map(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t len)
{
	do_map_prot(f, iova, pa, len, RW);
}

void do_unmap(struct fixture *f, uint64_t iova, uint64_t len)
{
	uint64_t unmapped = 0;

	assert_ok(try_unmap(f, iova, len, &unmapped));
	assert_int_equal(unmapped, len);
}

void do_unmap_sync(struct fixture *f, uint64_t iova, uint64_t len)
{
	do_unmap(f, iova, len);
	do_sync(f);
}

/* ---- checks ---- */

void assert_no_fault(const char *fault)
{
	if (fault)
		fail_msg("%s", fault);
}

static void print_violation(void *arg, enum ebb_violation what, ebb_iova iova, unsigned level)
{
	static const char *const names[] = { "entry",	   "count",	  "descriptor",
					     "statistics", "empty table", "unsettled" };

	(void)arg;
	print_error("violation: %s at %#" PRIx64 ", level %u\n", names[what], iova.v, level);
}

struct ebb_stats stats_of(struct fixture *f)
{
	struct ebb_stats stats;

	ebb_stats(&f->domain, &stats);
	return stats;
}

uint64_t live_at(struct fixture *f, unsigned level)
{
	return stats_of(f).live[level];
}

/* Each table that the platform gave out is linked, waits to be freed, or is a spare. */
static void check_accounts(struct fixture *f)
{
	struct ebb_stats stats = stats_of(f);
	uint64_t live = 0;

	for (unsigned l = 0; l < EBB_LEVELS_MAX; l++)
		live += stats.live[l];
	assert_int_equal(stats.live[f->shape.levels - 1], 1);
	assert_true(live <= stats.held);
	assert_true(stats.held <= stats.held_peak);
	assert_int_equal(stats.held + stats.pooled, tables_out(f));
}

void check_tree(struct fixture *f)
{
	if (f->checks++ % CHECK_TREE_EVERY == 0)
		assert_int_equal(ebb_check(&f->domain, print_violation, NULL), 0);
	check_accounts(f);
	if (f->device)
		assert_no_fault(soft_fault_text(f->device));
}

uint64_t tables_out(struct fixture *f)
{
	struct ebb_hosted_stats hosted;

	ebb_hosted_stats(f->hosted, &hosted);
	return hosted.tables - (f->device ? soft_quarantined(f->device) : 0);
}

uint64_t *table_word(uint64_t table_pa, unsigned index)
{
	return (uint64_t *)(void *)ebb_hot_va(EBB_PA(table_pa)) + index;
}

uint64_t table_entry(uint64_t table_pa, unsigned index)
{
	return __atomic_load_n(table_word(table_pa, index), __ATOMIC_RELAXED);
}

bool device_touch(struct soft_iommu *device, uint64_t iova, bool write)
{
	struct soft_walk w;

	soft_dma_uncached(device, iova, write ? SOFT_WRITE : SOFT_READ, &w);
	return w.present;
}

static uint64_t read_memory(void *unused, uint64_t table_pa, unsigned index, uint64_t iova)
{
	(void)unused;
	(void)iova;
	return table_entry(table_pa, index);
}

void walk_memory(struct fixture *f, uint64_t iova, struct soft_walk *w)
{
	soft_walk(EBB_VTDSS, w, read_memory, NULL, 52, ebb_root_pa(&f->domain).v,
		  f->shape.levels - 1, iova);
	assert_no_fault(w->rule);
}

static void assert_walk(const struct soft_walk *w, uint64_t pa, unsigned size_lg2, unsigned prot)
{
	assert_no_fault(w->rule);
	assert_true(w->present);
	assert_int_equal(w->pa, pa);
	assert_int_equal(w->size_lg2, size_lg2);
	assert_int_equal(w->prot, prot);
}

void assert_maps_to(struct fixture *f, uint64_t iova, uint64_t pa, unsigned size_lg2, unsigned prot)
{
	struct ebb_mapping m;
	struct soft_walk w;

	assert_ok(ebb_translate(&f->domain, EBB_IOVA(iova), &m));
	assert_int_equal(m.pa.v, pa);
	assert_int_equal(m.size_lg2, size_lg2);
	assert_int_equal(m.prot, prot);
	walk_memory(f, iova, &w);
	assert_walk(&w, pa, size_lg2, prot);
	if (f->device) {
		soft_dma(f->device, iova, SOFT_PROBE, &w);
		assert_walk(&w, pa, size_lg2, prot);
		assert_no_fault(soft_fault_text(f->device));
	}
}

void assert_maps_nothing(struct fixture *f, uint64_t iova)
{
	struct ebb_mapping m;
	struct soft_walk w;

	assert_int_equal(ebb_translate(&f->domain, EBB_IOVA(iova), &m), EBB_ERR_NOT_MAPPED);
	walk_memory(f, iova, &w);
	assert_false(w.present);
	if (f->device && !f->unsynced) {
		soft_dma(f->device, iova, SOFT_PROBE, &w);
		assert_false(w.present);
		assert_no_fault(soft_fault_text(f->device));
	}
}

/* Both ends, and 16 places in between. */
static uint64_t next_sample(uint64_t at, uint64_t len)
{
	uint64_t step = len / 16 / PAGE * PAGE;

	if (step == 0)
		step = PAGE;
	if (at + step >= len && at + PAGE < len)
		return len - PAGE;
	return at + step;
}

void assert_range_maps_to(struct fixture *f, uint64_t iova, uint64_t pa, uint64_t len)
{
	for (uint64_t at = 0; at < len; at = next_sample(at, len)) {
		struct soft_walk w;

		walk_memory(f, iova + at, &w);
		assert_true(w.present);
		assert_maps_to(f, iova + at, pa + at, w.size_lg2, w.prot);
	}
}

void assert_range_maps_nothing(struct fixture *f, uint64_t iova, uint64_t len)
{
	for (uint64_t at = 0; at < len; at = next_sample(at, len))
		assert_maps_nothing(f, iova + at);
}

static void count_below(uint64_t table_pa, unsigned level, uint64_t live[VTD_LEVELS])
{
	live[level]++;
	for (unsigned i = 0; level > 0 && i < EBB_TABLE_ENTRIES; i++) {
		uint64_t entry = table_entry(table_pa, i);

		if (vtd_is_present(entry) && !vtd_is_leaf(entry, level))
			count_below(entry & VTD_ADDRESS, level - 1, live);
	}
}

void count_tables(struct fixture *f, uint64_t live[VTD_LEVELS])
{
	memset(live, 0, VTD_LEVELS * sizeof(live[0]));
	count_below(ebb_root_pa(&f->domain).v, f->shape.levels - 1, live);
}

/* Policy none keeps empty tables until one unmap covers them; that unmap finds nothing mapped. */
void assert_only_root_left(struct fixture *f)
{
	uint64_t live[VTD_LEVELS];
	struct ebb_stats stats;

	do_sync(f);
	if (f->shape.policy == EBB_NONE) {
		assert_int_equal(try_unmap(f, 0, f->aperture, NULL), EBB_ERR_NOT_MAPPED);
		do_sync(f);
	}
	do_reclaim(f);
	stats = stats_of(f);
	count_tables(f, live);
	for (unsigned l = 0; l < f->shape.levels; l++) {
		assert_int_equal(stats.live[l], l + 1 == f->shape.levels);
		assert_int_equal(live[l], l + 1 == f->shape.levels);
	}
	assert_int_equal(stats.held, 1);
	assert_int_equal(stats.candidates, 0);
	assert_int_equal(snapshot_of(f).leaves, 0);
	if (f->device)
		assert_no_fault(soft_stale(f->device));
}

/* ---- snapshots ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ (hash >> 29);
}

static int add_leaf(void *arg, const struct ebb_visit *v)
{
	struct snapshot *s = arg;

	s->leaves++;
	s->hash = mix(s->hash, v->first.v);
	s->hash = mix(s->hash, v->last.v);
	s->hash = mix(s->hash, v->pa.v);
	s->hash = mix(s->hash, v->prot | v->accessed << 8 | v->dirty << 9);
	return 0;
}

struct snapshot snapshot_of(struct fixture *f)
{
	struct snapshot s = { .held = stats_of(f).held };

	assert_ok(
		ebb_for_each(&f->domain, EBB_IOVA(0), f->aperture, EBB_VISIT_LEAVES, add_leaf, &s));
	return s;
}

void assert_unchanged(struct fixture *f, const struct snapshot *before)
{
	struct snapshot now = snapshot_of(f);

	assert_int_equal(now.leaves, before->leaves);
	assert_int_equal(now.hash, before->hash);
	assert_true(now.held <= before->held);
}

/* ---- random numbers ---- */

uint64_t seed_from_environment(void)
{
	const char *text = getenv("EBB_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = text ? strtoull(text, NULL, 0) :
		      (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	print_message("EBB_SEED=%#" PRIx64 "\n", seed);
	return seed;
}

/* splitmix64 */
uint64_t rng_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}
