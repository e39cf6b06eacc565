/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Random sequences against the model: 10^5 operations for each policy and depth, in rounds that
 * differ in what unmap does with large leaves, batch, flags and page sizes. After each operation
 * ebb_check() runs, the pages at the edges of the operation are compared, and a device that never
 * forgets by itself asks for a few pages. The whole tree is compared every hundred operations.
 * EBB_SEED repeats a run.
 */
#include "model.h"
#include "support.h"

#define OPERATIONS (UNDER_TSAN ? 4000u : UNDER_ASAN ? 25000u : 100000u)
#define ROUNDS	   12u
#define GATHERS	   3u
#define PENDING	   24u
#define LEAVES_MAX 1600u /* that one map may add */
#define CROWDED	   6000u

struct range {
	uint64_t iova, len;
};

struct player {
	struct ebb_gather gather;
	unsigned pending; /* ranges unmapped since its last sync */
	struct range ranges[PENDING];
};

struct game {
	struct fixture f;
	struct model model;
	struct player players[GATHERS];
	uint64_t rng;
	unsigned nregions;
	uint64_t regions[4]; /* 1 GiB each */
	unsigned failing; /* != 0: this allocation fails in the next operation */
	uint64_t done; /* operations */
};

static struct game game;
static uint64_t seed;

static uint64_t below(uint64_t n)
{
	return rng_below(&game.rng, n);
}

static bool chance(unsigned one_in)
{
	return rng_chance(&game.rng, one_in);
}

/* ---- ranges ---- */

/* Around a boundary of some level's span, and at both ends of the aperture. */
static void choose_regions(void)
{
	uint64_t aperture = game.f.aperture, boundary;
	unsigned levels = game.f.shape.levels;

	boundary = vtd_span((unsigned)below(levels - 2) + 2) * (1 + below(3));
	game.regions[0] = 0;
	game.regions[1] = boundary - GIB;
	game.regions[2] = boundary;
	game.regions[3] = aperture - GIB;
	game.nregions = 4;
}

static uint64_t random_iova(void)
{
	static const unsigned blocks[] = { 0, 0, 1, 2, 511 };
	static const unsigned pages[] = { 0, 0, 1, 2, 3, 7, 8, 9, 255, 256, 509, 510, 511 };

	return game.regions[below(game.nregions)] + blocks[below(5)] * MIB_2 +
	       pages[below(13)] * PAGE;
}

static void clip(struct range *r)
{
	if (r->len > game.f.aperture - r->iova)
		r->len = game.f.aperture - r->iova;
}

static struct range random_range(void)
{
	struct range r = { .iova = random_iova() };

	switch (below(10)) {
	case 0:
		r.iova &= ~(GIB - 1);
		r.len = GIB * (1 + below(2)) + below(3) * PAGE;
		break;
	case 1:
	case 2:
		r.iova &= ~(MIB_2 - 1);
		r.len = MIB_2 * (1 + below(4));
		break;
	case 3:
	case 4:
		r.len = (1 + below(700)) * PAGE;
		break;
	default:
		r.len = (1 + below(9)) * PAGE;
		break;
	}
	clip(&r);
	return r;
}

/* Unmaps may be of any length. */
static struct range random_long_range(void)
{
	struct range r = random_range();
	uint64_t other = random_iova();

	if (chance(40))
		return (struct range){ 0, game.f.aperture };
	if (!chance(6))
		return r;
	if (other < r.iova)
		return (struct range){ other, r.iova - other };
	return (struct range){ r.iova, other - r.iova + PAGE };
}

/* So that large pages are possible, or only 2 MiB ones, or none. */
static uint64_t random_pa(uint64_t iova)
{
	uint64_t pa = (iova & (GIB - 1)) + below(1000) * GIB;

	if (chance(3))
		pa += below(512) * MIB_2;
	if (chance(4))
		pa += below(512) * PAGE;
	return pa;
}

static unsigned random_prot(void)
{
	unsigned prot = (unsigned)below(3) + 1;

	if ((game.f.shape.flags & EBB_SNOOP_CONTROL) && chance(3))
		prot |= EBB_SNOOP;
	return prot;
}

/* ---- pending ranges ---- */

static bool overlap(const struct range *r, uint64_t iova, uint64_t len)
{
	return r->iova <= iova + len - 1 && iova <= r->iova + r->len - 1;
}

static bool is_pending(uint64_t iova, uint64_t len, const struct player *p)
{
	for (unsigned i = 0; i < p->pending; i++)
		if (overlap(&p->ranges[i], iova, len))
			return true;
	return false;
}

static bool anything_pending(void)
{
	for (unsigned i = 0; i < GATHERS; i++)
		if (game.players[i].pending)
			return true;
	return false;
}

static void sync_player(struct player *p)
{
	assert_true(ebb_sync(&p->gather) >= 0);
	p->pending = 0;
}

/* The ownership rule: a range is mapped again only after the sync that covers it. */
static void sync_range(uint64_t iova, uint64_t len)
{
	for (unsigned i = 0; i < GATHERS; i++)
		if (is_pending(iova, len, &game.players[i]))
			sync_player(&game.players[i]);
}

static void add_pending(struct player *p, uint64_t iova, uint64_t len)
{
	if (p->pending == PENDING)
		sync_player(p);
	p->ranges[p->pending++] = (struct range){ iova, len };
}

/* ---- comparing ---- */

static void compare_at(uint64_t iova)
{
	const struct model_leaf *leaf = model_find(&game.model, iova);
	struct ebb_mapping m;
	int error;

	if (iova >= game.f.aperture)
		return;
	error = ebb_translate(&game.f.domain, EBB_IOVA(iova), &m);
	assert_int_equal(error, leaf ? EBB_OK : EBB_ERR_NOT_MAPPED);
	if (!leaf)
		return;
	assert_int_equal(m.pa.v, leaf->pa + (iova - leaf->iova));
	assert_int_equal(m.size_lg2, leaf->size_lg2);
	assert_int_equal(m.prot, leaf->prot);
}

static void compare_device_at(uint64_t iova)
{
	const struct model_leaf *leaf = model_find(&game.model, iova);
	struct soft_walk w;

	soft_dma(game.f.device, iova, SOFT_PROBE, &w);
	for (unsigned i = 0; i < GATHERS; i++)
		if (is_pending(iova & ~(PAGE - 1), PAGE, &game.players[i]))
			return; /* old and new are both right */
	assert_int_equal(w.present, leaf != NULL);
	if (!leaf)
		return;
	assert_int_equal(w.pa, leaf->pa + (iova - leaf->iova));
	assert_int_equal(w.prot, leaf->prot);
}

static void compare_range(struct range r)
{
	compare_at(r.iova);
	compare_at(r.iova + r.len - 1);
	compare_at(r.iova + r.len);
	if (r.iova)
		compare_at(r.iova - 1);
	compare_at(r.iova + below(r.len));
	compare_at(random_iova());
	for (unsigned i = 0; i < 3; i++)
		compare_device_at(i ? random_iova() : r.iova + below(r.len));
}

static int compare_leaf(void *arg, const struct ebb_visit *v)
{
	unsigned *next = arg;
	const struct model_leaf *leaf = &game.model.leaves[*next];

	assert_true(*next < game.model.n);
	assert_int_equal(v->first.v, leaf->iova);
	assert_int_equal(v->last.v, model_last(leaf));
	assert_int_equal(v->pa.v, leaf->pa);
	assert_int_equal(v->prot, leaf->prot);
	assert_int_equal(v->accessed, leaf->accessed);
	assert_int_equal(v->dirty, leaf->dirty);
	++*next;
	return 0;
}

static void compare_tree(struct range r)
{
	unsigned next = model_at(&game.model, r.iova), end = next;

	while (end < game.model.n && game.model.leaves[end].iova <= r.iova + r.len - 1)
		end++;
	assert_ok(ebb_for_each(&game.f.domain, EBB_IOVA(r.iova), r.len, EBB_VISIT_LEAVES,
			       compare_leaf, &next));
	assert_int_equal(next, end);
}

static void compare_all(void)
{
	compare_tree((struct range){ 0, game.f.aperture });
}

/* ---- operations ---- */

static struct player *random_player(void)
{
	return &game.players[below(GATHERS)];
}

/* Sometimes an allocation fails. True: the call failed because of that, so nothing has changed. */
static void arm(void)
{
	if (game.failing)
		ebb_hosted_fail_nth(game.f.hosted, game.failing);
}

static bool disarm(int error)
{
	bool failed = game.failing && error == EBB_ERR_NO_MEMORY;

	if (game.failing)
		ebb_hosted_fail_nth(game.f.hosted, 0);
	return failed;
}

static void play_map(void)
{
	struct player *p = random_player();
	struct range r = random_range();
	uint64_t pa = random_pa(r.iova), where = 0;
	unsigned prot = random_prot();
	int error, expected;

	if (game.model.n > CROWDED || model_leaves(&game.model, r.iova, pa, r.len) > LEAVES_MAX)
		return;
	sync_range(r.iova, r.len);
	arm();
	error = ebb_map(&p->gather, EBB_IOVA(r.iova), EBB_PA(pa), r.len, prot);
	if (!disarm(error)) {
		expected = model_map(&game.model, r.iova, pa, r.len, prot, &where);
		assert_int_equal(error, expected);
		if (expected)
			assert_int_equal(ebb_error_iova(&p->gather).v, where);
	}
	compare_range(r);
}

/* A 1 GiB leaf that is split into 4 KiB leaves is too much for the model. */
static bool splits_too_much(struct range r)
{
	const struct model_leaf *first = model_find(&game.model, r.iova);
	const struct model_leaf *last = model_find(&game.model, r.iova + r.len - 1);

	if (game.model.partial != EBB_PARTIAL_SPLIT || game.model.leaf_levels != 5)
		return false;
	return (first && first->size_lg2 == 30 && first->iova != r.iova) ||
	       (last && last->size_lg2 == 30 && model_last(last) != r.iova + r.len - 1);
}

static void play_unmap(struct range r)
{
	struct player *p = random_player();
	const struct model_leaf *first = model_find(&game.model, r.iova);
	const struct model_leaf *last = model_find(&game.model, r.iova + r.len - 1);
	uint64_t from = first ? first->iova : r.iova,
		 to = last ? model_last(last) : r.iova + r.len - 1;
	uint64_t unmapped = 1, expected_unmapped, where = 0;
	int error, expected;

	if (splits_too_much(r))
		return;
	arm();
	error = ebb_unmap(&p->gather, EBB_IOVA(r.iova), r.len, &unmapped);
	if (!disarm(error)) {
		expected = model_unmap(&game.model, r.iova, r.len, &expected_unmapped, &where);
		assert_int_equal(error, expected);
		assert_int_equal(unmapped, expected_unmapped);
		if (expected == EBB_ERR_LARGE_LEAF)
			assert_int_equal(ebb_error_iova(&p->gather).v, where);
	}
	if (error == EBB_OK)
		add_pending(p, from, to - from + 1);
	compare_range(r);
}

/* Most often something that is mapped. */
static void play_unmap_any(void)
{
	struct range r = random_long_range();

	if (game.model.n && !chance(4)) {
		const struct model_leaf *leaf = &game.model.leaves[below(game.model.n)];

		r = (struct range){ leaf->iova, model_size(leaf) };
		if (chance(3))
			r.len *= 1 + below(20);
		clip(&r);
	}
	play_unmap(r);
}

static void play_sync(void)
{
	sync_player(random_player());
}

static void play_reclaim(void)
{
	assert_true(ebb_reclaim(&random_player()->gather,
				chance(2) ? UINT_MAX : (unsigned)below(5)) >= 0);
}

static void play_trim(void)
{
	assert_true(ebb_trim(&random_player()->gather) >= 0);
}

static void play_touch(void)
{
	uint64_t iova = random_iova();
	bool write = chance(2);

	if (!(game.f.shape.flags & EBB_ACCESSED_DIRTY))
		return;
	if (game.model.n && chance(2))
		iova = game.model.leaves[below(game.model.n)].iova;
	assert_int_equal(device_touch(game.f.device, iova, write),
			 model_find(&game.model, iova) != NULL);
	model_touch(&game.model, iova, write);
}

static void play_visit(void)
{
	compare_tree(random_long_range());
}

/* ---- the log ---- */

struct run {
	uint64_t first, len;
	unsigned bits;
};

struct runs {
	unsigned n;
	struct run run[MODEL_MAX];
};

/* Merges neighbours, on both sides of the comparison: a run may end where a table does. */
static void add_run(void *arg, ebb_iova first, uint64_t len, unsigned bits)
{
	struct runs *runs = arg;
	struct run *last = &runs->run[runs->n ? runs->n - 1 : 0];

	if (runs->n && last->first + last->len == first.v && last->bits == bits) {
		last->len += len;
		return;
	}
	assert_true(runs->n < MODEL_MAX);
	runs->run[runs->n++] = (struct run){ first.v, len, bits };
}

static void expect_runs(struct range r, unsigned bits, struct runs *runs)
{
	struct model *m = &game.model;

	for (unsigned i = model_at(m, r.iova); i < m->n && m->leaves[i].iova <= r.iova + r.len - 1;
	     i++) {
		struct model_leaf *leaf = &m->leaves[i];
		unsigned found = bits & ((leaf->accessed ? EBB_LOG_ACCESSED : 0) |
					 (leaf->dirty ? EBB_LOG_DIRTY : 0));

		if (found)
			add_run(runs, EBB_IOVA(leaf->iova), model_size(leaf), found);
		leaf->accessed = leaf->accessed && !(bits & EBB_LOG_ACCESSED);
		leaf->dirty = leaf->dirty && !(bits & EBB_LOG_DIRTY);
	}
}

static void play_read_dirty(void)
{
	static struct runs got, expected;
	struct player *p = random_player();
	struct range r = random_long_range();
	unsigned bits = (unsigned)below(3) + 1;
	int error;

	got.n = expected.n = 0;
	error = ebb_read_dirty(&p->gather, EBB_IOVA(r.iova), r.len, bits, add_run, &got);
	if (!(game.f.shape.flags & EBB_ACCESSED_DIRTY)) {
		assert_int_equal(error, EBB_ERR_UNSUPPORTED);
		return;
	}
	assert_ok(error);
	expect_runs(r, bits, &expected);
	assert_int_equal(got.n, expected.n);
	for (unsigned i = 0; i < got.n; i++) {
		assert_int_equal(got.run[i].first, expected.run[i].first);
		assert_int_equal(got.run[i].len, expected.run[i].len);
		assert_int_equal(got.run[i].bits, expected.run[i].bits);
	}
}

static void play_bad_input(void)
{
	struct ebb_gather *g = &random_player()->gather;
	struct range r = random_range();
	uint64_t beyond = game.f.aperture - r.iova + PAGE;

	assert_int_equal(ebb_map(g, EBB_IOVA(r.iova + 1), EBB_PA(0), r.len, RW),
			 EBB_ERR_MISALIGNED);
	assert_int_equal(ebb_map(g, EBB_IOVA(r.iova), EBB_PA(0), beyond, RW), EBB_ERR_APERTURE);
	assert_int_equal(ebb_map(g, EBB_IOVA(r.iova), EBB_PA(1ull << 52), PAGE, RW),
			 EBB_ERR_PA_WIDTH);
	assert_int_equal(ebb_map(g, EBB_IOVA(r.iova), EBB_PA(0), r.len, 0), EBB_ERR_INVALID);
	assert_int_equal(ebb_unmap(g, EBB_IOVA(r.iova), 0, NULL), EBB_ERR_INVALID);
	assert_int_equal(ebb_unmap(g, EBB_IOVA(r.iova), beyond, NULL), EBB_ERR_APERTURE);
}

/* ---- the game ---- */

static void play_one(void)
{
	static void (*const plays[])(void) = {
		play_map,	play_map,	play_map,	 play_map,	 play_map,
		play_map,	play_unmap_any, play_unmap_any,	 play_unmap_any, play_unmap_any,
		play_unmap_any, play_sync,	play_sync,	 play_touch,	 play_touch,
		play_reclaim,	play_visit,	play_read_dirty,
	};

	game.failing = chance(20) ? 1 + (unsigned)below(5) : 0;
	if (chance(100))
		play_trim();
	else if (chance(100))
		play_bad_input();
	else
		plays[below(sizeof(plays) / sizeof(plays[0]))]();
	game.done++;
	check_tree(&game.f);
	if (!anything_pending())
		assert_no_fault(soft_stale(game.f.device));
	if (game.done % 100 == 0)
		compare_all();
}

static void random_shape(struct shape *shape, unsigned round)
{
	static const unsigned batches[] = { 0, 1, 3, 64 };
	static const uint32_t leaf_levels[] = { 0, 0, 7, 3, 1, 5 };

	shape->partial = (enum ebb_partial)(round % 3);
	shape->batch = batches[round / 3 % 4];
	shape->leaf_levels = leaf_levels[below(6)];
	shape->flags = (uint32_t)below(16);
}

static void play_round(const struct shape *shape, unsigned operations)
{
	fixture_open(&game.f, shape);
	game.model.n = 0;
	game.model.iova_last = game.f.aperture - 1;
	game.model.leaf_levels = shape->leaf_levels;
	game.model.partial = shape->partial;
	choose_regions();
	for (unsigned i = 0; i < GATHERS; i++) {
		ebb_gather_init(&game.players[i].gather, &game.f.domain);
		game.players[i].pending = 0;
	}
	for (unsigned i = 0; i < operations; i++)
		play_one();
	game.failing = 0;
	compare_all();
	/* Nothing is cut by the whole aperture. What is left empty is for the fixture to find. */
	play_unmap((struct range){ 0, game.f.aperture });
	assert_int_equal(game.model.n, 0);
	for (unsigned i = 0; i < GATHERS; i++)
		ebb_gather_fini(&game.players[i].gather);
	fixture_close(&game.f);
}

static void random_sequences_agree_with_the_model(void **state)
{
	struct shape shape = *(const struct shape *)*state;

	game.rng = seed ^ (shape.policy * 8 + shape.levels);
	game.done = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		random_shape(&shape, round);
		play_round(&shape, OPERATIONS / ROUNDS + 1);
	}
	assert_true(game.done >= OPERATIONS);
}

int main(void)
{
	static struct shape shapes[EBB_POLICIES * 3];
	static struct CMUnitTest tests[EBB_POLICIES * 3];
	static char names[EBB_POLICIES * 3][100];

	seed = seed_from_environment();
	for (unsigned i = 0; i < EBB_POLICIES * 3; i++) {
		shapes[i].policy = (enum ebb_policy)(i / 3);
		shapes[i].levels = 3 + i % 3;
		snprintf(names[i], sizeof(names[i]),
			 "random_sequences_agree_with_the_model [%s, %u levels]",
			 policy_name(shapes[i].policy), shapes[i].levels);
		tests[i].name = names[i];
		tests[i].test_func = random_sequences_agree_with_the_model;
		tests[i].initial_state = &shapes[i];
	}
	return _cmocka_run_group_tests("random", tests, EBB_POLICIES * 3, NULL, NULL) ?
		       EXIT_FAILURE :
		       EXIT_SUCCESS;
}
