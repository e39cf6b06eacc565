/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * What all processes share: entries, store buffers, read sections, grace periods, the life of a
 * table, candidates, pending tables and owner numbers. In each process `i` is the number of the
 * thread.
 */

/* ---- entries, as in core/format.h ---- */

#define PA(e)	    ((e) & 7) /* the table; in a leaf: what it maps */
#define OWNER(e)    (((e) >> 3) & 3)
#define PRESENT	    32
#define IS_LEAF	    64
#define KNOWN	    128
#define SPARSE	    256
#define LINE1	    512 /* the hint's line: 0 or 1 */
#define HINT_BITS   (SPARSE | LINE1)
#define ACCESSED    1024
#define STATE(e)    ((e) & 127)
#define TABLE(c)    ((c) | PRESENT)
#define FROZEN(c, o) ((c) | PRESENT | ((o) << 3))
#define DEAD(c, o)  ((c) | ((o) << 3))
#define LEAF(val)   ((val) + ((val) != 0) * (PRESENT | IS_LEAF))
#define IS_TABLE(e) (((e) & (PRESENT | IS_LEAF)) == PRESENT)
#define HINT_LINE(e) (((e) & LINE1) != 0)
#ifdef NONSNOOP
#define IS_PLAIN(e) (((e) & (PRESENT | IS_LEAF | KNOWN | (3 << 3))) == (PRESENT | KNOWN))
#else
#define IS_PLAIN(e) (((e) & (PRESENT | IS_LEAF | (3 << 3))) == PRESENT)
#endif

/*
 * Table 0 is the root; every table has two entries in use. The ways of the two slots s (the IOVAs
 * that are mapped) part in the table at level SPLIT. (No conditional expressions here: Spin does
 * not take them in the arguments of an inline.)
 */
#define IDX(s, l)   (((l) == SPLIT) * (s))
#define AT(t, l, s) ((t) * 2 + IDX(s, l))
#ifdef LINES
#define LINE_OF(x) (x) /* each entry in a cache line of its own */
#else
#define LINE_OF(x) 0
#endif

short w[2 * (NT + 1)]; /* entries as threads see them */
#ifdef NONSNOOP
short m[2 * (NT + 1)]; /* as the device sees them */
#define DEV(x)	      m[x]
#define write_back(x) m[x] = w[x]
#define WRITTEN_BACK  KNOWN
#else
#define DEV(x)	      w[x]
#define write_back(x) skip
#define WRITTEN_BACK  0
#endif

/* A store into a table that nobody else knows yet, and its write-back. */
inline put_private(x, val_private)
{
	w[x] = val_private;
#ifndef CHAIN_NO_WRITE_BACK /* broken */
	write_back(x)
#endif
}

/* ---- ghosts: what the assertions are about ---- */

#define FREE	 0
#define SPARE	 1
#define LINKED	 2
#define UNLINKED 3
byte life[NT + 1];
byte held[NTHR];   /* tables to which a thread has a pointer: bit t - 1 */
byte stale[NTHR];  /* those of them that were freed since */

#define NOTHING 0 /* unmapped and synced: must not translate */
#define BUSY	7 /* in between: may or may not */
byte want[2];	  /* other values: must translate to that */

/* ---- what threads share besides ---- */

byte slots[NTHR]; /* a gather's candidates: bit CAND(level, slot) */
#ifdef RECENT
bit taken[NM];	  /* of a caller's gather: some were taken since its sync looked for it */
#endif
byte pend[NTHR];  /* a gather's pending tables: bit t - 1 */
byte owners;	  /* owner numbers taken */
byte finished;	  /* callers that are done */
byte retired;	  /* reclaimers that are done */
byte phase;	  /* rounds finished, for the owner of the whole span */

#define CAND(l, s) ((l) * 2 + ((l) < SPLIT) * (s))
#define BIT(t)	   (1 << ((t) - 1))

/* ---- store buffers (TSO) ---- */

bit rd[NTHR];	  /* in a read section, as others see it */
byte waits[NTHR]; /* a grace period: for whose sections it still waits */

#define V_ENTER	     1
#define V_LEAVE	     2
#define V_SLOT(c)    (4 + (c))
#define V_STORE(x, val) (16 + (x) * 4 + (val))

inline apply(j, v)
{
	if
	:: (v) == V_ENTER -> rd[j] = 1
	:: (v) == V_LEAVE ->
		rd[j] = 0;
		waits[NM] = waits[NM] & ~(1 << j);
#if NTHR > NM + 1
		waits[NM + 1] = waits[NM + 1] & ~(1 << j);
#endif
#if NTHR > NM + 2
		waits[NM + 2] = waits[NM + 2] & ~(1 << j);
#endif
	:: (v) >= 4 && (v) < 16 -> slots[j] = slots[j] | (1 << ((v) - 4))
	:: else ->
		assert((v) < 16 + 8 || life[((v) - 16) / 8] >= LINKED); /* S2: a late store */
		w[((v) - 16) / 4] = LEAF(((v) - 16) & 3)
	fi
}

#ifdef TSO
byte nbuf[NTHR];
byte buf[NTHR * DEPTH];

inline flush_one(j)
{
	apply(j, buf[(j) * DEPTH]);
	buf[(j) * DEPTH] = buf[(j) * DEPTH + 1];
	buf[(j) * DEPTH + 1] = buf[(j) * DEPTH + 2];
	buf[(j) * DEPTH + 2] = buf[(j) * DEPTH + 3];
	buf[(j) * DEPTH + 3] = 0;
	nbuf[j]--
}
inline drain(j)
{
	do
	:: nbuf[j] > 0 -> flush_one(j)
	:: else -> break
	od
}
/* A store; ROOM first, where a thread may have to wait. */
#define ROOM nbuf[i] < DEPTH
inline put(v)
{
	if
	:: BUFFERED(i) -> buf[i * DEPTH + nbuf[i]] = v; nbuf[i]++
	:: else -> apply(i, v)
	fi
}
#define FENCE nbuf[i] == 0
/* A store goes to the buffer, where nobody sees it: not a step of its own. */
#define STEP
#else
inline drain(j) { skip }
inline put(v)	{ apply(i, v) }
#define ROOM	 true
#define FENCE	 true
#define STEP	 }; atomic {
#endif

inline st(v)
{
	ROOM;
	d_step { put(v) }
}

/* What thread i itself sees of the entry that only it stores to. */
inline own_view(x, out)
{
	out = w[x];
#ifdef TSO
	n1 = 0;
	do
	:: n1 < nbuf[i] ->
		if
		:: buf[i * DEPTH + n1] >= 16 && (buf[i * DEPTH + n1] - 16) / 4 == (x) ->
			out = LEAF((buf[i * DEPTH + n1] - 16) & 3)
		:: else
		fi;
		n1++
	:: else -> break
	od;
	n1 = 0
#endif
}

/* ---- accesses ---- */

/* A table that is used has not been freed since the pointer to it was obtained (S2). */
#define deref(t) \
	assert((t) == 0 || ((held[i] & BIT(t)) && !(stale[i] & BIT(t)) && life[t] >= LINKED))

inline hold(e)
{
	if
	:: PA(e) != 0 && !((e) & IS_LEAF) ->
		held[i] = held[i] | BIT(PA(e));
		stale[i] = stale[i] & ~BIT(PA(e))
	:: else
	fi
}
#define drop()	       held[i] = 0; stale[i] = 0
inline load(t, x)
{
	d_step {
		deref(t);
		e = w[x];
		hold(e)
	}
}

/* ebb_cas(): on failure e is what is there. */
inline cas(t, x, old, new)
{
	d_step {
		deref(t);
		drain(i);
		if
		:: w[x] == (old) -> w[x] = new; ok = 1
		:: else -> ok = 0
		fi;
		e = w[x];
		hold(e)
	}
}

#ifdef EXACT /* broken: any bit that changed since E was loaded makes the CAS fail for good */
#define UNCHANGED(x) && w[x] == e
#else
#define UNCHANGED(x)
#endif

/* change_state() in reclaim.c: bits outside the state are no change. */
inline change_state(t, x, from, to, carry)
{
	d_step {
		deref(t);
		drain(i);
		if
		:: STATE(w[x]) == (from) UNCHANGED(x) -> w[x] = (to) | (w[x] & (carry)); ok = 1
		:: else -> ok = 0
		fi
	}
}

/*
 * Sections. Entering comes in one step with the load that follows it, and leaving with the access
 * before it: grace periods wait for less then, so this only adds behaviours.
 */
inline enter()
{
	if
	:: !inside -> ROOM; d_step { inside = 1; put(V_ENTER) }
	:: else
	fi
}
inline leave()
{
	ROOM;
	d_step {
		inside = 0;
		drop();
		put(V_LEAVE)
	}
}

/* ---- grace periods: membarrier, then exactly the sections that are open then ---- */

inline snapshot()
{
	waits[i] = 0;
	n1 = 0;
	do
	:: n1 < NTHR ->
		if
		:: n1 != i && rd[n1] -> waits[i] = waits[i] | (1 << n1)
		:: else
		fi;
		n1++
	:: else -> break
	od;
	n1 = 0
}

#ifdef TSO
inline grace_begin()
{
	d_step { drain(i); drain(0) };
#if NM > 1
	d_step { drain(1) };
#endif
#ifdef OWNER_OF_ALL
	d_step { drain(OWN) };
#endif
#if NR > 1
	d_step { drain(NM + (i == NM)) };
#endif
	d_step { snapshot() }
}
#else
inline grace_begin() { d_step { snapshot() } }
#endif
#define GRACE_OVER (waits[i] == 0)

/* ---- the life of a table outside the tree (table.c) ---- */

#ifdef TSO
#define STORES_TO(j, k, t) \
	((k) < nbuf[j] && buf[(j) * DEPTH + (k)] >= 16 && (buf[(j) * DEPTH + (k)] - 16) / 8 == (t))
/* S2: no store to table t is on its way */
#define no_store_waits(j, t)                                              \
	assert(!STORES_TO(j, 0, t) && !STORES_TO(j, 1, t) &&              \
	       !STORES_TO(j, 2, t) && !STORES_TO(j, 3, t))
#else
#define no_store_waits(j, t) skip
#endif

inline table_free(t)
{
	assert(life[t] == UNLINKED); /* S3: once, and not while linked */
	assert(w[(t) * 2] == 0 && w[(t) * 2 + 1] == 0);	    /* S2: zero... */
	assert(DEV((t) * 2) == 0 && DEV((t) * 2 + 1) == 0); /* ...for the device as well */
	device_forgot(t);
	n1 = 0;
	do
	:: n1 <= NT -> /* S3: nothing linked refers to it */
		assert((n1 != 0 && life[n1] != LINKED) ||
		       ((PA(w[n1 * 2]) != t || (w[n1 * 2] & IS_LEAF)) &&
			(PA(w[n1 * 2 + 1]) != t || (w[n1 * 2 + 1] & IS_LEAF))));
		n1++
	:: else -> break
	od;
	n1 = 0;
	do
	:: n1 < NTHR ->
		stale[n1] = stale[n1] | (held[n1] & BIT(t));
		no_store_waits(n1, t);
		n1++
	:: else -> break
	od;
	n1 = 0;
	life[t] = FREE
}

/* Frees the tables of a list, a mask that is 0 afterwards. */
inline tables_free(list)
{
	n2 = 1;
	do
	:: n2 <= NT ->
		if
		:: list & BIT(n2) -> table_free(n2)
		:: else
		fi;
		n2++
	:: else -> break
	od;
	n2 = 0;
	list = 0
}
