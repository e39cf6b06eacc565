/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The device: a walk cache for every entry that refers to a table, an IOTLB for every slot, and in
 * caching mode both for what is absent. It fills and forgets them whenever it likes; only what an
 * invalidation names is certain to be gone.
 */
#define ABSENT 15
#define NIL    14

byte pw[2 * (TOP + 1)]; /* walk cache: the table to which the entry at level l refers */
#define PW(l, s) pw[(l) * 2 + IDX(s, l)]
byte iotlb[2];		/* what slot s translates to, 0: not cached */

/* The entry at level lv on the way to s, as hardware finds it: from the lowest cached table. */
inline hw_walk(s, lv)
{
	t = 0;
	l = TOP;
	e = 0;
	do
	:: l > lv ->
		if
		:: PW(l, s) == ABSENT -> t = NIL; e = 0
		:: PW(l, s) != 0 && PW(l, s) != ABSENT -> t = PW(l, s); e = 0
		:: PW(l, s) == 0 && t != NIL ->
			assert(t == 0 || life[t] >= LINKED); /* S2, for the device */
			e = DEV(AT(t, l, s));
			if
			:: IS_TABLE(e) -> t = PA(e); e = 0
			:: (e & IS_LEAF) && (e & PRESENT) -> t = NIL /* a large leaf, in e */
			:: else -> t = NIL; e = 0
			fi
		:: else
		fi;
		l--
	:: else -> break
	od;
	if
	:: t != NIL ->
		assert(t == 0 || life[t] >= LINKED);
		e = DEV(AT(t, lv, s))
	:: else
	fi;
	t = 0;
	l = 0
}

/* What the device translates s to now, 0: a fault. In e. */
inline hw_translate(s)
{
	if
	:: iotlb[s] == ABSENT -> e = 0
	:: iotlb[s] != 0 && iotlb[s] != ABSENT -> e = iotlb[s]
	:: else ->
		hw_walk(s, 0);
		if
		:: (e & PRESENT) && (e & IS_LEAF) -> e = PA(e)
		:: else -> e = 0
		fi
	fi
}

inline fill_iotlb(s)
{
	hw_translate(s);
	if
	:: e != 0 -> iotlb[s] = e
#ifdef CACHING_MODE
	:: e == 0 -> iotlb[s] = ABSENT
#else
	:: else
#endif
	fi;
	e = 0
}

inline fill_walk_cache(s, lv)
{
	hw_walk(s, lv);
	if
	:: IS_TABLE(e) -> PW(lv, s) = PA(e)
#ifdef CACHING_MODE
	:: !(e & PRESENT) -> PW(lv, s) = ABSENT
#endif
	:: else
	fi;
	e = 0
}

/* Leaf invalidation of one slot: the IOTLB only. */
#define leaf_invalidate(s) iotlb[s] = 0

/* Wide invalidation of the span of the table at level lv on the way to a. */
inline wide_invalidate(lv, a)
{
	n1 = 0;
	do
	:: n1 < 2 ->
		if
		:: n1 == a || lv >= SPLIT ->
			iotlb[n1] = 0;
			n2 = 1;
			do
			:: n2 <= lv + 1 -> PW(n2, n1) = 0; n2++
			:: else -> break
			od;
			n2 = 0
		:: else
		fi;
		n1++
	:: else -> break
	od;
	n1 = 0
}

/* Nothing that the device keeps refers to table t. */
inline device_forgot(t)
{
	n1 = 2;
	do
	:: n1 < 2 * (TOP + 1) -> assert(pw[n1] != t); n1++
	:: else -> break
	od;
	n1 = 0
}
