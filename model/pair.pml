/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * A pair (argument h): the candidate is the table that E refers to, P is the table of E, and the
 * entry that refers to P, called U, is the root's first. Without HINT, P counts as sparse always.
 */
#define U 0
#define E_OF(t) AT(t, 1, a)

#ifdef HINT
#define SPARSE_P(e) ((e) & SPARSE)
#else
#define SPARSE_P(e) true
#endif

/* What P holds in E's line besides E. */
#if SPLIT == 1 && !defined(LINES)
#define REST(t) w[(t) * 2 + 1 - IDX(a, 1)]
#else
#define REST(t) 0
#endif

/* Broken: E stays as it is, only U is frozen. */
#ifdef PAIR_E_NOT_FROZEN
#define E_FROZEN(c) TABLE(c)
#else
#define E_FROZEN(c) FROZEN(c, o)
#endif

/* Step 7, in the section in which E was frozen; p is the table that E is in. Ends it. */
inline freeze_above()
{
	atomic {
		ok = 0;
		load(0, U);
		ok = (PA(e) == p && IS_TABLE(e) && SPARSE_P(e))
	};
	if
	:: atomic { ok -> deref(p); ok = (REST(p) == 0) }
	:: !ok -> skip
	fi;
	atomic {
		if
		:: ok -> change_state(0, U, TABLE(p), FROZEN(p, o), CARRIED)
		:: else
		fi;
		if
		:: ok ->
			wa[kept] = p;
#ifdef PAIR_E_NOT_FROZEN
			w[E_OF(p)] = w[E_OF(p)] & ~FROZEN(0, o) | TABLE(0);
#endif
			ok = 0
		:: else -> wa[kept] = 0
		fi;
		wc[kept] = wc[j];
		kept++;
		walk_drop()
	}
}

/* holds_only(): whether P holds nothing but the candidate, frozen and all zero; nz: no. */
inline holds_only(t)
{
	atomic {
#ifndef PAIR_NO_LOOK_HINT /* broken: whether the hint holds still is not looked at */
		nz = !SPARSE_P(e);
#endif
		load(t, E_OF(t));
		nz = nz || STATE(e) != E_FROZEN(wt[j])
	};
#ifndef PAIR_NO_LOOK_P /* broken: the rest of P is not looked at again */
	if
	:: atomic { !nz -> deref(t); nz = (REST(t) != 0) }
	:: else
	fi;
#endif
#ifndef PAIR_NO_LOOK_E /* broken: nor the candidate */
	if
	:: !nz -> scan(wt[j], 0)
	:: else
	fi
#endif
}

/* Step 9: P is dead, or wa[j] is 0. */
inline kill_above()
{
	lv = 1;
	walk_to(STATE(e) == FROZEN(wa[j], o));
	if
	:: ok ->
		ok = 0;
		lv = 0;
		holds_only(wa[j]);
		if
		:: atomic { !nz ->
			change_state(0, U, FROZEN(wa[j], o), DEAD(wa[j], o), ACCESSED);
			if
			:: ok -> ok = 0
			:: else -> wa[j] = 0; walk_drop(); goto lost
			fi;
#if defined(NONSNOOP) && !defined(NO_WB_DEAD)
		   };
		   atomic {
			write_back(U);
#endif
			walk_drop();
			wt[kept] = wt[j];
			wc[kept] = wc[j];
			wa[kept] = wa[j];
			kept++ }
		:: nz ->
			nz = 0;
			lv = 1; /* whose entries scan() is to look at */
			thaw(0, U, wa[j]);
			if
			:: nz -> nz = 0
#ifdef PAIR_P_NOT_LISTED /* broken */
			:: !nz -> skip
#else
			:: atomic { !nz -> slot_add(CAND(1, a)) }
#endif
			fi;
			wa[j] = 0
		fi
	:: !ok -> wa[j] = 0
	fi;
lost:
#ifdef PAIR_E_NOT_FROZEN
	if
	:: atomic { wa[j] == 0 -> slot_add(wc[j]) }
	:: else
	fi;
#endif
	lv = 0
}

/* Step 11 for both tables. */
inline unlink_pair()
{
	lv = 1;
	walk_to(STATE(e) == DEAD(wa[j], o));
	if
	:: atomic { ok ->
		change_state(0, U, DEAD(wa[j], o), 0, 0);
		if
		:: ok -> skip
		:: else -> walk_drop()
		fi }
	:: !ok -> skip
	fi;
	lv = 0;
#if defined(NONSNOOP) && !defined(NO_WB_UNLINK)
	if
	:: atomic { ok -> write_back(U) }
	:: else
	fi;
#endif
	if
	:: ok ->
		ok = 0;
		take_below(wa[j])
	:: !ok -> revived_above()
	fi
}

/* take_below() in reclaim.c; its span's owner may be faster. Ends the section. */
inline take_below(t)
{
	atomic {
		deref(t);
		drain(i);
		e = w[E_OF(t)];
#ifdef PAIR_TAKE_WITHOUT_EXCHANGE /* broken */
	};
	atomic {
#endif
		w[E_OF(t)] = 0;
		WRITE_BACK(E_OF(t))
		if
		:: e != 0 ->
			life[wt[j]] = UNLINKED;
			list = list | BIT(wt[j])
		:: else
		fi;
		walk_drop();
		life[t] = UNLINKED;
		list = list | BIT(t)
	}
}

/* The upper table is in use again, or somebody else's. */
inline revived_above()
{
#if defined(PAIR_LOST_NOT_THAWED) /* broken */
	skip
#elif defined(PAIR_E_NOT_FROZEN)
	atomic { slot_add(wc[j]) }
#else
	walk_to(STATE(e) == FROZEN(wt[j], o));
	if
	:: ok ->
		ok = 0;
		thaw(p, AT(p, 1, a), wt[j]);
		if
		:: nz -> nz = 0
		:: atomic { !nz -> slot_add(wc[j]) }
		fi
	:: !ok -> skip
	fi
#endif
}
