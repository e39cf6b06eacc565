/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * Policy deferred: how an empty table leaves the tree while others map, unmap and walk, without a
 * lock.
 *
 * Entry E of table P refers to table C. E is one word: 0, TABLE(C), FROZEN(C, o), DEAD(C, o) or a
 * leaf. An empty table is 512 zero words. o != 0 is the number of the reclaimer that froze E, its
 * own for as long as a batch lasts. Hardware takes FROZEN for TABLE and DEAD for 0.
 *
 * The steps, in the numbers that the code cites. map, in one read section (map.c):
 *
 *  1. Walk by loads. E = 0: leave, get zeroed tables for all that is missing, enter anew, walk
 *     again from the root. Link them to each other and store the leaf, which nobody sees yet, write
 *     back where walks do not snoop; CAS(E, 0 -> TABLE(T)), write back, leave. The map is complete.
 *     A lost CAS empties them and goes on with what is there.
 *  2. E is FROZEN or DEAD: thaw it, CAS(E -> TABLE(C)). A lost CAS looks again.
 *  3. Store the leaf, write back, leave. Only then is the map complete.
 *
 * unmap, in one read section (unmap.c), then sync (gather.c):
 *
 *  4. Walk to the own leaf. On the way E is TABLE or FROZEN, and stays so.
 *  5. Store 0, remember the table as touched, leave.
 *  6. Invalidate; the invalidation is a full fence. After it, see to it that the table is listed as
 *     a candidate: if it still is, or if nobody has taken any since it was, leave it at that, else
 *     list it (gather.c). Nobody looks into it.
 *
 * reclaim, for a batch of candidates (this file):
 *
 *  7. In a section each: walk to E. Not TABLE, or C not all zero: drop. CAS(E, TABLE(C) ->
 *     FROZEN(C, o)). If E is all that P holds: the same with P and the entry that refers to it, and
 *     P and C are a pair from here on.
 *  8. One grace period for the batch.
 *  9. In a section each: walk again. E is not FROZEN(C, o): drop. C not all zero: CAS(E, FROZEN(C,
 *     o) -> TABLE(C)), and if that succeeded look again: all zero now, it is a candidate again. C
 *     all zero: CAS(E, FROZEN(C, o) -> DEAD(C, o)), write back. A pair: first the same with P,
 *     where FROZEN(C, o) with C all zero counts as zero, and if P is dead now, leave E alone; if it
 *     is not, C goes on without it.
 * 10. Wide invalidation of the spans of the dead; wait for its token.
 * 11. In a section each: walk again, CAS(E, DEAD(C, o) -> 0), write back. Lost: drop. C is
 *     unlinked, and P a candidate. A pair: the same with P, then exchange E for 0 and write back.
 *     Lost: thaw E as in step 9.
 * 12. After another grace period, which a later batch's step 8 may be, nobody holds C, and it is
 *     free.
 *
 * Why nothing is lost and nothing used after it is free:
 *
 *  a. A map that completes is found by software. Its leaf is in C when E is made TABLE(C) (1), or
 *     is stored into C in a section in which E was seen, or made, TABLE(C) (2); and what is said of
 *     a leaf here is true of an entry that makes a table linked. If a reclaimer froze E before
 *     that, the mapper thawed it: the reclaimer's next CAS fails, for o in it tells its own freeze
 *     from any later one. If it froze E after that, its grace period (8) waits for the section, and
 *     the second scan (9) sees the leaf. E is DEAD only after that scan, and from DEAD the only way
 *     back to a mapping is the thaw of C itself, which again makes the reclaimer's CAS (11) fail.
 *  b. A map that completes is found by the device. Whatever entry the device has cached for E
 *     refers to C, or to nothing, as long as C is linked. Were E made 0 at once, a mapper could
 *     link T there and complete while the device still walks C from its walk cache. From DEAD it
 *     can only revive C, which the device may well know. E becomes 0 after the wide invalidation
 *     (10, 11), when the device has forgotten C and, E being not present, cannot have learnt it
 *     again.
 *  c. No caller touches a free table. It can have reached C only through E, in a section that began
 *     before E became 0 (11); step 12 waits for it. A reclaimer walks anew in every section, and
 *     never goes on with an old pointer.
 *  d. A free table is all zero. It was at the scan in step 9, after a grace period in which E was
 *     FROZEN throughout; who stored a leaf since has thawed E first, and then step 11 fails.
 *  e. It is freed once. All who take C out of E, a reclaimer in step 11 or the owner of the whole
 *     span (unmap.c), do so by replacing E atomically, and exactly one of them gets it.
 *  f. No empty table is forgotten. Whoever clears a leaf of C has it listed afterwards (6), and who
 *     takes the candidate then looks into C after that store: either it was listed after the store,
 *     or, after the fence, had not been taken yet: it was in its slot, or no taker had said so, who
 *     does between taking and looking. A candidate is dropped only if C holds an entry, whose owner
 *     will see to it in his turn that C is listed; if E is gone or DEAD, so that someone else is
 *     about to free C or revive it for a mapping; or if E is FROZEN by another reclaimer, who looks
 *     at C once more when it thaws E (9). A mapper that thaws E and then fails makes C a candidate
 *     itself (map.c). Who relies on another's look has a full fence between what he did and what he
 *     saw, and so has the other before he looks.
 *  g. The sparse hint in E says that all that is not zero in C is in one line, so that a scan reads
 *     one line. It is set when E is made TABLE(T) of a T in which its mapper has written in that
 *     line only. Who stores elsewhere in C clears it first, in the section in which he saw E, and E
 *     cannot become DEAD, nor the hint be set again, before that section has ended (8). So at the
 *     scan of step 9 either the hint is true, or its breaker has thawed E and the CAS fails.
 *  h. A pair is freed by one freeze, grace period and invalidation instead of two, and a to g hold
 *     for it. Call U the entry that refers to P. (a) A map below P that saw U before it was frozen
 *     has ended by step 9, and its leaf or its table is seen; one that came later thawed U. (b) The
 *     invalidation is of P's whole span; while U is DEAD, or 0, the device learns neither P nor C
 *     anew. (c, d) Nobody maps below P once U is DEAD without reviving it. (e) C is taken out of E
 *     by an exchange, for its span's owner may do the same, having come there before U was DEAD; if
 *     P's span's owner takes P, dead, he takes C out of it as well (unmap.c). No reclaimer can: all
 *     the while E is FROZEN by us. (f) That is why E is frozen, though step 9 needs only U to be.
 *     Another reclaimer would freeze E, lose its way at U, DEAD, and drop C; a mapper who then
 *     revives U to map elsewhere in P would leave C behind, empty and FROZEN for ever. As it is,
 *     others leave C to us, and we look again: at C whenever P cannot go, at P when we thaw U. (g)
 *     The look at P is by the hint in U. And U may refer to another table by the time we freeze it,
 *     P having been unlinked since we walked through it; we look at that.
 *
 * Bits that hardware or mappers may change in E meanwhile (accessed, known, the hint) do not count
 * as a change: comparisons ignore them and each CAS carries them over. docs/protocol.md has the
 * longer version, and what the models prove.
 */
#include "internal.h"

/* Replaces E by `to`, plus what it has of `carry`, if its state is `from`. */
EBB_INLINE bool change_state(const struct ebb_format *f, uint64_t *ep, uint64_t from, uint64_t to,
			     uint64_t carry)
{
	uint64_t e = ebb_load(ep);

	while ((e & f->state_bits) == from)
		if (ebb_cas(ep, &e, to | (e & carry)))
			return true;
	return false;
}

/* What may change in E while its state does not. */
EBB_INLINE uint64_t carried(const struct ebb_format *f)
{
	return f->accessed | f->known | ebb_hint_bits(f);
}

/* Whether C, to which e refers, is all zero (argument g). */
EBB_INLINE bool scan(const struct ebb_format *f, uint64_t e, const struct ebb_table *c)
{
	if (e & f->sparse)
		return ebb_line_is_zero(&c->entry[ebb_hint_line(f, e) * EBB_LINE_ENTRIES]);
	return ebb_table_is_zero(c);
}

/* Whether an entry is all that its line holds. */
EBB_INLINE bool is_alone(const uint64_t *ep)
{
	uintptr_t size = EBB_LINE_ENTRIES * sizeof(*ep);
	const uint64_t *line = (const uint64_t *)((uintptr_t)ep & ~(size - 1));

	return ebb_line_is_zero_but(line, (unsigned)(ep - line));
}

/* ---- owner numbers ---- */

/* A number of our own for a batch; 0: all are taken, try later. */
static unsigned owner_take(const struct ebb_format *f, struct ebb_domain *d)
{
	uint32_t usable = (2u << (f->owner_bits >> f->owner_shift)) - 2;
	uint32_t taken = __atomic_load_n(&d->owners, __ATOMIC_RELAXED);

	while (usable & ~taken) {
		unsigned o = (unsigned)__builtin_ctz(usable & ~taken);

		/* Acquire: pairs with owner_give(); no entry carries the number any more. */
		if (__atomic_compare_exchange_n(&d->owners, &taken, taken | (1u << o), true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return o;
	}
	return 0;
}

static void owner_give(struct ebb_domain *d, unsigned o)
{
	__atomic_fetch_and(&d->owners, ~(1u << o), __ATOMIC_RELEASE);
}

/* ---- the batch ---- */

/*
 * Sorts the batch, so that neighbouring spans are invalidated as one and walks go the same ways.
 * Neighbours come out of the slots nearly in order. Where much is out of order there are few of
 * them, and sorting would cost more than it saves. Shell's method.
 */
static void work_sort(struct ebb_work *w, unsigned n)
{
	static const unsigned char gaps[] = { 13, 4, 1 };
	unsigned descents = 0;

	for (unsigned i = 1; i < n; i++)
		descents += w[i].cand < w[i - 1].cand;
	if (!descents || 4 * descents > n)
		return;
	for (unsigned k = 0; k < sizeof(gaps); k++) {
		unsigned gap = gaps[k];

		for (unsigned i = gap; i < n; i++) {
			uint64_t cand = w[i].cand;
			unsigned j = i;

			for (; j >= gap && w[j - gap].cand > cand; j -= gap)
				w[j].cand = w[j - gap].cand;
			w[j].cand = cand;
		}
	}
}

static unsigned batch_size(const struct ebb_domain *d)
{
	return d->batch ? d->batch : EBB_BATCH_MAX;
}

/* Takes candidates into g->work, from n on, as many as a batch has; *left: how many it did not. */
static unsigned take_slots(struct ebb_gather *g, struct ebb_gather *from, unsigned n,
			   unsigned *left)
{
	unsigned start = 0, before = n;

	/* From a gap on, so that a run of neighbours that wraps around comes in order. */
	while (start < EBB_GATHER_SLOTS && __atomic_load_n(&from->slots[start], __ATOMIC_RELAXED))
		start++;
	*left = 0;
	for (unsigned i = 0; i < EBB_GATHER_SLOTS; i++) {
		uint64_t *slot = &from->slots[(start + i) % EBB_GATHER_SLOTS];
		uint64_t cand = __atomic_load_n(slot, __ATOMIC_RELAXED);

		if (!cand)
			continue;
		if (n == batch_size(g->domain)) {
			++*left;
			continue;
		}
		/*
		 * Acquire: pairs with the release in ebb_slot_add(), so that the scan sees what the
		 * unmapper stored (6).
		 */
		cand = __atomic_exchange_n(slot, 0, __ATOMIC_ACQ_REL);
		if (cand)
			g->work[n++].cand = cand;
	}
	/*
	 * For sync (gather.c), before we scan. Release: the slots that we emptied. An exchange, not
	 * a store: who clears it must see what those did who set it before us, too.
	 */
	if (n > before)
		__atomic_exchange_n(&from->taken, 1, __ATOMIC_RELEASE);
	return n;
}

static unsigned collect(struct ebb_gather *g, bool steal)
{
	struct ebb_domain *d = g->domain;
	unsigned n = take_slots(g, g, 0, &g->nslots), left;

	if (steal && n < batch_size(d)) {
		ebb_spin_lock(&d->gathers_lock);
		for (struct ebb_gather *o = d->gathers; o && n < batch_size(d); o = o->next)
			if (o != g)
				n = take_slots(g, o, n, &left);
		ebb_spin_unlock(&d->gathers_lock);
	}
	/* Who finds a candidate still listed relies on us to see what he did before (gather.c). */
	ebb_full_fence();
	work_sort(g->work, n);
	return n;
}

/*
 * The sections of steps 7, 9 and 11 are for a few candidates each: entering one costs about as much
 * as a walk, and a long one would hold up the grace periods of others. Each candidate is walked to
 * anew all the same.
 */
#define SECTION 8u

EBB_INLINE unsigned section_end(unsigned start, unsigned n)
{
	return n - start < SECTION ? n : start + SECTION;
}

/* Step 7 for the table of ep, if `up` refers to it still, and by its hint ep is all it holds. */
EBB_INLINE bool freeze_above(const struct ebb_format *f, uint64_t *up, uint64_t *ep, unsigned owner)
{
	uint64_t e = ebb_load(up), pa = e & f->pa_bits;

	return (e & f->sparse) && ebb_child(f, e) == ebb_table_of(ep) && is_alone(ep) &&
	       change_state(f, up, ebb_state_table(f, pa), ebb_state_frozen(f, pa, owner),
			    carried(f));
}

/* Step 7. */
EBB_INLINE bool freeze_one(const struct ebb_format *f, struct ebb_domain *d, struct ebb_work *w,
			   unsigned owner)
{
	unsigned level = ebb_cand_level(w->cand);
	uint64_t *up, *ep = ebb_walk_to_pair(f, d, w->cand, level, &up);
	uint64_t e = ep ? ebb_load(ep) : 0, pa = e & f->pa_bits;

	if (!ebb_is_table(f, e, level + 1) || ebb_owner(f, e))
		return false;
	w->table = ebb_child(f, e);
	w->above = NULL;
	if (!scan(f, e, w->table) || !change_state(f, ep, ebb_state_table(f, pa),
						   ebb_state_frozen(f, pa, owner), carried(f)))
		return false;
	if (up && freeze_above(f, up, ep, owner))
		w->above = ebb_table_of(ep);
	return true;
}

/* Step 9: we take back our freeze of t, in ep. Whether t is a candidate again. */
static bool thaw(const struct ebb_format *f, uint64_t *ep, const struct ebb_table *t,
		 unsigned owner)
{
	uint64_t pa = ebb_hot_pa(t).v;

	if (!change_state(f, ep, ebb_state_frozen(f, pa, owner), ebb_state_table(f, pa),
			  carried(f)))
		return false;
	/* Who still saw our freeze relies on us to see what he saw. */
	ebb_full_fence();
	return scan(f, ebb_load(ep), t);
}

/* Whether the table of ep, to which e refers, holds nothing but t, frozen by us and all zero. */
static bool holds_only(const struct ebb_format *f, uint64_t e, const uint64_t *ep,
		       const struct ebb_table *t, unsigned owner)
{
	uint64_t below = ebb_load(ep);

	return (e & f->sparse) &&
	       (below & f->state_bits) == ebb_state_frozen(f, ebb_hot_pa(t).v, owner) &&
	       is_alone(ep) && scan(f, below, t);
}

/* Step 9 for the upper table of a pair. Unless it is dead now, there is no pair any more. */
static bool kill_above(const struct ebb_format *f, struct ebb_gather *g, struct ebb_work *w,
		       unsigned owner)
{
	unsigned level = ebb_cand_level(w->cand) + 1, i = ebb_index(w->cand, level);
	uint64_t pa = ebb_hot_pa(w->above).v, frozen = ebb_state_frozen(f, pa, owner);
	uint64_t *up = ebb_walk_to(f, g->domain, w->cand, level), *ep = &w->above->entry[i];
	uint64_t e = up ? ebb_load(up) : 0;

	if ((e & f->state_bits) == frozen && holds_only(f, e, ep, w->table, owner) &&
	    change_state(f, up, frozen, ebb_state_dead(f, pa, owner), f->accessed)) {
		ebb_write_back(g->domain, up, 1);
		return true;
	}
	if (up && thaw(f, up, w->above, owner))
		ebb_slot_add(g, ebb_cand(ebb_table_first(w->cand, level), level));
	w->above = NULL;
	return false;
}

/* Step 9. */
EBB_INLINE bool kill_one(const struct ebb_format *f, struct ebb_gather *g, const struct ebb_work *w,
			 unsigned owner)
{
	struct ebb_domain *d = g->domain;
	uint64_t pa = ebb_hot_pa(w->table).v, frozen = ebb_state_frozen(f, pa, owner);
	uint64_t *ep = ebb_walk_to(f, d, w->cand, ebb_cand_level(w->cand));
	uint64_t e = ep ? ebb_load(ep) : 0;
	bool dead = false;

	if ((e & f->state_bits) == frozen) {
		if (!scan(f, e, w->table)) {
			if (thaw(f, ep, w->table, owner))
				ebb_slot_add(g, w->cand);
		} else if (change_state(f, ep, frozen, ebb_state_dead(f, pa, owner), f->accessed)) {
			ebb_write_back(d, ep, 1);
			dead = true;
		}
	}
	return dead;
}

/* Step 11. */
EBB_INLINE bool unlink_one(const struct ebb_format *f, struct ebb_domain *d,
			   const struct ebb_table *t, uint64_t cand, unsigned level, unsigned owner)
{
	uint64_t dead = ebb_state_dead(f, ebb_hot_pa(t).v, owner);
	uint64_t *ep = ebb_walk_to(f, d, cand, level);

	if (!ep || !change_state(f, ep, dead, 0, 0))
		return false;
	ebb_write_back(d, ep, 1);
	return true;
}

/* Step 11: the upper table of a pair is in use again, or somebody else's. */
static EBB_COLD void revived_above(const struct ebb_format *f, struct ebb_gather *g,
				   const struct ebb_work *w, unsigned owner)
{
	uint64_t *ep = ebb_walk_to(f, g->domain, w->cand, ebb_cand_level(w->cand));

	if (ep && thaw(f, ep, w->table, owner))
		ebb_slot_add(g, w->cand);
}

/* Step 11 for the lower table of a pair. False: its span's owner was faster. */
EBB_INLINE bool take_below(const struct ebb_domain *d, const struct ebb_work *w)
{
	unsigned level = ebb_cand_level(w->cand) + 1;
	uint64_t *ep = &w->above->entry[ebb_index(w->cand, level)];

	if (!ebb_exchange(ep, 0))
		return false;
	ebb_write_back(d, ep, 1);
	return true;
}

/* Puts a table that is unlinked now in front of the list. */
EBB_INLINE struct ebb_table *unlinked(struct ebb_gather *g, struct ebb_table *t, unsigned level,
				      struct ebb_table *list)
{
	ebb_table_unlinked(g, t, level);
	ebb_hot_desc(t)->next = list;
	return t;
}

static unsigned freeze_all(const struct ebb_format *f, struct ebb_gather *g, unsigned n,
			   unsigned owner)
{
	unsigned kept = 0, above = 0;

	for (unsigned i = 0; i < n;) {
		unsigned end = section_end(i, n);

		ebb_hot_read_lock();
		for (; i < end; i++) {
			if (!freeze_one(f, g->domain, &g->work[i], owner))
				continue;
			above += g->work[i].above != NULL;
			g->work[kept++] = g->work[i];
		}
		ebb_hot_read_unlock();
	}
	ebb_count(&g->counters.frozen, (uint64_t)(kept + above));
	return kept;
}

/* Steps 9 and 10. *token: proof of the invalidation. */
static unsigned kill_all(const struct ebb_format *f, struct ebb_gather *g, unsigned n,
			 unsigned owner, ebb_token *token)
{
	unsigned kept = 0, above = 0;

	for (unsigned i = 0; i < n;) {
		unsigned end = section_end(i, n);

		if (g->nspans + SECTION > EBB_GATHER_SPANS)
			*token = ebb_gather_flush(g);
		ebb_hot_read_lock();
		for (; i < end; i++) {
			struct ebb_work *w = &g->work[i];
			unsigned level = ebb_cand_level(w->cand);

			if (!(w->above && kill_above(f, g, w, owner)) && !kill_one(f, g, w, owner))
				continue;
			if (w->above) {
				level++;
				above++;
			}
			ebb_gather_span(g, ebb_table_first(w->cand, level),
					ebb_table_last(w->cand, level), EBB_WIDE);
			g->work[kept++] = *w;
		}
		ebb_hot_read_unlock();
	}
	if (kept)
		*token = ebb_gather_flush(g);
	ebb_count(&g->counters.dead, (uint64_t)(kept + above));
	return kept;
}

/* The tables above those that were unlinked are candidates. */
static void parents_add(struct ebb_gather *g, unsigned n)
{
	/* A parent that is still listed is looked at after we cleared its entry. */
	ebb_full_fence();
	for (unsigned i = 0; i < n; i++) {
		uint64_t cand = g->work[i].cand;
		unsigned level = ebb_cand_level(cand) + 1;

		/* There is a free slot for each candidate: it came out of one. */
		if (level < ebb_top(g->domain))
			ebb_slot_add(g, ebb_cand(ebb_table_first(cand, level), level));
	}
}

static struct ebb_table *unlink_all(const struct ebb_format *f, struct ebb_gather *g, unsigned n,
				    unsigned owner)
{
	struct ebb_table *list = NULL;
	unsigned kept = 0;

	for (unsigned i = 0; i < n;) {
		unsigned end = section_end(i, n);

		ebb_hot_read_lock();
		for (; i < end; i++) {
			struct ebb_work *w = &g->work[i];
			struct ebb_table *t = w->above ? w->above : w->table;
			unsigned level = ebb_cand_level(w->cand) + (w->above != NULL);

			if (!unlink_one(f, g->domain, t, w->cand, level, owner)) {
				if (w->above)
					revived_above(f, g, w, owner);
				continue;
			}
			list = unlinked(g, t, level, list);
			if (w->above && take_below(g->domain, w))
				list = unlinked(g, w->table, level - 1, list);
			g->work[kept++].cand = ebb_cand(ebb_table_first(w->cand, level), level);
		}
		ebb_hot_read_unlock();
	}
	if (kept)
		parents_add(g, kept);
	return list;
}

/* ---- candidates that are in use ---- */

static bool is_empty(const struct ebb_format *f, struct ebb_domain *d, uint64_t cand)
{
	unsigned level = ebb_cand_level(cand);
	uint64_t *ep = ebb_walk_to(f, d, cand, level);
	uint64_t e = ep ? ebb_load(ep) : 0;

	return ebb_is_table(f, e, level + 1) && scan(f, e, ebb_child(f, e));
}

bool ebb_sift(struct ebb_gather *g)
{
	unsigned n = take_slots(g, g, 0, &g->nslots), kept = 0;

	ebb_full_fence(); /* as in collect() */
	for (unsigned i = 0; i < n;) {
		unsigned end = section_end(i, n);

		ebb_hot_read_lock();
		for (; i < end; i++)
			if (is_empty(&ebb_vtdss, g->domain, g->work[i].cand))
				g->work[kept++] = g->work[i];
		ebb_hot_read_unlock();
	}
	for (unsigned i = 0; i < kept; i++)
		ebb_slot_add(g, g->work[i].cand);
	g->few_empty = 4 * kept < 3 * n;
	return 2 * kept >= g->domain->batch;
}

static int reclaim_batch(const struct ebb_format *f, struct ebb_gather *g, bool steal,
			 unsigned *looked)
{
	struct ebb_domain *d = g->domain;
	struct ebb_table *waiting, *list;
	unsigned owner = owner_take(f, d), n;
	ebb_token token = { 0 };
	int freed = 0;

	*looked = 0;
	if (!owner)
		return 0;
	*looked = collect(g, steal);
	n = freeze_all(f, g, *looked, owner);
	if (2 * n < *looked)
		g->few_empty = true;
	if (n) {
		waiting = ebb_pending_take(g, steal);
		/* step 8, and step 12 for the batch before */
		d->platform.grace_wait(d->platform.ctx);
		if (waiting)
			freed = ebb_tables_free(g, waiting);
		n = kill_all(f, g, n, owner, &token);
		list = unlink_all(f, g, n, owner);
		if (list)
			ebb_tables_flushed(g, list, token);
	}
	owner_give(d, owner);
	return freed;
}

int ebb_reclaim_batch(struct ebb_gather *g, bool steal, unsigned *looked)
{
	return reclaim_batch(&ebb_vtdss, g, steal, looked);
}

int ebb_reclaim(struct ebb_gather *g, unsigned budget)
{
	unsigned looked = 1;
	int freed = ebb_sync(g);

	ebb_recent_forget(g);
	while (g->domain->policy == EBB_DEFERRED && budget && looked) {
		freed += ebb_reclaim_batch(g, true, &looked);
		budget -= looked < budget ? looked : budget;
	}
	return freed + ebb_pending_free(g, true);
}
