/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * The owner of the whole span (unmap.c): between two rounds of the callers, when all have unmapped
 * and synced, the span is this thread's. It maps a large leaf over whatever tables are there, or
 * small ones that it then unmaps with their tables.
 */

/* ebb_clear_range() of the whole span, then ebb_gather_flush(). */
inline clear_all()
{
#if LEVELS > 1
	a = 0;
clear_walk: /* clear_step() */
	atomic {
		enter();
		load(p, AT(p, l, a));
		if
		:: l == 1 && (IS_TABLE(e) || OWNER(e) != 0) -> goto clear_claim
		:: l > 1 && IS_TABLE(e) -> p = PA(e); l--; e = 0; goto clear_walk
		:: l > 1 && !IS_TABLE(e) && OWNER(e) != 0 -> goto clear_claim /* DEAD */
		:: e == 0 -> leave(); restart(); goto clear_next
		fi
	};
clear_claim:
	atomic {
		claim(p, AT(p, l, a));
		q = (l > 1 && OWNER(e) != 0) * PA(e); /* dead: claim_below() */
		WRITE_BACK(AT(p, l, a))
		if
		:: q == 0 -> leave(); restart(); goto clear_next
		:: else -> e = 0
		fi
	};
	claim_below();
	atomic { leave(); restart() };
clear_next:
	if
	:: a < SPLIT -> a++; goto clear_walk
	:: else -> a = 0
	fi;
#endif
	/* claim_passed() for the highest table; with one level clear_step() */
	atomic {
		enter();
		load(0, 0);
		p = PA(e);
		if
		:: e == 0 -> leave(); restart(); goto clear_sync
		:: else
		fi
	};
#if LEVELS > 1
	atomic {
		deref(p);
		assert(w[p * 2] == 0);
		p = p /* the other entry is another access */
	};
	atomic {
		deref(p);
		assert(w[p * 2 + 1] == 0)
	};
#endif
	atomic { claim(0, 0); WRITE_BACK(0) leave(); restart() };
clear_sync:
	if
	:: list == 0 -> skip
	:: list != 0 ->
#ifndef OWNER_NO_INV /* broken */
		atomic { FENCE -> wide_invalidate(TOP - 1, 0) };
#endif
#ifdef OWNER_NO_GRACE /* broken */
		d_step { tables_free(list) }
#else
		atomic { pend[i] = pend[i] | list; list = 0 }
#endif
	fi
}

proctype owner(byte i)
{
	short e, up;
	byte p, q, l = TOP, k, sp, list, a;
	bit inside, ok, large;

next:
	if
	:: k == K - 1 -> goto done
	:: atomic { k < K - 1 && phase == k * OWNER_PHASES + NM ->
		want[0] = BUSY; want[1] = BUSY }
	fi;
	if
	:: true -> large = 1
#if SPLIT == 0
	:: true -> goto small
#endif
	fi;

	/* ebb_map() of a large leaf: survey(), then run_store() */
large_map:
	atomic {
		enter();
		load(0, 0);
		if
		:: e != 0 -> leave(); restart(); goto clear /* RUN_DISPLACE */
		:: e == 0 -> skip
		fi;
		STEP
		st(V_STORE(0, 3)); /* step 3 */
		WRITE_BACK(0)
		leave();
		restart()
	};
	if
	:: atomic { FENCE -> want[0] = 3; want[1] = 3 }
#ifdef TSO
	:: true
#endif
	fi;
	/* ebb_unmap() of it, and ebb_sync() */
	atomic {
		want[0] = BUSY;
		want[1] = BUSY;
		enter();
		own_view(0, e);
		assert(e == LEAF(3)); /* S1 */
		e = 0;
		st(V_STORE(0, 0));
		WRITE_BACK(0)
		leave();
		restart()
	};
	atomic {
		FENCE;
		leaf_invalidate(0);
		leaf_invalidate(1);
		want[0] = NOTHING;
		want[1] = NOTHING;
		large = 0
	};
	goto over;

#if SPLIT == 0
small: /* both slots in one run, then an unmap of all with the tables */
	run_store(0, 3, 1);
	if
	:: atomic { FENCE -> want[0] = 3; want[1] = 3 }
#ifdef TSO
	:: true
#endif
	fi;
	atomic { want[0] = BUSY; want[1] = BUSY };
#endif
clear:
	clear_all();
	if
	:: large -> goto large_map
	:: atomic { !large -> want[0] = NOTHING; want[1] = NOTHING }
	fi;
over:
	atomic { k++; phase++; goto next };
done:
	skip; /* no jump may end at a d_step */
	d_step { drain(i); finished++ }
}
