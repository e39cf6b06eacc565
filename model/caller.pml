/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * map (map.c), unmap (unmap.c) and sync (gather.c) of one slot, again and again: steps 1 to 6.
 *
 * One atomic sequence is one access to what others may access, with what a thread does on its own
 * before or after it. A jump to a label in front of an atomic sequence ends the one that it comes
 * from; a jump to a label inside one does not.
 */
#ifdef NO_SECTION /* broken: map without a section */
#define map_enter() skip
#define map_leave() drop()
#else
#define map_enter() enter()
#define map_leave() leave()
#endif

#ifdef NO_THAW /* broken: map goes on below a FROZEN or DEAD entry */
#define MUST_THAW(e) false
#define GO_ON(e)     (IS_PLAIN(e) || OWNER(e) != 0)
#else
#define MUST_THAW(e) (OWNER(e) != 0)
#define GO_ON(e)     IS_PLAIN(e)
#endif

/* run_hint() and hint_misses() in map.c */
#ifdef HINT
#define NEW_HINT(x)	 (SPARSE | (LINE_OF(x) != 0) * LINE1)
#define HINT_MISSES(e, x) (((e) & SPARSE) && HINT_LINE(e) != LINE_OF(x))
#else
#define NEW_HINT(x)	 0
#define HINT_MISSES(e, x) false
#endif

/* thaw() in map.c: what it makes of e; from DEAD the hint and `known` are gone. */
#ifdef REVIVE_KNOWN /* broken: a revived entry counts as written back */
#define THAWED(e) (TABLE(PA(e)) | KNOWN | (e) & ACCESSED | IS_TABLE(e) * ((e) & HINT_BITS))
#else
#define THAWED(e) (TABLE(PA(e)) | (e) & ACCESSED | IS_TABLE(e) * ((e) & (KNOWN | HINT_BITS)))
#endif

inline lowest(mask, t)
{
	t = 1;
	do
	:: mask & BIT(t) -> break
	:: else -> t++
	od
}

inline count(mask, n)
{
	n = ((mask) & 1) + (((mask) >> 1) & 1) + (((mask) >> 2) & 1) + (((mask) >> 3) & 1) +
	    (((mask) >> 4) & 1)
}

/* ebb_spares_fill(): any free table; those never used are all alike. */
inline spare_take(t)
{
	if
	:: life[1] == FREE -> t = 1
#if NT > 1
	:: life[2] == FREE && used >= 1 -> t = 2
#endif
#if NT > 2
	:: life[3] == FREE && used >= 2 -> t = 3
#endif
#if NT > 3
	:: life[4] == FREE && used >= 3 -> t = 4
#endif
#if NT > 4
	:: life[5] == FREE && used >= 4 -> t = 5
#endif
	fi;
	if
	:: t > used -> used = t
	:: else
	fi;
	life[t] = SPARE
}

inline spares_give()
{
	d_step {
		n1 = 1;
		do
		:: n1 <= NT ->
			if
			:: sp & BIT(n1) -> life[n1] = FREE
			:: else
			fi;
			n1++
		:: else -> break
		od;
		n1 = 0;
		sp = 0
	}
}

/*
 * list_touched(): lists the table that was touched. If it is the recent one, that is done only if
 * candidates were taken, and it is not in its slot.
 */
#ifdef RECENT
#ifdef TAKEN_EARLY /* broken: looks for `taken` before the fence */
#define SOME_TAKEN ok
#else
#define SOME_TAKEN taken[i]
#endif
inline list_touched(c)
{
	if
	:: atomic { !(SOME_TAKEN) ->
		if
		:: !recent -> slot_add(c); recent = 1
		:: recent -> skip
#ifdef FORGET /* ebb_recent_forget() */
		:: recent -> slot_add(c)
#endif
		fi }
	:: SOME_TAKEN ->
#ifdef CLEAR_LATE /* broken: looks, and then clears */
		atomic { slot_add(c) };
		atomic { drain(i); taken[i] = 0; recent = 1; ok = 0 }
#else
		atomic { drain(i); taken[i] = 0; ok = 0 };
#ifdef NO_LOOK /* broken: clears and does not look */
		atomic {
			if
			:: !recent -> slot_add(c); recent = 1
			:: else
			fi
		}
#else
		atomic { slot_add(c); recent = 1 }
#endif
#endif
	fi
}
#endif

#define restart() d_step { p = 0; q = 0; up = 0; e = 0; l = TOP }

/* hint_clear() in map.c: a loop of CASes that clears these bits only. */
inline hint_clear(t, x)
{
	deref(t);
	drain(i);
	w[x] = w[x] & ~HINT_BITS
}

/* ebb_slot_add(): only the owner of the gather stores, and only where there is nothing. */
inline slot_add(c)
{
	if
	:: slots[i] & (1 << (c)) -> skip
	:: else -> st(V_SLOT(c))
	fi
}

/* The hint for the table at level x that a run is going to write; `both`: in both slots. */
#define HINT_FOR(s, x, both) (!((both) && (x) == 0 && LINE_OF(1) != 0) * NEW_HINT(IDX(s, x)))

/* chain_build() in map.c: n1 is the topmost of the l tables. Nobody else knows them. */
inline chain_build(s, val, both)
{
	lowest(sp, n1);
	life[n1] = LINKED;
	put_private(AT(n1, 0, s), LEAF(val));
	if
	:: both -> put_private(AT(n1, 0, 1 - (s)), LEAF(val))
	:: else
	fi;
	if
	:: l == 2 ->
		n2 = n1;
		lowest(sp & ~BIT(n2), n1);
		life[n1] = LINKED;
		put_private(AT(n1, 1, s), TABLE(n2) | WRITTEN_BACK | HINT_FOR(s, 0, both));
		n2 = 0
	:: else
	fi
}

/* They are linked: no spares any more. */
inline chain_gone(s)
{
	sp = sp & ~BIT(n1);
	if
	:: l == 2 -> n2 = PA(w[AT(n1, 1, s)]); sp = sp & ~BIT(n2); n2 = 0
	:: else
	fi;
	n1 = 0
}

/* chain_undo() */
inline chain_undo(s)
{
	life[n1] = SPARE;
	if
	:: l == 2 ->
		n2 = PA(w[AT(n1, 1, s)]);
		put_private(AT(n1, 1, s), 0);
		n1 = n2;
		life[n1] = SPARE;
		n2 = 0
	:: else
	fi;
#ifndef UNDO_KEEPS /* broken: a spare table is not zero */
	put_private(AT(n1, 0, 0), 0);
	put_private(AT(n1, 0, 1), 0);
#endif
	n1 = 0
}

/* ebb_settle_known() for entry x of table p, which was seen as e */
inline settle_known(x)
{
	atomic { deref(p); write_back(x) };
	atomic {
		deref(p);
		if
		:: PA(w[x]) == PA(e) && IS_TABLE(w[x]) -> w[x] = w[x] | KNOWN
		:: else
		fi
	}
}

/* run_store() for slot s; `both`: a run of both slots. Ends with the section left. */
inline run_store(s, val, both)
{
	skip; /* no label may come first in an inline */
map_walk:
	atomic {
		map_enter();
		load(p, AT(p, l, s));
map_entry: /* settle_entry() */
		count(sp, n1);
		if
		:: MUST_THAW(e) -> n1 = 0; goto map_thaw
		:: !MUST_THAW(e) && GO_ON(e) -> n1 = 0
		:: e == 0 && n1 < l -> /* RUN_SPARES */
			n1 = 0;
#ifdef NO_REWALK /* broken: goes on with the table that it held before it allocated */
			inside = 0; st(V_LEAVE);
#else
			map_leave();
			restart();
#endif
			goto map_alloc
		:: e == 0 && n1 >= l ->
			n1 = 0;
			if
			:: up & SPARSE -> goto map_hint_up
			:: else -> goto map_install
			fi
		:: IS_TABLE(e) && OWNER(e) == 0 && !GO_ON(e) -> n1 = 0; goto map_known
		fi;
map_down:	skip; /* no jump may end at a d_step */
		d_step { q = p; up = e; p = PA(e); l--; e = 0 };
		if
		:: l > 0 -> goto map_walk
		:: l == 0 && (HINT_MISSES(up, IDX(s, 0)) || ((up & SPARSE) && both && LINE_OF(1) != 0)) ->
			goto map_hint
		:: else -> goto map_leaf
		fi
	};

map_alloc: /* outside sections */
	atomic {
		if
		:: spare_take(n1); sp = sp | BIT(n1); n1 = 0
#ifdef NO_MEMORY
		:: goto map_failed
#endif
		fi;
		goto map_walk
	};

map_install: /* step 1 */
	atomic {
		d_step { chain_build(s, val, both) };
		cas(p, AT(p, l, s), 0, TABLE(n1) | HINT_FOR(s, l - 1, both));
		if
		:: ok -> d_step { chain_gone(s) }; ok = 0; goto map_stored
		:: else -> d_step { chain_undo(s) }; goto map_entry
		fi
	};

map_stored: /* the entry is written back as in map_known, then all is done */
#ifdef NONSNOOP
	settle_known(AT(p, l, s));
#endif
	atomic { goto map_done };

map_thaw: /* step 2 */
	atomic {
		cas(p, AT(p, l, s), e, THAWED(e));
		ok = 0;
		goto map_entry
	};

map_known:
#ifdef NO_SETTLE /* broken: leaves it to who stored the entry */
	atomic { goto map_down };
#endif
	settle_known(AT(p, l, s));
	atomic { goto map_down };

map_hint_up: /* an empty entry in a sparse table, before the install */
	atomic {
		deref(q);
		n1 = HINT_MISSES(w[AT(q, l + 1, s)], IDX(s, l));
		if
		:: n1 == 0 -> goto map_install
		:: n1 == 1 -> n1 = 0
		fi
	};
#ifndef HINT_KEPT /* broken: the hint stays */
	atomic { hint_clear(q, AT(q, l + 1, s)) };
#endif
	goto map_install;

map_hint: /* the leaf misses the hint of its table */
#if defined(HINT_LATE) || defined(HINT_OUTSIDE)
	atomic { ok = 1 };
#elif !defined(HINT_KEPT)
	atomic { hint_clear(q, AT(q, 1, s)) };
#endif
	skip;

map_leaf: /* step 3 */
	if
	:: atomic { both -> deref(p); st(V_STORE(AT(p, 0, 1 - (s)), val)) }
	:: !both -> skip
	fi;
	atomic {
		d_step {
			deref(p);
			own_view(AT(p, 0, s), e);
			assert(e == 0);
			e = 0
		};
		st(V_STORE(AT(p, 0, s), val));
#ifdef HINT_LATE /* the hint goes after the store, in the same section */
	};
	if
	:: atomic { ok -> hint_clear(q, AT(q, 1, s)); ok = 0 }
	:: !ok -> skip
	fi;
	atomic {
#endif
#if defined(NONSNOOP) && !defined(NO_WB_LEAF)
	};
	atomic {
		deref(p);
		write_back(AT(p, 0, s));
		if
		:: both -> write_back(AT(p, 0, 1 - (s)))
		:: else
		fi;
#endif
#ifdef HINT_OUTSIDE /* broken: the hint goes after the section */
		inside = 0;
		st(V_LEAVE);
	};
	if
	:: atomic { ok -> hint_clear(q, AT(q, 1, s)); ok = 0 }
	:: !ok -> skip
	fi;
	atomic {
		drop();
		restart();
		spares_give();
		goto map_over
#else
		goto map_done
#endif
	};
map_done:
	atomic {
		map_leave();
		restart();
		spares_give()
	};
map_over: skip
}

#define VAL (1 + (k & 1))

proctype caller(byte i)
{
	short e, up;
	byte p, q, l = TOP, k, sp;
	bit inside, ok;
#ifdef OWNER_OF_LEAF
	byte list;
#endif
#ifdef RECENT
	bit recent; /* the table has been listed, and is not touched */
#endif

next:
	if
	:: k == K -> goto done
	:: atomic { k < K && phase >= k * OWNER_PHASES -> want[i] = BUSY }
	fi;
	run_store(i, VAL, 0);
#ifdef CACHING_MODE
#if defined(NOTIFY_LEAF) /* broken */
	atomic { FENCE -> leaf_invalidate(i) };
#elif !defined(NOTIFY_NOT) /* broken */
	d_step { FENCE -> wide_invalidate(TOP - 1, i) }; /* map_notify() */
#endif
#endif
	if
	:: atomic { FENCE -> want[i] = VAL } /* the map is complete */
#ifdef TSO
	:: true /* its caller unmaps at once */
#endif
	fi;

unmap: /* step 4 */
	atomic {
		want[i] = BUSY;
		enter();
		load(p, AT(p, l, i));
		assert(IS_TABLE(e)); /* S1 */
#ifdef NONSNOOP
		if
		:: !(e & KNOWN) -> goto unmap_known
		:: else
		fi;
#endif
unmap_down:	skip;
		d_step { p = PA(e); l--; e = 0 };
		if
		:: l > 0 -> goto unmap
		:: else -> goto unmap_leaf
		fi
	};
#ifdef NONSNOOP
unmap_known:
	atomic { deref(p); write_back(AT(p, l, i)) };
	atomic {
		deref(p);
		if
		:: PA(w[AT(p, l, i)]) == PA(e) && IS_TABLE(w[AT(p, l, i)]) ->
			w[AT(p, l, i)] = w[AT(p, l, i)] | KNOWN
		:: else
		fi;
		goto unmap_down
	};
#endif
unmap_leaf: /* step 5 */
	atomic {
		d_step {
			deref(p);
			own_view(AT(p, 0, i), e);
			assert(e == LEAF(VAL)); /* S1 */
			e = 0
		};
		st(V_STORE(AT(p, 0, i), 0));
#ifdef LISTED_EARLY /* broken: sees that it is listed before the fence */
	};
	atomic {
		ok = (slots[i] & (1 << CAND(0, i))) != 0;
#elif defined(TAKEN_EARLY)
	};
	atomic {
		ok = taken[i];
#endif
#if defined(NONSNOOP) && !defined(NO_WB_CLEAR)
	};
	atomic {
		deref(p);
		write_back(AT(p, 0, i));
#endif
		leave();
		restart()
	};

	/* step 6 */
	atomic {
		FENCE;
#ifndef NO_LEAF_INV /* broken */
		leaf_invalidate(i);
#endif
		want[i] = NOTHING
	};
#ifdef RECENT
	list_touched(CAND(0, i));
#else
	atomic {
#ifdef LISTED_EARLY
		if
		:: !ok -> slot_add(CAND(0, i))
		:: else -> ok = 0
		fi
#else
		slot_add(CAND(0, i))
#endif
	};
#endif
#ifdef ONLOOKER
look: /* ebb_translate() */
	atomic {
		enter();
		load(p, AT(p, l, i));
		if
		:: IS_TABLE(e) -> p = PA(e); l--; e = 0
		:: else -> leave(); restart(); goto listed
		fi;
		if
		:: l > 0 -> goto look
		:: else
		fi
	};
	atomic { deref(p); leave(); restart() };
#endif
#ifdef OWNER_OF_LEAF /* ebb_clear_range() of the span of its leaf table, then ebb_sync() */
	if
	:: true -> goto listed
	:: true
	fi;
span_walk:
	atomic {
		enter();
		load(p, AT(p, l, i));
		if
		:: l > 1 && IS_TABLE(e) -> p = PA(e); l--; e = 0; goto span_walk
		:: l == 1 && e != 0 -> skip
		:: else -> leave(); restart(); goto listed /* 0, or DEAD and more than the span */
		fi
	};
	atomic { claim(p, AT(p, l, i)); WRITE_BACK(AT(p, l, i)) leave(); restart() };
	if
	:: list == 0 -> goto listed
	:: atomic { list != 0 && FENCE -> wide_invalidate(0, i) }
	fi;
	atomic { pend[i] = pend[i] | list; list = 0 };
	atomic { slot_add(CAND(1, i)) };
#endif
listed:
	atomic { k++; phase++; goto next };

#ifdef NO_MEMORY
map_failed: /* undo() and remember_path() in map.c */
	atomic { want[i] = NOTHING; spares_give() };
#ifndef NO_REMEMBER /* broken */
failed_walk: /* ebb_walk_down() */
	atomic {
		enter();
		load(p, AT(p, l, i));
		if
		:: IS_TABLE(e) && l > 1 -> p = PA(e); l--; e = 0; goto failed_walk
		:: IS_TABLE(e) && l == 1 -> l--
		:: else
		fi;
		n1 = l;
		leave();
		restart();
		if
		:: n1 < TOP -> slot_add(CAND(n1, i))
		:: else
		fi;
		n1 = 0
	};
#endif
	goto listed;
#endif

done:
	skip; /* no jump may end at a d_step */
	d_step { drain(i); finished++ }
}
