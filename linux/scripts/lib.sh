# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (c) 2026 The Ebb authors
#
# Sourced by the scripts of this directory: source trees of Linux, kernels, what runs leave behind.
# All that is large lives in ~/.cache/ebb/linux and is made anew only when what it is made of has
# changed: STOCK and other trees of the source, headers, build-TREE-CONFIG.

source scripts/lib.sh

patches=${EBB_LINUX_PATCHES:-linux/patches}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ebb/linux
mutant=${EBB_MUTANT-}
out=build/linux
jobs=${EBB_LINUX_JOBS:-$(nproc)}
mkdir -p "$cache" "$out"
export CCACHE_DIR=$cache/ccache CCACHE_BASEDIR=$cache CCACHE_NOHASHDIR=1
# So that the same source gives the same kernel.
export KBUILD_BUILD_TIMESTAMP='1 January 2026' KBUILD_BUILD_USER=ebb KBUILD_BUILD_HOST=ebb

# lock TREE: one at a time where a tree is made, or something of it.
lock() {
	exec {lock_fd}>"$cache/lock-$1"
	flock "$lock_fd"
}

unlock() {
	exec {lock_fd}>&-
}

# locked TREE COMMAND...: the same for a short while, also where another tree is locked.
locked() {
	local tree=$1
	shift
	(
		flock 9
		"$@"
	) 9>"$cache/lock-$tree"
}

series() {
	find "$patches" -maxdepth 1 -name '0*.patch' ! -name '0000-*' 2>/dev/null | sort
}

series_hash() {
	series | xargs -r cat | sha256sum | cut -c 1-16
}

linux_version() {
	local tarball
	tarball=$(scripts/linux-source.sh)
	echo "$(basename "$tarball" .tar.xz | sed 's/.*-//')" \
		"$(cat "${tarball%.tar.xz}.version" 2>/dev/null)"
}

# The source as Debian has it, without what no test needs and is many files.
stock_tree() {
	local tarball
	if [ ! -f "$cache/stock.done" ]; then
		tarball=$(scripts/linux-source.sh)
		rm -rf "$cache/stock"
		mkdir -p "$cache/stock"
		tar -xJf "$tarball" -C "$cache/stock" --strip-components=1 --wildcards \
			--exclude='*/boot/dts/*' --exclude='*/Documentation/devicetree/*' \
			--exclude='*/drivers/gpu/drm/amd/include/*' --exclude='*/tools/perf/*'
		touch "$cache/stock.done"
	fi
	if [ ! -d "$cache/headers" ]; then
		make -s -C "$cache/stock" O="$cache/build-headers" ARCH=x86 \
			INSTALL_HDR_PATH="$cache/headers" headers_install
		rm -rf "$cache/build-headers"
	fi
}

# The files that patches touch.
touched_by() {
	[ $# -eq 0 ] || sed -n 's/^[-+][-+][-+] [ab]\/\([^\t]*\).*/\1/p' "$@" | sort -u
}

# derive_tree NAME FILE...: $cache/NAME becomes the stock tree with the patches. Other files come as
# PATH=FILE, which goes to PATH in the tree, or PATH+=FILE, which is added to the end of it. Only the
# files that become different are written, so that what was built of the tree before stays good.
derive_tree() {
	local name=$1 argument new file patch_files=() added=()
	shift
	for argument in "$@"; do
		case $argument in
		*=*) added+=("$argument") ;;
		*) patch_files+=("$argument") ;;
		esac
	done
	[ -d "$cache/$name" ] || cp -al "$cache/stock" "$cache/$name"
	new=$(mktemp -d -p "$cache")
	touched_by "${patch_files[@]}" | while read -r file; do
		mkdir -p "$new/$(dirname "$file")"
		[ ! -f "$cache/stock/$file" ] || cp -p "$cache/stock/$file" "$new/$file"
	done
	for file in "${patch_files[@]}"; do
		patch -d "$new" -p1 -s -E -F 0 --no-backup-if-mismatch <"$file" || {
			rm -rf "$new"
			echo "$file does not apply" >&2
			return 1
		}
	done
	for argument in "${added[@]}"; do
		file=${argument%%=*}
		mkdir -p "$new/$(dirname "$file")"
		if [[ $file == *+ ]]; then
			file=${file%+}
			[ -f "$new/$file" ] || cp "$cache/stock/$file" "$new/$file"
			cat "${argument#*=}" >>"$new/$file"
		else
			cp "${argument#*=}" "$new/$file"
		fi
	done
	{
		(cd "$new" && find . -type f | sed 's/^\.\///')
		touched_by "${patch_files[@]}"
		cat "$cache/$name.touched" 2>/dev/null || true
	} | sort -u >"$new.all"
	while read -r file; do
		if [ -f "$new/$file" ]; then
			replace "$new/$file" "$cache/$name/$file"
		elif [ -f "$cache/stock/$file" ] && ! touched_by "${patch_files[@]}" | grep -qFx "$file"; then
			replace "$cache/stock/$file" "$cache/$name/$file"
		else
			rm -f "$cache/$name/$file"
		fi
	done <"$new.all"
	mv "$new.all" "$cache/$name.touched"
	rm -rf "$new"
}

# A new file rather than new content: the old one is the stock tree's too.
replace() {
	if ! cmp -s "$1" "$2"; then
		mkdir -p "$(dirname "$2")"
		cp "$1" "$2.new"
		mv "$2.new" "$2"
	fi
}

bench_files() {
	echo drivers/iommu/iommu_pt_bench.c=linux/bench/iommu_pt_bench.c
	echo drivers/iommu/Makefile+=linux/bench/Makefile.add
}

# The trees by name: stock; series, with the series; series-N, with its first N patches; mutant, with
# the series and the patch $mutant; and the first two with the benchmark of linux/bench, the second
# also with its static branch as a constant.
tree() {
	local files=()
	locked stock-source stock_tree
	case $1 in
	stock) return ;;
	series) mapfile -t files < <(series) ;;
	series-*) mapfile -t files < <(series | head -n "${1#series-}") ;;
	mutant) mapfile -t files < <(series; echo "$mutant") ;;
	bench-stock) mapfile -t files < <(bench_files) ;;
	bench-series) mapfile -t files < <(series; bench_files) ;;
	bench-constant) mapfile -t files < <(series; echo linux/bench/constant.patch; bench_files) ;;
	*)
		echo "no tree '$1'" >&2
		return 1
		;;
	esac
	derive_tree "$1" "${files[@]}" || return 1
}

# config_into TREE DIRECTORY FRAGMENT...: a .config from tinyconfig and fragments, which must all come
# true; what the tree does not know is left out.
config_into() {
	local tree=$1 directory=$2 fragment option
	shift 2
	rm -f "$directory/.config"
	make -s -C "$tree" O="$directory" tinyconfig
	(cd "$tree" && scripts/kconfig/merge_config.sh -m -O "$directory" "$directory/.config" "$@") \
		>/dev/null
	make -s -C "$tree" O="$directory" olddefconfig
	for fragment in "$@"; do
		while read -r option; do
			grep -qFx "$option" "$directory/.config" ||
				echo "$(basename "$fragment"): $option did not come true"
		done < <(grep -E '^CONFIG_.*=' "$fragment")
	done
}

# in_place TREE CONFIG COMMAND...: runs the command where the tree stands in the place of the stock
# tree, and its build directory in the place of the stock tree's, so that what was built of the stock
# tree is as good for the other one, but for the files that differ. A build directory begins as a
# copy of the stock tree's.
in_place() {
	local tree=$1 config=$2 own=$cache/build-$1-$2 place=$cache/build-stock-$2 as_user=-r
	shift 2
	mkdir -p "$place"
	if [ "$tree" = stock ]; then
		"$@"
		return
	fi
	if [ ! -d "$own" ]; then
		locked stock cp -a "$place" "$own"
		# Later than all that was built, whenever that was.
		(cd "$cache/$tree" && xargs -r -a "$cache/$tree.touched" touch -c)
		rm -f "$own/stamp"
	fi
	[ "$(id -u)" -ne 0 ] || as_user=
	# shellcheck disable=SC2016 # expanded by that shell
	unshare ${as_user:+"$as_user"} -m bash -c '
		mount --bind "$1" "$2" && mount --bind "$3" "$4" && shift 4 && "$@"' \
		in_place "$cache/$tree" "$cache/stock" "$own" "$place" "$@"
}

make_kernel() {
	local directory=$1
	shift
	config_into "$cache/stock" "$directory" "$@"
	nice -n 19 make -s -C "$directory" -j "$jobs" CC="ccache gcc" bzImage
}

# kernel TREE CONFIG: makes $cache/build-TREE-CONFIG/arch/x86/boot/bzImage, unless it is there.
kernel() {
	local tree=$1 config=$2 fragments stamp
	fragments=("$PWD/linux/config/vm.config")
	[ "$config" = vm ] || fragments+=("$PWD/linux/config/$config.config")
	lock "$tree"
	tree "$tree"
	stamp=$(cat "$cache/stock/Makefile" "${fragments[@]}" <(tree_content "$tree") | sha256sum)
	if [ "$(cat "$cache/build-$tree-$config/stamp" 2>/dev/null)" != "$stamp" ]; then
		export cache jobs
		export -f config_into make_kernel
		in_place "$tree" "$config" bash -euo pipefail -c 'make_kernel "$@"' make_kernel \
			"$cache/build-stock-$config" "${fragments[@]}"
		echo "$stamp" >"$cache/build-$tree-$config/stamp"
	fi
	unlock
}

make_riscv_objects() {
	export ARCH=riscv CROSS_COMPILE=riscv64-linux-gnu-
	config_into "$cache/stock" "$1" "$2"
	nice -n 19 make -s -C "$1" -j "$jobs" CC="ccache ${CROSS_COMPILE}gcc" drivers/iommu/
	ls "$1"/drivers/iommu/riscv/iommu.o "$1"/drivers/iommu/generic_pt/fmt/iommu_riscv64.o
}

# riscv_objects TREE: compiles the code of the IOMMUs for RISC-V.
riscv_objects() {
	lock "$1"
	tree "$1"
	export cache jobs
	export -f config_into make_riscv_objects
	in_place "$1" riscv bash -euo pipefail -c 'make_riscv_objects "$@"' make_riscv_objects \
		"$cache/build-stock-riscv" "$PWD/linux/config/riscv.config"
	unlock
}

# kunit_py TREE CONFIG COMMAND ARGUMENT...: KUnit's own tool, which builds under User-Mode Linux.
kunit_py() {
	local tree=$1 config=$2
	shift 2
	# shellcheck disable=SC2016 # expanded by that shell
	in_place "$tree" "$config" bash -euo pipefail -c 'cd "$1" && shift &&
		nice -n 19 tools/testing/kunit/kunit.py "$@"' kunit_py "$cache/stock" "$@" \
		--build_dir "$cache/build-stock-$config" --make_options "CC=ccache gcc"
}

# build_uml TREE CONFIG KUNITCONFIG BASE: the User-Mode Linux BASE.uml; what was printed is in
# BASE.build.
build_uml() {
	local tree=$1 config=$2 kunitconfig=(--kunitconfig "$3") base=$4
	lock "$tree"
	tree "$tree"
	{
		kunit_py "$tree" "$config" config "${kunitconfig[@]}" &&
			kunit_py "$tree" "$config" build "${kunitconfig[@]}" --jobs "$jobs"
	} >"$base.build" 2>&1 || {
		tail -n 60 "$base.build"
		return 1
	}
	cp "$cache/build-$tree-$config/linux" "$base.uml"
	unlock
}

# kunit_judge TREE BASE END: what came of each case that BASE.console tells of goes to BASE.tsv, lines
# "suite.case<TAB>STATUS". Fails if a case did, if the kernel says that something is wrong, or does
# not say END. BASE is absolute: KUnit's tool changes the directory.
kunit_judge() {
	local tree=$1 base=$2 end=$3
	"$cache/$tree/tools/testing/kunit/kunit.py" parse --json="$base.json" "$base.console" \
		>"$base.parsed" 2>&1 || true
	jq -r 'def cases($path): ($path + .name + ".") as $path
		| (.test_cases[]? | "\($path)\(.name)\t\(.status)"), (.sub_groups[]? | cases($path));
		.sub_groups[] | cases("")' "$base.json" | sort >"$base.tsv"
	awk -F '\t' '{ n[$2]++; all++ }
		END { print n["PASS"] + 0 " passed, " n["SKIP"] + 0 " skipped of " all + 0 }' "$base.tsv"
	if ! grep -aq "$end" "$base.console"; then
		tail -n 60 "$base.console"
		echo "the kernel did not come to its end"
		return 1
	fi
	if grep -v -e $'\tPASS$' -e $'\tSKIP$' "$base.tsv" || [ ! -s "$base.tsv" ]; then
		tail -n 60 "$base.console"
		return 1
	fi
	if grep -aE 'WARNING:|BUG:|Oops|Kernel panic|Call Trace|stall' "$base.console"; then
		echo "(in $base.console)"
		return 1
	fi
}

tree_content() {
	local file
	[ -f "$cache/$1.touched" ] || return 0
	while read -r file; do
		echo "$file"
		cat "$cache/$1/$file" 2>/dev/null || true
	done <"$cache/$1.touched"
}
