#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
#
# Counts the cache lines that move between callers (build/scaling.tsv), draws them
# (docs/images/scaling.svg), and writes the tables of docs/scaling.md anew, each between its two
# markers. All but times is the same wherever the compiler is the same.
# Usage: scaling.sh [--times]     --times: also measures grace periods here
set -euo pipefail
cd "$(dirname "$0")/.."

page=docs/scaling.md
counts=build/scaling.tsv
apart=build/scaling-descs-apart.tsv
batch=64 owners=15 slots=128 spares=128 pool=256 # core/internal.h, include/ebb.h

# put NAME: replaces what is between the markers of that name by the standard input.
put() {
	local new=build/scaling.md
	grep -qxF "<!-- $1 -->" "$page" && grep -qxF "<!-- /$1 -->" "$page"
	awk -v begin="<!-- $1 -->" -v end="<!-- /$1 -->" '
		NR == FNR { text = text $0 "\n"; next }
		$0 == end { inside = 0 }
		!inside { print }
		$0 == begin { printf "%s", text; inside = 1 }' - "$page" >"$new"
	cp "$new" "$page"
}

# One row for each pattern and policy, one column for each number of callers.
transfers_table() {
	awk -F '\t' '
		NR == 1 { next }
		!($3 in seen) { seen[$3]; heads = heads " " $3 " |"; line = line " ---: |" }
		{ row = $1 " | " $2 }
		!(row in rows) { order[++n] = row }
		{ rows[row] = rows[row] sprintf(" %.2f |", $4) }
		END {
			print "| pattern | policy |" heads
			print "| --- | --- |" line
			for (i = 1; i <= n; i++)
				print "| " order[i] " |" rows[order[i]]
		}' "$counts"
}

# Which lines they are, for the largest number of callers.
kinds_table() {
	awk -F '\t' '
		NR == 1 {
			head = "| pattern | policy |"; line = "| --- | --- |"
			for (i = 4; i <= NF; i++)
				if ($i != "config") {
					columns[++n] = i; head = head " " $i " |"; line = line " ---: |"
				}
			print head; print line
		}
		$3 == 128 {
			printf "| %s | %s |", $1, $2
			for (i = 1; i <= n; i++)
				printf $columns[i] == 0 ? " 0 |" : " %.2f |", $columns[i]
			print ""
		}' "$counts"
}

# What a cache line to each descriptor would change.
descs_table() {
	awk -F '\t' '
		$3 !~ /^(2|8|32|128)$/ || $1 !~ /sweep|random/ { next }
		{ row = $1 " | " $2 }
		NR == FNR { packed[row, $3] = $4; next }
		!(row in rows) { order[++n] = row }
		{ rows[row] = rows[row] sprintf(" %.2f → %.2f |", packed[row, $3], $4) }
		END {
			print "| pattern | policy | 2 | 8 | 32 | 128 |"
			print "| --- | --- | ---: | ---: | ---: | ---: |"
			for (i = 1; i <= n; i++)
				print "| " order[i] " |" rows[order[i]]
		}' "$counts" "$apart"
}

memory_table() {
	awk -v batch=$batch -v owners=$owners -v slots=$slots -v spares=$spares -v pool=$pool '
		function mib(tables) { return sprintf("%.2f MiB", tables / 256) }
		BEGIN {
			print "| callers N | empty tables, at most | bytes | more than 15 reclaiming at once |" \
				" spare tables, at most | bytes |"
			print "| ---: | ---: | ---: | ---: | ---: | ---: |"
			for (n = 1; n <= 1024; n *= n < 128 ? 2 : 8) {
				empty = 3 * n * batch
				late = (n * (slots + batch) + (n < owners ? n : owners) * batch)
				kept = n * spares + pool
				print "| " n " | " empty " | " mib(empty) " | " \
					(n > owners ? mib(late) : "-") " | " kept " | " mib(kept) " |"
			}
		}'
}

waiting_table() {
	awk -v batch=$batch -v owners=$owners '
		function row(name, g) {
			printf "| %s | %.3g µs | %.3g | %.3g | %.0f | %.2f MiB |\n", name,
				g / batch * 1e6, batch / g, owners * batch / g, 1e5 * g, 1e5 * g / 256
		}
		NR > 1 {
			row("liburcu here, mean, " $2 " thread" ($2 > 1 ? "s" : "") " " $1, $5 / 1e9)
		}
		BEGIN {
			print "| grace period G | G ÷ batch | tables/s, a caller | tables/s, a domain |" \
				" waiting at 100,000/s | bytes |"
			print "| --- | ---: | ---: | ---: | ---: | ---: |"
		}
		END {
			row("10 ms", 0.01); row("20 ms", 0.02); row("50 ms", 0.05)
		}' build/grace.tsv
}

# One line for each trace, and one for the sweep. A sweep needs a table of each level at its peak.
fleet_table() {
	local trace
	echo "| workload of each host | empty under \`none\` | a thousand hosts |" \
		"\`deferred\`, peak above need | a thousand hosts | after \`ebb_reclaim()\` |"
	echo "| --- | ---: | ---: | ---: | ---: | ---: |"
	{
		for trace in traces/*.trace.xz; do
			build/ebb replay --json "$trace"
		done
		build/ebb stress --json
	} | jq -rs --argjson table 4096 '
		def kib: . / 1024 | round | "\(.) KiB";
		def gib: . * 1000 / 1073741824 * 1000 | round / 1000 | "\(.) GiB";
		def left: .final_table_bytes - (.needed_table_bytes // $table);
		def peak: .peak_table_bytes - (.needed_peak_table_bytes // 4 * $table);
		def name: if .trace then .trace | sub(".*/"; "") | sub(".trace.xz"; "")
			else "sweep of 1 TiB" end;
		group_by(name) | .[] | map({ (.policy): . }) | add |
		"| \(.none | name) | \(.none | left | kib) | \(.none | left | gib) | \(
			.deferred | peak | kib) | \(.deferred | peak | gib) | \(.deferred | left | kib) |"'
}

plot() {
	gnuplot >docs/images/scaling.svg <<-EOF
		set terminal svg size 1000,640 dynamic rounded font 'sans-serif,15' background '#ffffff'
		set border 3 lc rgb '#606060'
		set tics nomirror out
		set grid ytics lc rgb '#e4e4e4' lt 1
		set logscale x 2
		set xrange [1:128]
		set xtics (1, 2, 4, 8, 16, 32, 64, 128)
		set yrange [0:*<30]
		set xlabel 'callers'
		set datafile separator '\t'
		unset key
		set multiplot layout 2,3 title 'cache lines that move between callers, per map + unmap + sync'
		do for [pattern in 'apart shared ring256 sweep random'] {
			set title pattern
			set yrange [0:(pattern eq 'sweep' || pattern eq 'random') ? 25 : 16]
			plot for [i=1:3] '$counts' using 3:(strcol(1) eq pattern && \
				strcol(2) eq word('none rwlock deferred', i) ? \$4 : NaN) \
				with linespoints pt 7 ps 0.4 lw 2.5 lc rgb word('#d55e00 #0072b2 #000000', i) dt i
		}
		unset border; unset tics; unset grid; unset xlabel; unset title
		set key center center samplen 4
		plot for [i=1:3] NaN with lines lw 2.5 lc rgb word('#d55e00 #0072b2 #000000', i) \
			dt i title word('none rwlock deferred', i)
		unset multiplot
	EOF
}

build/bench/scaling/scaling >"$counts"
build/bench/scaling/scaling --descs-apart >"$apart"
transfers_table | put transfers
kinds_table | put kinds
descs_table | put descs
memory_table | put memory
fleet_table | put fleet
if [ "${1-}" = --times ]; then
	# As root with a real-time priority, so that both threads run while a grace period lasts.
	first=()
	[ "$(id -u)" -ne 0 ] || first=(chrt -f 1)
	"${first[@]}" build/bench/scaling/grace-time >build/grace.tsv
	waiting_table | put waiting
fi
plot
echo "Counted: $counts; drawn: docs/images/scaling.svg; tables: $page"
