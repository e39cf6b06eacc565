/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <ebb_hot.h>
#include "lifetime.h"
#include "scheduler.h"

#if defined(__SANITIZE_ADDRESS__)
#define FIBERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBERS 1
#endif
#endif
#ifdef FIBERS
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_SIZE (256u << 10)
#define BUFFER	   1024u
#define POINTS_MAX 200000u
#define LINES	   (SCHED_TABLES * (EBB_TABLE_ENTRIES / 8)) /* cells: first the arena's lines... */
#define CELLS	   (LINES + 8192u) /* ...then the words of what else is watched */
#define REGIONS	   2u
#define NO_CELL	   CELLS

/* cell: who has read, and written, it in this run */
#define READER(n)  (1u << (n))
#define WRITER(n)  (16u << (n))
#define READERS(x) ((x)&15u)
#define WRITERS(x) ((x) >> 4)

enum { /* what is known of a cell */
	PRIVATE,
	SHARED,
	IGNORED,
};

enum why { /* a caller cannot go on */
	WHY_NOT,
	WHY_GRACE, /* waits for sections to end */
	WHY_DEVICE, /* waits for the device to do something */
	WHY_OTHERS, /* waits for memory to change */
	WHY_RETURNED,
};

struct buffered {
	uint64_t *ep, e;
};

struct caller {
	ucontext_t context;
	char *stack;
	void *fake_stack; /* AddressSanitizer's */
	enum why why;
	unsigned nesting; /* of read sections */
	uint64_t sections; /* that it has ended */
	uint64_t changes; /* of memory, when it last waited for one */
	unsigned waits_for; /* bit n: caller n */
	uint64_t seen[SCHED_CALLERS]; /* sections that they had ended when the grace period began */
	unsigned pending; /* stores in the buffer */
	struct buffered buffer[BUFFER];
};

struct sched_page sched_arena[SCHED_TABLES] __attribute__((aligned(4096)));
struct ebb_desc sched_descs[SCHED_TABLES];

static struct {
	struct sched_run *run;
	ucontext_t main;
	void *fake_stack;
	const void *main_stack;
	size_t main_stack_size;
	unsigned current; /* who is running */
	unsigned last; /* who ran last */
	unsigned next; /* who shall run, SCHED_NOBODY: not decided */
	struct caller callers[SCHED_CALLERS];

	uint64_t changes; /* of what callers may wait for */
	const uint64_t *written; /* the word that was accessed last by a built-in that writes... */
	uint64_t was; /* ...and what it was before */

	unsigned used; /* tables that were ever given out since the arena was cleared */
	unsigned nfree, out, fail_in;
	unsigned short free[SCHED_TABLES];

	unsigned nregions, ncells; /* watched; cells in use */
	struct region {
		uintptr_t start;
		size_t len;
		unsigned cell;
	} regions[REGIONS];

	bool learnt;
	unsigned char cell[CELLS], users[CELLS];
	unsigned ntouched;
	unsigned touched[CELLS];
} s = { .current = SCHED_NOBODY, .fail_in = ~0u };

unsigned sched_current(void)
{
	return s.current;
}

static struct caller *self(void)
{
	return &s.callers[s.current];
}

/* ---- coroutines ---- */

static void to_caller(unsigned n)
{
	struct caller *c = &s.callers[n];

	s.current = n;
#ifdef FIBERS
	__sanitizer_start_switch_fiber(&s.fake_stack, c->stack, STACK_SIZE);
#endif
	swapcontext(&s.main, &c->context);
#ifdef FIBERS
	__sanitizer_finish_switch_fiber(s.fake_stack, NULL, NULL);
#endif
	s.current = SCHED_NOBODY;
}

static void to_scheduler(bool for_ever)
{
	struct caller *c = self();

#ifdef FIBERS
	__sanitizer_start_switch_fiber(for_ever ? NULL : &c->fake_stack, s.main_stack,
				       s.main_stack_size);
#else
	(void)for_ever;
#endif
	swapcontext(&c->context, &s.main);
#ifdef FIBERS
	__sanitizer_finish_switch_fiber(c->fake_stack, &s.main_stack, &s.main_stack_size);
#endif
}

static void caller_main(void)
{
#ifdef FIBERS
	__sanitizer_finish_switch_fiber(NULL, &s.main_stack, &s.main_stack_size);
#endif
	s.run->body[s.current](s.run->arg);
	sched_fence();
	self()->why = WHY_RETURNED;
	to_scheduler(true);
}

static void stack_alloc(struct caller *c)
{
	if (!c->stack)
		c->stack = malloc(STACK_SIZE); /* kept for all runs */
	if (!c->stack)
		abort();
}

static void caller_start(struct caller *c)
{
	stack_alloc(c);
	c->why = WHY_NOT;
	c->nesting = c->waits_for = c->pending = 0;
	c->sections = 0;
	c->fake_stack = NULL;
	getcontext(&c->context);
	c->context.uc_stack.ss_sp = c->stack;
	c->context.uc_stack.ss_size = STACK_SIZE;
	c->context.uc_link = NULL;
	makecontext(&c->context, caller_main, 0);
}

/* ---- who can go on ---- */

static bool grace_is_over(const struct caller *c)
{
	for (unsigned n = 0; n < s.run->callers; n++)
		if ((c->waits_for & (1u << n)) && s.callers[n].sections == c->seen[n])
			return false;
	return true;
}

/* A lock taken in vain is written, and is what it was. */
static void look_for_change(void)
{
	if (s.written && *s.written != s.was)
		s.changes++;
	s.written = NULL;
}

static unsigned who_is_able(void)
{
	unsigned able = 0;

	look_for_change();
	for (unsigned n = 0; n < s.run->callers; n++) {
		const struct caller *c = &s.callers[n];

		if (c->why == WHY_NOT || (c->why == WHY_GRACE && grace_is_over(c)) ||
		    (c->why == WHY_OTHERS && c->changes != s.changes))
			able |= 1u << n;
	}
	return able;
}

/* The device is asked only when it matters: a caller waits for it. */
static bool device_is_wanted(void)
{
	for (unsigned n = 0; n < s.run->callers; n++)
		if (s.callers[n].why == WHY_DEVICE)
			return true;
	return false;
}

static unsigned decide(unsigned able)
{
	if (!(able & (able - 1)))
		return (unsigned)__builtin_ctz(able);
	return s.run->choose(s.run->arg, s.last, able);
}

static unsigned who_is_able_now(void)
{
	return who_is_able() | (device_is_wanted() ? 1u << SCHED_DEVICE : 0);
}

static void print_tick(const char *what, uint64_t a, uint64_t b)
{
	fprintf(stderr, "  %5" PRIu64 "  caller %u  %s", s.run->ticks, s.current, what);
	if (a)
		fprintf(stderr, " %#" PRIx64, a);
	if (b)
		fprintf(stderr, ": %#" PRIx64, b);
	fprintf(stderr, "\n");
}

/* Something that the running caller does. */
static void tick(const char *what, uint64_t a, uint64_t b)
{
	s.run->ticks++;
	if (s.run->trace)
		print_tick(what, a, b);
}

/* The caller goes on when the scheduler says so, and no earlier than `why` allows. */
static void interrupt(enum why why)
{
	struct caller *c = self();
	unsigned able;

	if (++s.run->points > s.run->points_max) {
		s.run->end = SCHED_ENDLESS;
		to_scheduler(false);
	}
	c->why = why;
	able = who_is_able_now();
	if (able) {
		s.next = decide(able);
		if (s.next == s.current) {
			s.next = SCHED_NOBODY;
			c->why = WHY_NOT;
			return;
		}
	}
	to_scheduler(false);
	c->why = WHY_NOT;
}

/* Runs one actor. False: the run is over. */
static bool step(struct sched_run *run)
{
	unsigned able, next = s.next;

	s.next = SCHED_NOBODY;
	if (next == SCHED_NOBODY) {
		able = who_is_able_now();
		if (!able)
			return false;
		next = decide(able);
	}
	if (next == SCHED_DEVICE) {
		if (run->trace)
			fprintf(stderr, "  %5" PRIu64 "  device    completes an invalidation\n",
				run->ticks);
		run->device(run->arg);
		for (unsigned n = 0; n < run->callers; n++)
			if (s.callers[n].why == WHY_DEVICE)
				s.callers[n].why = WHY_NOT;
		return true;
	}
	s.last = next;
	to_caller(next);
	return run->end == SCHED_DONE;
}

enum sched_end sched_run(struct sched_run *run)
{
	s.run = run;
	s.last = s.next = SCHED_NOBODY;
	s.written = NULL;
	run->end = SCHED_DONE;
	run->failure = NULL;
	run->points = run->ticks = 0;
	for (unsigned n = 0; n < run->callers; n++)
		caller_start(&s.callers[n]);
	while (step(run))
		;
	for (unsigned n = 0; n < run->callers && run->end == SCHED_DONE; n++)
		if (s.callers[n].why != WHY_RETURNED)
			run->end = SCHED_STUCK;
	s.run = NULL;
	return run->end;
}

const char *sched_end_text(const struct sched_run *run)
{
	switch (run->end) {
	case SCHED_DONE:
		return NULL;
	case SCHED_FAILED:
		return run->failure;
	case SCHED_STUCK:
		return "no caller can go on";
	case SCHED_ENDLESS:
		break;
	}
	return "callers wait for each other without end";
}

void sched_point(const char *what)
{
	if (s.current == SCHED_NOBODY)
		return;
	tick(what, 0, 0);
	interrupt(WHY_NOT);
}

void sched_pause(void)
{
	struct caller *c;

	if (s.current == SCHED_NOBODY) {
		fprintf(stderr, "scheduler: a caller would wait for ever\n");
		abort();
	}
	c = self();
	tick("waits for another caller", 0, 0);
	look_for_change();
	/* It may have done something itself since it last looked at what it waits for. */
	if (c->changes != s.changes)
		c->changes = s.changes;
	else
		interrupt(WHY_OTHERS);
}

void sched_wait_for_device(void)
{
	tick("waits for the device", 0, 0);
	interrupt(WHY_DEVICE);
}

void sched_fail(const char *failure)
{
	if (!s.run) {
		fprintf(stderr, "scheduler: %s\n", failure);
		abort();
	}
	if (s.run->end == SCHED_DONE) {
		s.run->end = SCHED_FAILED;
		s.run->failure = failure;
	}
	if (s.current != SCHED_NOBODY)
		to_scheduler(true);
}

/* ---- what is shared ---- */

static void touch(unsigned cell, bool writes)
{
	unsigned me = READER(s.current) | (writes ? WRITER(s.current) : 0), users = s.users[cell];

	if (s.cell[cell] != PRIVATE || (users & me) == me)
		return;
	if (!users)
		s.touched[s.ntouched++] = cell;
	users |= me;
	s.users[cell] = (unsigned char)users;
	if (WRITERS(users) && (READERS(users) & (READERS(users) - 1))) {
		s.cell[cell] = SHARED;
		s.learnt = true;
	}
}

bool sched_learnt(void)
{
	bool learnt = s.learnt;

	s.learnt = false;
	return learnt;
}

static unsigned cell_of(const void *p)
{
	for (unsigned i = 0; i < s.nregions; i++) {
		uintptr_t offset = (uintptr_t)p - s.regions[i].start;

		if (offset < s.regions[i].len)
			return s.regions[i].cell + (unsigned)(offset / 8);
	}
	return NO_CELL;
}

void sched_watch(const void *start, size_t len)
{
	if (s.nregions == REGIONS || LINES + s.ncells + len / 8 + 1 > CELLS)
		abort();
	s.regions[s.nregions++] = (struct region){ (uintptr_t)start, len, LINES + s.ncells };
	s.ncells += (unsigned)(len / 8 + 1);
}

void sched_ignore(const void *word)
{
	s.cell[cell_of(word)] = IGNORED;
}

static void shared_point(const char *what, const void *p, bool writes)
{
	unsigned cell = cell_of(p);

	if (cell == NO_CELL || s.cell[cell] == IGNORED)
		return;
	touch(cell, writes);
	tick(what, cell, 0);
	if (writes)
		sched_fence(); /* stores before it do not stay behind */
	if (s.cell[cell] == SHARED || s.run->everywhere)
		interrupt(WHY_NOT);
	if (writes) {
		look_for_change();
		s.written = (const uint64_t *)((uintptr_t)p & ~(uintptr_t)7);
		s.was = *s.written;
	}
}

void sched_shared_read(const void *p)
{
	if (s.current != SCHED_NOBODY)
		shared_point("reads cell", p, false);
}

void sched_shared_write(const void *p)
{
	if (s.current != SCHED_NOBODY)
		shared_point("writes cell", p, true);
}

/* No point: DMA is at once. But stores that it can come between are shared. */
void sched_device_access(const void *p, bool writes)
{
	uintptr_t offset = (uintptr_t)p - (uintptr_t)sched_arena;

	if (s.current != SCHED_NOBODY && offset < sizeof(sched_arena))
		touch((unsigned)(offset / 64), writes);
}

/* Before an access to an entry. */
static void access_point(const char *what, const uint64_t *ep, bool writes)
{
	uintptr_t offset = (uintptr_t)ep - (uintptr_t)sched_arena;
	unsigned line = (unsigned)(offset / 64);

	if (offset >= sizeof(sched_arena))
		sched_fail("an access to a table at an address that no table has");
	if (s.current == SCHED_NOBODY)
		return;
	touch(line, writes);
	tick(what, offset + SCHED_PA_BASE, *ep);
	if (s.cell[line] == SHARED || s.run->everywhere)
		interrupt(WHY_NOT);
	if (s.run->sections && !self()->nesting)
		sched_fail("an access to an entry in no read section");
	if (!lifetime_allows(s.current, ep))
		sched_fail("an access to a table that had left the tree before the section began");
}

/* ---- accesses to entries ---- */

/* By caller n. */
static void set(unsigned n, uint64_t *ep, uint64_t e)
{
	if (!lifetime_entry_changed(n, *ep, e))
		sched_fail("a table is used again while a section that may hold it is open");
	*ep = e;
	s.changes++;
}

static void drain(struct caller *c)
{
	for (unsigned i = 0; i < c->pending; i++)
		set((unsigned)(c - s.callers), c->buffer[i].ep, c->buffer[i].e);
	c->pending = 0;
}

static void drain_all(void)
{
	for (unsigned n = 0; n < s.run->callers; n++)
		drain(&s.callers[n]);
}

void sched_fence(void)
{
	if (s.current != SCHED_NOBODY)
		drain(self());
}

/* What the caller's own loads see. */
static uint64_t value_of(const uint64_t *ep)
{
	const struct caller *c = s.current == SCHED_NOBODY ? NULL : self();

	for (unsigned i = c ? c->pending : 0; i-- > 0;)
		if (c->buffer[i].ep == ep)
			return c->buffer[i].e;
	return *ep;
}

uint64_t sched_load(const uint64_t *ep)
{
	access_point("loads", ep, false);
	return value_of(ep);
}

void sched_store(uint64_t *ep, uint64_t e)
{
	struct caller *c;

	access_point("stores", ep, true);
	if (s.current == SCHED_NOBODY || !s.run->buffered) {
		set(s.current, ep, e);
		return;
	}
	s.changes++;
	c = self();
	if (c->pending == BUFFER)
		drain(c);
	c->buffer[c->pending++] = (struct buffered){ ep, e };
}

bool sched_cas(uint64_t *ep, uint64_t *old, uint64_t e)
{
	access_point("compares and swaps", ep, true);
	sched_fence();
	if (*ep != *old) {
		*old = *ep;
		return false;
	}
	set(s.current, ep, e);
	return true;
}

uint64_t sched_exchange(uint64_t *ep, uint64_t e)
{
	uint64_t old;

	access_point("exchanges", ep, true);
	sched_fence();
	old = *ep;
	set(s.current, ep, e);
	return old;
}

void sched_clear(uint64_t *ep, uint64_t bits)
{
	access_point("clears bits of", ep, true);
	sched_fence();
	set(s.current, ep, *ep & ~bits);
}

bool sched_line_is_zero_but(const uint64_t *line, unsigned but)
{
	uint64_t any = 0;

	access_point("scans the line at", line, false);
	for (unsigned i = 0; i < 8; i++)
		any |= i == but ? 0 : value_of(&line[i]);
	return any == 0;
}

bool sched_line_is_zero(const uint64_t *line)
{
	return sched_line_is_zero_but(line, 8);
}

/* ---- read sections and grace periods ---- */

void sched_read_lock(void)
{
	if (s.current == SCHED_NOBODY)
		return;
	sched_point("enters a read section");
	if (!self()->nesting++)
		lifetime_section_begins(s.current);
}

void sched_read_unlock(void)
{
	if (s.current == SCHED_NOBODY)
		return;
	sched_point("leaves its read section");
	if (--self()->nesting)
		return;
	self()->sections++;
	lifetime_section_ends(s.current);
}

static void grace_wait(void *ctx)
{
	struct caller *c;

	(void)ctx;
	if (s.current == SCHED_NOBODY)
		return;
	sched_point("begins a grace period");
	c = self();
	if (c->nesting)
		sched_fail("a grace period is awaited inside a read section");
	drain_all();
	c->waits_for = 0;
	for (unsigned n = 0; n < s.run->callers; n++) {
		if (n == s.current || !s.callers[n].nesting)
			continue;
		c->waits_for |= 1u << n;
		c->seen[n] = s.callers[n].sections;
	}
	tick("waits for a grace period", 0, 0);
	interrupt(WHY_GRACE);
	drain_all();
}

/* ---- the rest of the platform ---- */

static struct ebb_table *alloc_table(void *ctx, int node)
{
	struct ebb_table *t;
	unsigned n;

	(void)ctx;
	(void)node;
	sched_point("allocates a table");
	if (s.fail_in != ~0u && s.fail_in-- == 0) {
		s.fail_in = ~0u;
		return NULL;
	}
	if (!s.nfree && s.used == SCHED_TABLES)
		return NULL;
	n = s.nfree ? s.free[--s.nfree] : s.used++;
	s.out++;
	t = (struct ebb_table *)(void *)&sched_arena[n];
	if (s.current != SCHED_NOBODY)
		tick("was given", ebb_hot_pa(t).v, 0);
	return t;
}

static void free_tables(void *ctx, struct ebb_table *list)
{
	(void)ctx;
	sched_point("frees tables");
	for (struct ebb_table *t = list; t; t = ebb_hot_desc(t)->next) {
		unsigned n = (unsigned)(ebb_hot_desc(t) - sched_descs);

		memset(t, 0, EBB_TABLE_SIZE);
		s.free[s.nfree++] = (unsigned short)n;
		s.out--;
	}
}

static ebb_token invalidate(void *ctx, const struct ebb_span *spans, unsigned n)
{
	(void)ctx;
	(void)spans;
	(void)n;
	sched_point("invalidates");
	sched_fence();
	return (ebb_token){ 1 };
}

static void write_back(void *ctx, const void *start, size_t len)
{
	(void)ctx;
	(void)start;
	(void)len;
	sched_point("writes back");
	sched_fence();
}

struct ebb_platform sched_platform(void)
{
	return (struct ebb_platform){
		.alloc_table = alloc_table,
		.free_tables = free_tables,
		.grace_wait = grace_wait,
		.invalidate = invalidate,
		.write_back = write_back,
	};
}

unsigned sched_tables_out(void)
{
	return s.out;
}

void sched_fail_allocation(unsigned n)
{
	s.fail_in = n;
}

void sched_begin(void)
{
	memset(sched_arena, 0, s.used * sizeof(sched_arena[0]));
	for (unsigned i = 0; i < s.ntouched; i++)
		s.users[s.touched[i]] = 0;
	s.ntouched = 0;
	lifetime_reset();
	s.used = s.nfree = s.out = 0;
	s.fail_in = ~0u;
}

void sched_reset(void)
{
	sched_begin();
	memset(s.cell, 0, sizeof(s.cell));
	s.nregions = s.ncells = 0;
	s.learnt = false;
}
