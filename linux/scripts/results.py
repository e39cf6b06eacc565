#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (c) 2026 The Ebb authors
"""Writes linux/RESULTS.md with what test.sh, bench.sh and mutants.sh left in build/linux."""

import glob
import json
import os
import sys

OUT = "build/linux"
RESULTS = "linux/RESULTS.md"
PATTERNS = ("same", "ring", "live", "two", "sweep")
NAMES = {
    "same": "one page again and again",
    "ring": "sliding ring of 256",
    "live": "table that never is empty",
    "two": "two tables in turn",
    "sweep": "one page every 2 MiB",
}


def rows(name):
    """The lines of a file of tab-separated values; none if it is not there."""
    try:
        with open(f"{OUT}/{name}", encoding="utf-8") as file:
            return [line.rstrip("\n").split("\t") for line in file]
    except FileNotFoundError:
        return []


def run(name):
    """What a run's commands reported; none unless all of them went well."""
    try:
        with open(f"{OUT}/{name}.jsonl", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
    except (FileNotFoundError, json.JSONDecodeError):
        return []
    return lines if lines and all(line["ok"] for line in lines) else []


def sweeps(pattern):
    """The sweeps of all runs of that name."""
    found = []
    for path in sorted(glob.glob(f"{OUT}/{pattern}.jsonl")):
        name = os.path.basename(path)[: -len(".jsonl")]
        found += [line for line in run(name) if line["test"] == "sweep"]
    return found


def counted(tree):
    """Instructions per pair of each pattern."""
    result = {}
    for line in run(f"icount-{tree}"):
        if line["test"] in ("loop", "sweep"):
            options = dict(part.split("=") for part in line["options"].split(","))
            result[options.get("pattern", "sweep")] = line["ticks"] / line["pairs"]
    return result


def mib(kib):
    return f"{kib / 1024:.1f} MiB"


def busiest(pattern):
    """The highest load average of the host as one of these runs began."""
    loads = []
    for path in glob.glob(f"{OUT}/{pattern}.load"):
        with open(path, encoding="utf-8") as file:
            loads.append(float(file.read()))
    return max(loads, default=0.0)


class Report:
    def __init__(self):
        self.goals, self.text = [], []

    def goal(self, what, limit, value, met):
        """A line of the table of goals; value None: not measured."""
        said = "not measured" if value is None else "met" if met else "**missed**"
        self.goals.append(f"| {what} | {limit} | {'' if value is None else value} | {said} |")

    def table(self, title, head, lines):
        if not lines:
            return
        self.text += ["", f"## {title}", "", "| " + " | ".join(head) + " |"]
        self.text.append("|" + " --- |" + " ---: |" * (len(head) - 1))
        self.text += ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]


def sweep_part(report):
    lines = []
    for name, said in (
        ("type1-c1", "type 1, 1 CPU, 1 TiB"),
        ("type1-c2", "type 1, 2 CPUs, 1 TiB"),
        ("iommufd-c2", "iommufd, 2 CPUs, 2 threads, 256 GiB"),
    ):
        stock, series = sweeps(f"sweep-stock-{name}*"), sweeps(f"sweep-series-{name}*")
        for tree, found in (("stock", stock), ("series", series)):
            if found:
                lines.append(
                    (
                        f"{said}, {tree}",
                        mib(max(s["peak_kib"] - s["start_kib"] for s in found)),
                        mib(max(s["end_kib"] - s["start_kib"] for s in found)),
                        mib(max(s["later_kib"] - s["start_kib"] for s in found)),
                        f"{min(s['ns'] for s in found) / 1e9:.1f} s",
                        len(found),
                    )
                )
        later = max((s["later_kib"] - s["start_kib"] for s in series), default=None)
        peak = max((s["peak_kib"] - s["start_kib"] for s in series), default=None)
        report.goal(
            f"sweep, {said}: held 100 ms later", "≤ 2 MiB", later and mib(later), (later or 0) <= 2048
        )
        report.goal(
            f"sweep, {said}: peak", "≤ 32 MiB", peak and mib(peak), (peak or 0) <= 32768
        )
        ratio = None
        if stock and series:
            ratio = min(s["ns"] for s in series) / min(s["ns"] for s in stock)
        load = busiest(f"sweep-*-{name}*")
        if ratio and load > 1.5:
            report.goals.append(
                f"| sweep, {said}: time ÷ stock | ≤ 1.05 | {ratio:.2f} | no verdict: the host was "
                f"busy, load {load:.1f} |"
            )
            continue
        report.goal(
            f"sweep, {said}: time ÷ stock", "≤ 1.05", ratio and f"{ratio:.2f}", (ratio or 0) <= 1.05
        )
    report.table(
        "The sweep: one 4 KiB page every 2 MiB, in QEMU (TCG)",
        ("", "peak", "at the end", "100 ms later", "least time", "runs"),
        lines,
    )


def instructions_part(report):
    stock, series, off = counted("stock"), counted("series"), counted("off")
    lines = []
    for pattern in PATTERNS:
        if pattern not in stock:
            continue
        line = [NAMES[pattern], f"{stock[pattern]:.0f}"]
        for other in (series, off):
            value = other.get(pattern)
            line += [f"{value:.0f}", f"{value / stock[pattern]:.4f}"] if value else ["", ""]
        lines.append(line)
    for pattern in PATTERNS:
        limit = 1.25 if pattern == "sweep" else 1.01
        value = series.get(pattern) and series[pattern] / stock[pattern]
        report.goal(
            f"instructions ÷ stock: {NAMES[pattern]}",
            f"≤ {limit}",
            value and f"{value:.4f}",
            (value or 0) <= limit,
        )
    worst = [abs(off[p] / stock[p] - 1) for p in PATTERNS if p in off and p in stock]
    report.goal(
        "switched off = stock, instructions",
        "± 0.2 %",
        f"{max(worst) * 100:.2f} %" if worst else None,
        bool(worst) and max(worst) <= 0.002,
    )
    report.table(
        "Instructions per pair of map and unmap (VFIO type 1, 1 CPU, -icount shift=0)",
        ("", "stock", "series", "÷ stock", "off", "÷ stock"),
        lines,
    )


def times_part(report):
    times = {tuple(row[:3]): (int(row[3]), int(row[4])) for row in rows("bench.tsv")}
    lines, worst = [], {"series": 0.0, "off": 0.0}
    for (variant, form, size), stock in sorted(times.items()):
        if variant != "stock":
            continue
        line = [f"{form}, {size}", *(f"{ps / 1000:.1f}" for ps in stock)]
        for other in ("series", "off", "constant"):
            for mine, base in zip(times.get((other, form, size), ()), stock):
                line.append(f"{mine / base:.3f}")
                worst[other] = max(worst.get(other, 0.0), mine / base)
        lines.append(line)
    for other, said in (("series", "on"), ("off", "off")):
        value = worst[other] or None
        report.goal(
            f"time of map and unmap, native under UML, {said} ÷ stock: worst of {2 * len(lines)}",
            "≤ 1.02",
            value and f"{value:.3f}",
            (value or 0) <= 1.02,
        )
    report.table(
        "Native times under User-Mode Linux: ns per call, then ratios",
        ("", "stock map", "unmap", "on: map", "unmap", "off: map", "unmap", "constant: map", "unmap"),
        lines,
    )
    if lines:
        report.text += [
            "",
            "User-Mode Linux has no jump labels, so each static branch of the series is a load "
            "and a test here, on and off alike; with jump labels it is a no-op. \"constant\" is "
            "on, compiled with that branch always taken: what is left without the loads and tests.",
        ]


def kunit_part(report):
    stock, series = rows("kunit-stock.tsv"), rows("kunit-series.tsv")
    passes = {row[0] for row in series if row[1] == "PASS"}
    lost = [row[0] for row in stock if row[1] == "PASS" and row[0] not in passes]
    both = bool(stock and series)
    report.goal(
        "KUnit of generic_pt: cases lost", "0", str(len(lost)) if both else None, not lost
    )

    def count(found):
        skips = sum(row[1] == "SKIP" for row in found)
        return (sum(row[1] == "PASS" for row in found), skips, len(found))

    if both:
        report.table(
            "KUnit of generic_pt under User-Mode Linux",
            ("", "passed", "skipped", "of"),
            (("stock", *count(stock)), ("series", *count(series))),
        )


def size_part(report):
    text = {(row[0], row[1]): int(row[2]) for row in rows("sizes.tsv")}
    lines = []
    for (tree, name), value in text.items():
        if tree == "stock" and ("series", name) in text:
            lines.append((name, value, text["series", name], text["series", name] - value))
    report.table("Bytes of text (x86-64, -O2)", ("", "stock", "series", "growth"), lines)
    state, before = rows("state-series.tsv"), rows("state-stock.tsv")
    value = None
    if state and before:
        value = int(state[0][1]) + int(state[0][2]) - int(before[0][2])
    report.goal(
        "state per domain", "≤ 512 bytes", value and f"{value} bytes", (value or 0) <= 512
    )


def disk_part(report):
    lines = []
    for tree in ("stock", "series"):
        for line in run(f"randread-{tree}"):
            if line["test"] == "disk":
                freed = line.get("freed", 0) * 1e6 / line["requests"]
                lines.append(
                    (tree, line["requests"], line.get("freed", 0), line.get("thawed", 0),
                     line.get("wide_flushes", 0), f"{freed:.0f}", f"{line['ns'] / 1e9:.1f} s")
                )
    report.table(
        "NVMe: random reads of 4 KiB, 32 threads",
        ("", "reads", "freed", "thawed", "wide flushes", "freed per million unmaps", "time"),
        lines,
    )


def checks_part(report):
    last = {row[1]: (row[0], row[2]) for row in rows("checks.tsv")}
    report.table(
        "Checks of test.sh, the last time that each of them ran",
        ("", "result", "series"),
        [(name, *state) for name, state in last.items()],
    )
    mutants = rows("mutants.tsv")
    found = [row for row in mutants if row[1] != "elsewhere"]
    good = sum(row[1] == "caught" for row in found)
    report.goal(
        "faults put into the series (≥ 6): caught",
        "all",
        f"{good} of {len(found)}" if found else None,
        good == len(found) and good >= 6,
    )
    report.table(
        "Faults put into the series", ("fault", "", "by"), [tuple(row) for row in mutants]
    )


def main():
    report = Report()
    for part in (sweep_part, instructions_part, times_part, kunit_part, size_part, disk_part,
                 checks_part):
        part(report)
    head = rows("about.txt")
    about = head[0][0] if head else "nothing was run"
    with open(RESULTS, "w", encoding="utf-8") as file:
        print("<!-- Written by linux/scripts/results.py (make linux-results). -->", file=file)
        print("# The Linux series: what was measured\n", file=file)
        print(f"{about}. All of it on an emulated machine or under User-Mode Linux, none of it on "
              "a real IOMMU; docs/linux.md says how and what that is worth. Wall times in QEMU "
              "vary by a fifth, counts of instructions do not.\n", file=file)
        print("## Goals\n\n| goal | limit | measured | |\n| --- | ---: | ---: | --- |", file=file)
        print("\n".join(report.goals + report.text), file=file)
    missed = sum("**missed**" in line for line in report.goals)
    unknown = sum("not measured" in line for line in report.goals)
    print(f"{RESULTS}: {len(report.goals)} goals, {missed} missed, {unknown} not measured")


sys.exit(main())
