#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
"""Adds up the test cases of meson test runs.

Usage: count-tests.py BUILD-DIR...

A cmocka program counts with each of its cases, any other program as one. A program that ended badly
without naming a failed case (a crash, a sanitizer report, a timeout) counts as one failure more.
Each failure and each skip is named.
Prints "N passed, N failed[, N skipped]" last; exits 1 if anything failed or nothing ran.
"""
import json
import re
import sys

PASSED = re.compile(r'^\[ +OK \] (.*)$', re.M)
FAILED = re.compile(r'^\[ +FAILED +\] (?!\d+ test\(s\))(.*?)$', re.M)
SKIPPED = re.compile(r'^\[ +SKIPPED +\] (?!\d+ test\(s\))(.*?)$', re.M)


def cases(run):
    """Passed, failed and skipped case names of one program."""
    text = run.get('stdout', '') + '\n' + run.get('stderr', '')
    name, result = run['name'], run['result']
    label = lambda case: f'{name}: {case}'
    unique = lambda names: list(dict.fromkeys(names))  # cmocka names failures again at the end
    passed = [label(c) for c in PASSED.findall(text)]
    failed = [label(c) for c in unique(FAILED.findall(text))]
    skipped = [label(c) for c in unique(SKIPPED.findall(text))]
    good = result in ('OK', 'EXPECTEDFAIL', 'SKIP')
    if not good and not failed:
        failed.append(f'{name}: {result.lower()}, exit status {run.get("returncode")}')
    if result == 'SKIP' and not skipped:
        reason = text.strip().splitlines()[-1:] or ['it gives no reason']
        skipped.append(f'{name}: {reason[0]}')
    if not (passed or failed or skipped):
        passed.append(name)
    return passed, failed, skipped


def main(dirs):
    total = [0, 0, 0]
    for build in dirs:
        here, programs, seconds = [0, 0, 0], 0, 0.0
        try:
            log = open(f'{build}/meson-logs/testlog.json', encoding='utf-8')
        except FileNotFoundError:
            print(f'FAILED  {build}: no test ran')
            total[1] += 1
            continue
        with log:
            for line in log:
                run = json.loads(line)
                programs += 1
                seconds += run['duration']
                sorted_cases = cases(run)
                for i, names in enumerate(sorted_cases):
                    here[i] += len(names)
                for case in sorted_cases[1]:
                    print(f'FAILED  {build}: {case}')
                for case in sorted_cases[2]:
                    print(f'skipped {build}: {case}')
        print(f'{build}: {here[0]} cases passed, {here[1]} failed, {here[2]} skipped'
              f' in {programs} programs, {seconds:.0f} s of work')
        total = [a + b for a, b in zip(total, here)]
    passed, failed, skipped = total
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed or passed == 0 else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
