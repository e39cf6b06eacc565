# shellcheck shell=bash disable=SC2154 # lib.sh and the caller set what is not set here
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (c) 2026 The Ebb authors
#
# Sourced after lib.sh: boots a kernel in QEMU with the test program as its only process.

initrd=$PWD/$out/initrd.gz

# Makes the initramfs.
guest() {
	local directory
	directory=$(mktemp -d)
	"${CC:-gcc}" -static -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Werror \
		-isystem "$cache/headers/include" -pthread linux/guest/*.c -o "$directory/init"
	mkdir "$directory/dev"
	(cd "$directory" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$initrd.$$"
	mv "$initrd.$$" "$initrd"
	rm -rf "$directory"
}

# What no run may leave in the kernel's log.
bad_lines='WARNING:|BUG:|Oops|Call Trace|general protection|rcu.*stall|stuck for|hung_task|blocked for more|INFO: task'
bad_lines+='|KASAN|KCSAN|UBSAN|possible .*(deadlock|recursion)|inconsistent lock|suspicious RCU|Kernel panic'
bad_lines+='|DMAR: .*(fault|DRHD: handling|timeout|ERROR)|AMD-Vi: Event|Event logged|leak|Bad page|corrupt'
bad_lines+='|invalidat.*(fail|timed? ?out)|Completion-Wait loop timed out'
# Reports of KCSAN are sorted first.
races='BUG: KCSAN: data-race in '
# What a small machine without clock chips says anyway.
harmless='debug: unmapping init|clocksource|TSC |mitigat|Speculat|no_hash|possible CPUs|lockdep|RCU (debug|lockdep)'

# Options of QEMU's VT-d; a line of the matrix adds to or replaces them.
vtd='intel-iommu,intremap=on,aw-bits=48'

# The timer's check at boot goes by the clock, which a busy host makes wrong; VFIO asks for remapped
# interrupts, which QEMU's AMD IOMMU does not give Linux.
always='console=ttyS0 panic=-1 net.ifnames=0 no_timer_check'
always+=' vfio_iommu_type1.allow_unsafe_interrupts=1 iommufd.allow_unsafe_interrupts=1'

# boot NAME KERNEL: with
#   iommu    the options of the IOMMU's device        (default $vtd)
#   cpus     how many                                 (default 2)
#   memory   of the guest                             (default 6G)
#   append   to the kernel's command line
#   qemu     further arguments of QEMU (array)
#   icount   count instructions: each takes a nanosecond, and so a tick
#   limit    seconds, times EBB_LINUX_PATIENCE where the host is busy (default 300)
#   commands of the test program (array)
# Leaves $out/NAME.console and $out/NAME.jsonl, and fails unless all went well.
boot() {
	local kernel=$2 status base=$out/$1 disk again
	[ -z "${icount:-}" ] || qemu+=(-icount shift=0)
	disk=$(mktemp -p "$out")
	truncate -s 1G "$disk"
	for again in 1 2 3; do
		rm -f "$base.console" "$base.jsonl"
		cut -d ' ' -f 1 /proc/loadavg >"$base.load"
		status=0
		emulate || status=$?
		emulator_fault "$base" || break
		echo "$1, boot $again" >>"$out/repeated.txt"
	done
	rm -f "$disk"
	judge "$base" "$status" "${kernel%/arch/*}"
}

# QEMU before 8.1 may execute code that has just been replaced (fixed by its commits cb62bd15 and
# deba7870). When that is the breakpoint by which the kernel changes its own code, as for a static
# branch, the kernel does not know it any more. So boots end now and then, before our program has
# begun. Such a boot is made again, and counted.
emulator_fault() {
	grep -q 'Oops: int3' "$1.console" && ! grep -q '"test":' "$1.jsonl"
}

# With boot()'s variables.
emulate() {
	nice -n 19 timeout --foreground -k 5 "$((${limit:-300} * ${EBB_LINUX_PATIENCE:-1}))" qemu-system-x86_64 \
		-machine q35,kernel-irqchip=split -accel "${accel:-tcg,thread=multi}" -cpu max \
		-m "${memory:-6G}" -smp "${cpus:-2}" -nodefaults -display none -monitor none -no-reboot \
		-kernel "$kernel" -initrd "$initrd" \
		-serial "file:$base.console" -serial "file:$base.jsonl" \
		-device "${iommu:-$vtd}" \
		-device edu,addr=03.0,dma_mask=0xffffffffffffffff \
		-drive "file=$disk,format=raw,if=none,id=disk,cache=unsafe" \
		-device nvme,drive=disk,serial=ebb,addr=04.0 \
		-netdev user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:7-cmd:cat \
		-device e1000e,netdev=net,addr=05.0 "${qemu[@]}" \
		-append "$always ${append:-} -- ${commands[*]}" \
		>"$base.qemu" 2>&1
}

# races_in BUILD BASE ours|others: the functions of the races that KCSAN reported, of those with an
# access in a function of drivers/iommu, which is all that the series changes, or of the others.
races_in() {
	grep -q "$races" "$2.console" || return 0
	awk -v want="$3" -v races="$races" '
		NR == FNR { ours[$1]; next }
		sub(".*" races, "") {
			sub("\r", "")
			n = split($0, accesses, " / ")
			is = "others"
			for (i = 1; i <= n; i++)
				if (accesses[i] in ours)
					is = "ours"
			if (is == want)
				print
		}' <(find "$1/drivers/iommu" -name '*.o' -exec nm -A --defined-only {} + |
		awk '$(NF - 1) ~ /[tT]/ { print $NF }' | sort -u) "$2.console"
}

judge() {
	local base=$1 status=$2 build=$3 bad=0
	cat "$base.qemu"
	if [ "$status" -ne 0 ]; then
		echo "QEMU ended with status $status (124: out of time)"
		bad=1
	fi
	if ! grep -q '"test": "end"' "$base.jsonl" 2>/dev/null; then
		echo "the test program did not come to its end"
		bad=1
	fi
	if grep '"ok": false' "$base.jsonl"; then
		bad=1
	fi
	if grep -E "$bad_lines" "$base.console" | grep -vE "$harmless|$races" ||
		races_in "$build" "$base" ours | grep .; then
		echo "(in $base.console)"
		bad=1
	fi
	races_in "$build" "$base" others | sort | uniq -c | sed 's/^ */# not in drivers\/iommu, races: /'
	cat "$base.jsonl" 2>/dev/null || true
	[ $bad -eq 0 ]
}
