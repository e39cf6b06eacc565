#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
"""Sums and lists what gcovr counted.

Usage: coverage.py JSON [--goals LINES BRANCHES] [--tsv FILE] [--list]

Prints the percentage of lines and branches reached; with --list also the rest, in the source's
words. --tsv writes: file, lines, lines covered, branches, branches covered. Exits 1 if a goal, in
percent, is missed or nothing was counted.
"""
import argparse
import json
import sys


def counted(file):
    """Of one file: for each line of code its number, count, branches and branches taken."""
    for line in file['lines']:
        if line.get('gcovr/noncode'):
            continue
        taken = [branch['count'] > 0 for branch in line['branches']]
        yield line['line_number'], line['count'], len(taken), sum(taken)


def sums(rows):
    reached = sum(count > 0 for _, count, _, _ in rows)
    return [len(rows), reached, sum(r[2] for r in rows), sum(r[3] for r in rows)]


def percent(part, whole):
    return 100 * part / whole if whole else 0


def list_gaps(name, rows):
    with open(name, encoding='utf-8') as source:
        text = source.read().splitlines()
    for number, count, branches, taken in rows:
        if count == 0:
            gap = 'never'
        elif taken < branches:
            gap = f'{taken} of {branches}'
        else:
            continue
        print(f'{name}:{number}: {gap}: {text[number - 1].strip()}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('json')
    parser.add_argument('--goals', nargs=2, type=float, default=[0, 0])
    parser.add_argument('--tsv')
    parser.add_argument('--list', action='store_true')
    args = parser.parse_args()
    with open(args.json, encoding='utf-8') as report:
        files = {f['file']: list(counted(f)) for f in json.load(report)['files']}
    if args.tsv:
        with open(args.tsv, 'w', encoding='utf-8') as tsv:
            for name, rows in sorted(files.items()):
                print(name, *sums(rows), sep='\t', file=tsv)
    lines, lines_reached, branches, branches_reached = map(sum, zip(*map(sums, files.values())))
    if args.list:
        for name, rows in sorted(files.items()):
            list_gaps(name, rows)
    reached = percent(lines_reached, lines), percent(branches_reached, branches)
    print(f'core/: {lines_reached} of {lines} lines ({reached[0]:.1f} %), '
          f'{branches_reached} of {branches} branches ({reached[1]:.1f} %)')
    return any(r < goal for r, goal in zip(reached, args.goals)) or not lines


if __name__ == '__main__':
    sys.exit(main())
