/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The deferred protocol as core/ implements it (steps 1 to 12 and arguments a to h at the top of
 * core/reclaim.c): callers, reclaimers, the owner of a whole span, and a device. README.md has the
 * switches, the assertions and what is left out.
 */
#ifndef LEVELS
#define LEVELS 1 /* tables below the root on the way to a leaf */
#endif
#define TOP LEVELS
#ifndef SPLIT
#define SPLIT 0 /* the level of the table where the two slots part */
#endif
#ifndef NM
#define NM 2 /* callers: caller i maps and unmaps slot i */
#endif
#ifndef NR
#define NR 2 /* reclaimers */
#endif
#ifndef NT
#define NT 2 /* tables */
#endif
#ifndef K
#define K 1 /* rounds of map, unmap and sync of each caller */
#endif
#ifndef NOWN
#define NOWN NR /* owner numbers */
#endif
#ifndef BATCH
#define BATCH 1 /* candidates of a batch */
#endif
#ifndef DEPTH
#define DEPTH 4 /* of a store buffer: flush_one() is written for it */
#endif

#if K > 1 && !defined(LISTED_EARLY)
#define RECENT /* in its first round nothing that a caller has listed is recent */
#endif

#define OWN (NM + NR) /* the owner of the whole span */
#ifdef OWNER_OF_ALL
#define NTHR	     (NM + NR + 1)
#define CALLERS	     (NM + 1)
#define OWNER_PHASES (NM + 1)
#else
#define NTHR	     (NM + NR)
#define CALLERS	     NM
#define OWNER_PHASES 0
#endif
#ifdef BUFFER_ALL
#define BUFFERED(j) true
#else
#define BUFFERED(j) ((j) < NM || (j) >= NM + NR) /* reclaimers' own stores are seen at once */
#endif

byte n1, n2; /* scratch of one step, 0 between steps */
byte used;   /* tables 1 to used were in use */

#include "memory.pml"
#include "device.pml"
#include "claim.pml"
#include "caller.pml"
#include "reclaimer.pml"
#ifdef OWNER_OF_ALL
#include "owner.pml"
#endif

/* ebb_translate(): what software finds for slot s. In e. */
inline sw_translate(s)
{
	t = 0;
	l = TOP;
	do
	:: l > 0 && t != NIL ->
		e = w[AT(t, l, s)];
		if
		:: IS_TABLE(e) -> t = PA(e); e = 0; l--
		:: else -> t = NIL
		fi
	:: else -> break
	od;
	if
	:: t != NIL -> e = w[AT(t, 0, s)]
	:: else
	fi;
	e = ((e & PRESENT) && (e & IS_LEAF) -> PA(e) : 0);
	t = 0;
	l = 0
}

#define TRANSLATES_AS_IT_SHOULD(s)                                        \
	if                                                                \
	:: want[s] != BUSY ->                                             \
		sw_translate(s);                                          \
		assert(e == want[s]); /* S1, as software sees it */       \
		hw_translate(s);                                          \
		assert(e == want[s]); /* S1 and S6, as the device does */ \
		e = 0                                                     \
	:: else                                                           \
	fi

/* Store buffers, the device, and what must hold in every state. */
proctype world()
{
	short e;
	byte t, l;
end:
	do
#ifdef TSO
	:: d_step { nbuf[0] > 0 -> flush_one(0) }
#if NTHR > 1
	:: d_step { nbuf[1] > 0 -> flush_one(1) }
#endif
#if NTHR > 2
	:: d_step { nbuf[2] > 0 -> flush_one(2) }
#endif
#if NTHR > 3
	:: d_step { nbuf[3] > 0 -> flush_one(3) }
#endif
#if NTHR > 4
	:: d_step { nbuf[4] > 0 -> flush_one(4) }
#endif
#endif
	:: d_step { TRANSLATES_AS_IT_SHOULD(0); TRANSLATES_AS_IT_SHOULD(1) }
	:: d_step { iotlb[0] == 0 -> fill_iotlb(0) }
	:: d_step { iotlb[1] == 0 -> fill_iotlb(1) }
	:: d_step { PW(1, 0) == 0 -> fill_walk_cache(0, 1) }
#if SPLIT > 0
	:: d_step { PW(1, 1) == 0 -> fill_walk_cache(1, 1) }
#endif
#if LEVELS > 1
	:: d_step { PW(2, 0) == 0 -> fill_walk_cache(0, 2) }
#endif
#ifdef ACCESSED_BITS /* hardware sets them in entries that it walks through */
	:: d_step { IS_TABLE(w[0]) && !(w[0] & ACCESSED) -> w[0] = w[0] | ACCESSED }
#if LEVELS > 1
	:: d_step { IS_TABLE(w[0]) && IS_TABLE(w[AT(PA(w[0]), 1, 0)]) &&
		    !(w[AT(PA(w[0]), 1, 0)] & ACCESSED) ->
		w[AT(PA(w[0]), 1, 0)] = w[AT(PA(w[0]), 1, 0)] | ACCESSED }
#endif
#endif
#ifdef NONSNOOP /* a cache may write back on its own */
	:: d_step { m[0] != w[0] -> m[0] = w[0] }
	:: d_step { m[2] != w[2] -> m[2] = w[2] }
	:: d_step { m[3] != w[3] -> m[3] = w[3] }
#if NT > 1
	:: d_step { m[4] != w[4] -> m[4] = w[4] }
	:: d_step { m[5] != w[5] -> m[5] = w[5] }
#endif
#if NT > 2
	:: d_step { m[6] != w[6] -> m[6] = w[6] }
	:: d_step { m[7] != w[7] -> m[7] = w[7] }
#endif
#endif
#ifndef ANYTIME
	:: d_step { retired == NR ->
		assert(w[0] == 0 && w[1] == 0); /* S5: the root alone is left */
		t = 1;
		do
		:: t <= NT -> assert(life[t] == FREE); t++
		:: else -> break
		od;
		t = 0;
		retired = 255 }
#endif
	od
}

init
{
	atomic {
		run world();
		run caller(0);
#if NM > 1
		run caller(1);
#endif
		run reclaimer(NM);
#if NR > 1
		run reclaimer(NM + 1);
#endif
#ifdef OWNER_OF_ALL
		run owner(OWN);
#endif
	}
}
