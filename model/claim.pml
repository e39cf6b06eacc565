/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * How the owner of a whole span takes its tables (claim(), claim_table() and claim_below() in
 * unmap.c).
 */

#ifdef NONSNOOP
#define WRITE_BACK(x) }; atomic { write_back(x);
#else
#define WRITE_BACK(x)
#endif

/* claim_table(): step 5 for an entry of a table that was taken. */
inline clear_leaf(x)
{
#ifndef CLAIM_KEEPS /* broken */
	if
	:: w[x] & IS_LEAF ->
		st(V_STORE(x, 0));
#ifndef CLAIM_NO_WRITE_BACK /* broken */
		write_back(x);
#endif
		skip
	:: else
	fi;
#endif
	skip
}

/* Takes the table from entry x of table t, whatever the entry's state is. e: what it was. */
inline claim(t, x)
{
	deref(t);
	drain(i);
#ifdef CLAIM_STORE /* broken: does not exchange */
	w[x] = 0;
#else
	e = w[x];
	w[x] = 0;
#endif
	if
	:: e != 0 ->
		life[PA(e)] = UNLINKED;
		clear_leaf(PA(e) * 2);
		clear_leaf(PA(e) * 2 + 1);
		list = list | BIT(PA(e))
	:: else /* a reclaimer was faster, and frees it */
	fi
}

/* Table q was dead: it may be the upper one of a pair. */
inline claim_below()
{
#ifndef PAIR_OWNER_LEAVES_C /* broken */
	atomic { claim(q, q * 2); WRITE_BACK(q * 2) e = 0 };
	atomic { claim(q, q * 2 + 1); WRITE_BACK(q * 2 + 1) e = 0 };
#endif
	q = 0
}
