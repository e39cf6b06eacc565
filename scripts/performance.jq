# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# The tables of docs/performance.md, out of the rows of `ebb bench --json` (slurped): an object of
# texts. $peer: the name of the peer, "" if there is none.

def cell: "\(.pattern)\(if .pattern == "sizes" then " " + .size else "" end)";
def number: if . == null then "–" elif . < 10 then "\(. * 10 | round / 10)" else "\(round)" end;
def two: . * 100 | round / 100 | tostring | if test("\\.") then . else . + ".0" end
	| if test("\\.\\d$") then . + "0" else . end;
def bytes: if . < 1048576 then "\(. / 1024) KiB" else "\(. / 104857.6 | round / 10) MiB" end;

# ---- goals: what the ratio of deferred's time by another's must not exceed, null for no goal

def hot: IN("pingpong", "pingpong2", "ring256", "shared", "edge");
def sparse: IN("sweep", "random");
def limit($base):
	if $base == "none" then
		if .pattern | hot then 1.05 elif .pattern | sparse then 0.25 else null end
	elif $base == "rwlock" then
		if .threads == 1 then 0.8 else 0.4 end
	else
		if .pattern | sparse then 0.3
		elif .pattern == "pingpong" or (.pattern == "sizes" and .size == "4K") then 0.33
		elif .pattern == "sizes" then 0.9
		else null end
	end;

def verdict($value; $limit):
	if $limit == null then "" elif $value <= $limit then ", goal \($limit): met"
	else ", goal \($limit): **missed**" end;

def ratio($base): .ratios[$base] as $r | if $r == null or $r.median == null then "–" else
	"\($r.median | two) (\($r.min | two)–\($r.max | two))\(verdict($r.median; limit($base)))" end;

def bases: ["none", "rwlock"] + (if $peer == "" then [] else [$peer] end);
def deferred: map(select(.policy == "deferred"));
def row: "| " + join(" | ") + " |";
def head: row, ("|" + (map(" --- |") | add));

def ratio_table:
	(["pattern", "threads"] + (bases | map("÷ " + .)) | head),
	(deferred[] | . as $r | [cell, "\(.threads)"] + (bases | map(. as $b | $r | ratio($b))) | row);

# ---- times, instructions, memory

def by_cell: group_by([.pattern, .size, .threads]);
def order: . as $all | deferred
	| map(. as $d | $all
		| map(select(.pattern == $d.pattern and .size == $d.size and .threads == $d.threads)));
def policies: ["none", "rwlock", "deferred"] + (if $peer == "" then [] else [$peer] end);
def of($policy): map(select(.policy == $policy))[0];

def times_table:
	(["pattern", "threads"] + (policies | map(. + ", ns")) +
		(policies | map(. + ", instructions")) | head),
	(order[] | . as $rows | [.[0] | cell, "\(.threads)"] +
		(policies | map(. as $p | $rows | of($p) |
			"\(.ns_per_pair_min | number) / \(.ns_per_pair_median | number)")) +
		(policies | map(. as $p | $rows | of($p) | .instructions_per_pair | number)) | row);

def memory_table:
	(["pattern", "threads"] + (policies | map(. + ", peak / final")) | head),
	(order[] | . as $rows | [.[0] | cell, "\(.threads)"] + (policies | map(. as $p | $rows | of($p)
		| "\(.peak_table_bytes | bytes) / \(.final_table_bytes | bytes)")) | row);

# Callers × batch + reclaimers × 2 × batch, and the tables that are in use: six for each thread at most.
def bound: 4096 * .threads * (64 + 2 * 64 + 6);

def summary:
	[deferred[] as $r | bases[] as $b | $r | { limit: limit($b), value: .ratios[$b].median }
		| select(.limit != null and .value != null)] as $goals
	| "\($goals | map(select(.value <= .limit)) | length) of \($goals | length) goals about time are met."
	+ " With `deferred` the root is all that is left in the end in"
	+ " \(deferred | map(select(.final_table_bytes == 4096)) | length) of \(deferred | length) cells,"
	+ " and the peak is within the bound in"
	+ " \(deferred | map(select(.peak_table_bytes <= bound)) | length)."
	+ " \(map(.slices_disturbed) | add) of \(map(.slices) | add) slices were disturbed and do not count.";

# Where deferred takes longer than another.
def losses:
	[deferred[] as $r | bases[] as $b | $r | select(.ratios[$b].median > 1)
		| "* \(cell), \(.threads) thread\(if .threads == 1 then "" else "s" end): "
		+ "\(.ratios[$b].median | two) times as long as \($b)"] | .[];

{
	summary: summary,
	ratios: [ratio_table] | join("\n"),
	times: [times_table] | join("\n"),
	memory: [memory_table] | join("\n"),
	losses: [losses] | join("\n")
}
