/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/* reclaim_batch() and ebb_reclaim() (reclaim.c): steps 7 to 12. */

#define CARRIED (ACCESSED | KNOWN | HINT_BITS)

/* The entries that scan() reads: all that are in use at level lv, or the line of the hint. */
#define LAST_ENTRY (lv == SPLIT)
#define ONE_LINE   ((e & SPARSE) && LINE_OF(1) != 0)
#define SCAN_FIRST (ONE_LINE * HINT_LINE(e))
#define SCAN_LAST  (ONE_LINE * HINT_LINE(e) + !ONE_LINE * LAST_ENTRY)

/*
 * ebb_walk_to() and the load of E, in a new section: ok, p and e if E is as `fits` says; else the
 * section is left.
 */
inline walk_to(fits)
{
#ifdef STAY /* broken: goes on with the pointer of step 7 */
	p = stay;
	l = (stay != 0) * (lv + 1) + (stay == 0) * TOP;
#else
	p = 0;
	l = TOP;
#endif
	do
	:: atomic {
		enter();
		load(p, AT(p, l, a));
		if
		:: l == lv + 1 && (fits) -> ok = 1; l = 0; break
		:: l == lv + 1 && !(fits) -> ok = 0; walk_drop(); break
		:: l > lv + 1 && IS_TABLE(e) -> p = PA(e); l--; e = 0
		:: l > lv + 1 && !IS_TABLE(e) -> ok = 0; walk_drop(); break
		fi
	   }
	od
}
inline walk_drop()
{
	leave();
	d_step { e = 0; p = 0; l = 0 }
}

/* scan() of table c below e: nz is the result. One step an entry; leaves the section if `ends`. */
inline scan(c, ends)
{
	x = SCAN_FIRST;
	do
	:: atomic {
		d_step { deref(c); nz = (w[(c) * 2 + x] != 0) };
		if
		:: nz || x == SCAN_LAST ->
			x = 0;
			if
			:: ends -> walk_drop()
			:: else
			fi;
			break
		:: else -> x++
		fi
	   }
	od
}

/*
 * thaw(): takes back our freeze of table c, in entry x of table t; looks at c again, and leaves the
 * section. nz: it is not to be listed.
 */
inline thaw(t, x, c)
{
	atomic {
		change_state(t, x, FROZEN(c, o), TABLE(c), CARRIED);
#ifdef NO_SECOND_LOOK /* broken: does not look again after the thaw */
		ok = 0;
#endif
		if
		:: ok -> skip
		:: else -> nz = 1; walk_drop()
		fi
	};
	if
	:: atomic { ok -> ok = 0; load(t, x) }; scan(c, 1)
	:: !ok -> skip
	fi
}

/* owner_take(): the lowest free number. */
inline owner_take()
{
#ifdef NO_OWNER /* broken: one number for all */
	o = 1;
#else
	drain(i);
	if
	:: (owners & 1) == 0 -> o = 1
#if NOWN > 1
	:: (owners & 1) && (owners & 2) == 0 -> o = 2
#endif
	fi;
	owners = owners | o
#endif
}
inline owner_give()
{
#ifndef NO_OWNER
	drain(i);
	owners = owners & ~o;
#endif
	o = 0
}
#ifdef NO_OWNER
#define OWNER_FREE true
#else
#define OWNER_FREE (owners != (1 << NOWN) - 1)
#endif

#define ANY_CANDIDATE (slots[0] != 0 || SLOTS_1 || SLOTS_2 || SLOTS_3 || SLOTS_4)
#define ANY_PENDING   (pend[0] != 0 || PEND_1 || PEND_2 || PEND_3 || PEND_4)
#define SLOTS_1 (NTHR > 1 && slots[1 % NTHR] != 0)
#define SLOTS_2 (NTHR > 2 && slots[2 % NTHR] != 0)
#define SLOTS_3 (NTHR > 3 && slots[3 % NTHR] != 0)
#define SLOTS_4 (NTHR > 4 && slots[4 % NTHR] != 0)
#define PEND_1	(NTHR > 1 && pend[1 % NTHR] != 0)
#define PEND_2	(NTHR > 2 && pend[2 % NTHR] != 0)
#define PEND_3	(NTHR > 3 && pend[3 % NTHR] != 0)
#define PEND_4	(NTHR > 4 && pend[4 % NTHR] != 0)
#define QUIET	(finished == CALLERS && !ANY_CANDIDATE && !ANY_PENDING)

/* take_slots(): any candidate of any gather, by exchange. */
inline take_slot(c)
{
	if
	:: slots[0] != 0 -> n1 = 0
#if NTHR > 1
	:: slots[1] != 0 -> n1 = 1
#endif
#if NTHR > 2
	:: slots[2] != 0 -> n1 = 2
#endif
#if NTHR > 3
	:: slots[3] != 0 -> n1 = 3
#endif
#if NTHR > 4
	:: slots[4] != 0 -> n1 = 4
#endif
	fi;
	if
	:: slots[n1] & 1 -> c = 0
	:: slots[n1] & 2 -> c = 1
	:: slots[n1] & 4 -> c = 2
	:: slots[n1] & 8 -> c = 3
	:: slots[n1] & 16 -> c = 4
	fi;
	drain(i);
#ifndef TAKE_LATE
	slots[n1] = slots[n1] & ~(1 << c);
#endif
#if defined(RECENT) && !defined(TAKEN_FIRST) && !defined(TAKEN_NOT)
	from = (n1 < NM -> n1 + 1 : 0);
#endif
	n1 = 0
}

/* ...and then says so in the gather: the next step, or (TAKEN_LATE, broken) one after the scan. */
#ifdef RECENT
#define SAYS (from != 0)
inline say_taken()
{
	drain(i);
	taken[from - 1] = 1;
	from = 0
}
#else
#define SAYS false
#endif
#ifdef TAKEN_LATE
#define SAYS_NOW false
#else
#define SAYS_NOW SAYS
#endif

/* ebb_pending_take() */
inline pending_take(mine)
{
	d_step {
		drain(i);
		n1 = 0;
		do
		:: n1 < NTHR -> mine = mine | pend[n1]; pend[n1] = 0; n1++
		:: else -> break
		od;
		n1 = 0
	}
}

/* No entry of a linked table carries a number that is free. */
inline number_unused()
{
	d_step {
		n1 = 0;
		do
		:: n1 < 2 * (NT + 1) ->
			assert((n1 >= 2 && life[n1 / 2] != LINKED) || (w[n1] & IS_LEAF) ||
			       OWNER(w[n1]) != o); /* S7 */
			n1++
		:: else -> break
		od;
		n1 = 0
	}
}

/* What a thread that is idle remembers: nothing. */
inline clean()
{
	d_step {
	j = 0;
	n = 0;
	kept = 0;
	list = 0;
	lv = 0;
	a = 0;
	o = 0;
	wc[0] = 0;
	wt[0] = 0;
#ifdef PAIR
	wa[0] = 0;
#if BATCH > 1
	wa[1] = 0;
#endif
#endif
#ifdef STAY
	stay = 0;
	drop();
#endif
#if BATCH > 1
	wc[1] = 0;
	wt[1] = 0;
#endif
	}
}

#ifdef PAIR
#include "pair.pml"
#endif

#define candidate(j) d_step { lv = wc[j] / 2; a = wc[j] % 2 }

proctype reclaimer(byte i)
{
	short e;
	byte p, l, x, j, n, kept, o, lv, a, mine, list, tries;
	byte wc[BATCH], wt[BATCH];
#ifdef PAIR
	byte wa[BATCH]; /* the upper table of a pair */
#endif
	bit inside, ok, nz;
#ifdef RECENT
	byte from; /* the caller whose candidate was taken, and who has not been told: its number + 1 */
#endif
#ifdef STAY
	byte stay, leave_held;
#endif

idle:
#ifdef ANYTIME /* any table may be a candidate at any time; no check of leaks */
	if
	:: atomic { tries < ANYTIME && OWNER_FREE ->
		tries++;
		owner_take();
		if
		:: wc[0] = CAND(0, 0)
#if SPLIT > 0
		:: wc[0] = CAND(0, 1)
#endif
#if LEVELS > 1
		:: wc[0] = CAND(1, 0)
#endif
		fi;
		n = 1;
		goto freeze }
	:: atomic { ANY_PENDING -> pending_take(mine); goto pending_free }
	:: atomic { tries > 0 && finished == CALLERS && !ANY_PENDING -> goto done }
	fi;
#else
	if
	:: atomic { ANY_CANDIDATE && OWNER_FREE ->
		owner_take()
#ifdef TAKEN_FIRST /* broken: says that something was taken, and then takes it */
		; taken[0] = 1
#endif
	   }
	:: atomic { ANY_PENDING -> pending_take(mine); goto pending_free }
	:: atomic { QUIET -> goto done }
	fi;
	/* collect() */
	do
	:: atomic { !SAYS_NOW && n < BATCH && ANY_CANDIDATE -> take_slot(wc[n]); n++ }
#ifdef RECENT
	:: atomic { SAYS_NOW -> say_taken() }
#endif
	:: n > 0 && !SAYS_NOW && !(n < BATCH && ANY_CANDIDATE) -> break
	:: atomic { n == 0 && !ANY_CANDIDATE -> owner_give(); goto idle }
	od;
#ifdef SIFT /* ebb_sift(): or lists again what is empty, and drops the rest */
	if
	:: true
	:: true -> goto sift
	fi;
#endif
#endif

	/* step 7: freeze_one() */
freeze:
	do
	:: j < n ->
		candidate(j);
		walk_to(IS_TABLE(e) && OWNER(e) == 0);
		if
		:: ok ->
			wt[kept] = PA(e);
			ok = 0;
			scan(wt[kept], nz);
			if
			:: nz -> nz = 0
			:: atomic { !nz ->
				change_state(p, AT(p, lv + 1, a), TABLE(wt[kept]),
					     FROZEN(wt[kept], o), CARRIED);
#ifdef PAIR
				if
				:: ok && lv + 1 < TOP -> goto above
				:: else
				fi;
#endif
#ifdef STAY
				stay = p;
				leave_held = held[i];
#endif
				walk_drop();
#ifdef STAY
				held[i] = leave_held;
				leave_held = 0;
#endif
				if
				:: ok -> ok = 0; wc[kept] = wc[j]; kept++
				:: else
				fi }
			fi
		:: !ok -> skip
		fi;
#ifdef PAIR
		goto frozen;
above:
		freeze_above();
frozen:
#endif
#ifdef TAKEN_LATE
		if
		:: atomic { SAYS -> say_taken() }
		:: else
		fi;
#endif
#ifdef TAKE_LATE /* broken: the candidate goes after the scan */
		d_step {
			n1 = 0;
			do
			:: n1 < NTHR -> slots[n1] = slots[n1] & ~(1 << wc[j]); n1++
			:: else -> break
			od;
			n1 = 0
		};
#endif
		j++
	:: else -> break
	od;
	atomic {
		j = 0;
		n = kept;
		kept = 0;
		if
		:: n < BATCH -> wt[n] = 0
		:: else
		fi;
		if
		:: n == 0 -> owner_give(); clean(); goto idle
#ifdef PENDING_LATE /* broken: tables that began to wait after the grace period had begun */
		:: else
		fi
	};
	grace_begin();
	GRACE_OVER;
	atomic { pending_take(mine) };
#else
		:: else -> pending_take(mine)
		fi
	};
#endif
	/* step 8, and step 12 for the batch before */
#if !defined(NO_GRACE_8) && !defined(PENDING_LATE) /* broken */
	grace_begin();
	GRACE_OVER;
#endif
	d_step { tables_free(mine) };
#ifdef GIVE_EARLY /* broken: the number is free while entries carry it */
	atomic { x = o; owner_give(); o = x; x = 0 };
#endif

	/* step 9: kill_one() */
	do
	:: j < n ->
		candidate(j);
#ifdef PAIR
		if
		:: wa[j] != 0 ->
			kill_above();
			if
			:: wa[j] == 0 -> skip /* no pair any more */
			:: else -> goto killed
			fi
		:: else
		fi;
#endif
		walk_to(STATE(e) == FROZEN(wt[j], o));
		if
		:: ok ->
			ok = 0;
#ifndef NO_RESCAN /* broken: the table is dead without a second scan */
			scan(wt[j], 0);
#endif
			if
			:: nz ->
				nz = 0;
				thaw(p, AT(p, lv + 1, a), wt[j]);
				if
				:: nz -> nz = 0
				:: atomic { !nz -> slot_add(wc[j]) }
				fi
			:: !nz ->
				atomic {
#ifdef NO_DEAD /* broken: 0 at once */
					change_state(p, AT(p, lv + 1, a), FROZEN(wt[j], o), 0, 0);
#else
					change_state(p, AT(p, lv + 1, a), FROZEN(wt[j], o),
						     DEAD(wt[j], o), ACCESSED);
#endif
					if
					:: ok -> ok = 0
					:: else -> walk_drop(); goto killed
					fi;
#if defined(NONSNOOP) && !defined(NO_WB_DEAD)
				};
				atomic {
					deref(p);
					write_back(AT(p, lv + 1, a));
#endif
					walk_drop();
					wt[kept] = wt[j];
					wc[kept] = wc[j];
					kept++
				}
			fi
		:: !ok -> skip
		fi;
killed:		j++
	:: else -> break
	od;
	atomic { j = 0; n = kept; kept = 0 };

	/* step 10 */
	do
	:: d_step { j < n && FENCE ->
		lv = wc[j] / 2;
		a = wc[j] % 2;
#if defined(LEAF_INV) /* broken: leaf instead of wide */
		leaf_invalidate(a);
		leaf_invalidate(1 - a);
#elif !defined(NO_INV) /* broken */
#if defined(PAIR) && !defined(PAIR_LEAF_SPAN) /* broken: the lower table's span only */
		lv = lv + (wa[j] != 0);
#endif
		wide_invalidate(lv, a);
#endif
		j++ }
	:: j == n -> break
	od;
	j = 0;

	/* step 11: unlink_one() */
	do
	:: j < n ->
		candidate(j);
#ifdef PAIR
		if
		:: wa[j] != 0 -> unlink_pair(); goto unlinked
		:: else
		fi;
#endif
#ifdef NO_DEAD
		ok = 1;
#else
#ifdef UNLINK_STORE /* broken: unlinks without a look at what is there */
		walk_to(true);
#else
		walk_to(STATE(e) == DEAD(wt[j], o));
#endif
		if
		:: ok ->
			atomic {
#ifdef UNLINK_STORE
				deref(p);
				drain(i);
				w[AT(p, lv + 1, a)] = 0;
#else
				change_state(p, AT(p, lv + 1, a), DEAD(wt[j], o), 0, 0);
#endif
				if
				:: ok -> skip
				:: else -> walk_drop()
				fi
			};
#if defined(NONSNOOP) && !defined(NO_WB_UNLINK)
			if
			:: atomic { ok -> deref(p); write_back(AT(p, lv + 1, a)) }
			:: else
			fi;
#endif
		:: !ok -> skip
		fi;
#endif
		if
		:: atomic { ok ->
			ok = 0;
			walk_drop();
			life[wt[j]] = UNLINKED;
			list = list | BIT(wt[j]);
			if
#ifndef NO_PARENT /* broken: the parent does not become a candidate */
			:: lv + 1 < TOP -> slot_add(CAND(lv + 1, a))
#endif
			:: else
			fi }
		:: !ok -> skip
		fi;
#ifdef PAIR
unlinked:
#endif
		j++
	:: else -> break
	od;
	atomic {
#ifdef NO_GRACE_12 /* broken */
		d_step { tables_free(list) };
#endif
		pend[i] = pend[i] | list;
#ifndef GIVE_EARLY
#ifndef NO_OWNER
		number_unused();
#endif
		owner_give();
#endif
		clean();
		goto idle
	};

#ifdef SIFT
sift:
	do
	:: j < n ->
		candidate(j);
		walk_to(IS_TABLE(e));
		if
		:: ok ->
			ok = 0;
			scan(PA(e), 1);
			if
			:: nz -> nz = 0
#ifdef SIFT_DROPS /* broken: what is empty is dropped as well */
			:: !nz -> skip
#else
			:: !nz -> atomic { slot_add(wc[j]) }
#endif
			fi
		:: !ok -> skip
		fi;
		j++
	:: else -> break
	od;
	atomic { owner_give(); clean(); goto idle };
#endif

pending_free: /* step 12 */
	skip; /* no jump may end at a d_step */
	grace_begin();
	GRACE_OVER;
	d_step { tables_free(mine) };
	goto idle;

done:
	skip; /* no jump may end at a d_step */
	d_step { drain(i); tries = 0; retired++ }
}
