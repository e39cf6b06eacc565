#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
"""Puts what the last runs found into docs/verification.md, between its markers.

Usage: verification.py [NAME...]    tests schedules mutants model coverage fuzz soak; all unless told

Each NAME is read from the file in build/ that its target left there; a file that is not there is an
error, so that no figure outlives its run unnoticed.
"""
import collections
import pathlib
import re
import sys

DOC = pathlib.Path('docs/verification.md')
BUILD = pathlib.Path('build')


def rows(name):
    text = (BUILD / name).read_text(encoding='utf-8')
    return [line.split('\t') for line in text.splitlines() if line]


def table(head, lines):
    yield '| ' + ' | '.join(head) + ' |'
    yield '|' + ' --- |' * len(head)
    for line in lines:
        yield '| ' + ' | '.join(str(cell).replace('|', '\\|') for cell in line) + ' |'


def number(text):
    return f'{int(text):,}'


def percent(part, whole):
    return f'{100 * part / whole:.1f} %'


def tests():
    for line in (BUILD / 'tests.txt').read_text(encoding='utf-8').splitlines():
        if re.match(r'(build\S*: )?\d+ (cases )?passed', line):
            yield f'    {line}'


def schedules():
    cells = rows('schedules.tsv')
    whole = sum(row[5] == 'complete' for row in cells)
    yield (f'{len(cells)} searches, {whole} of them complete within their bound, '
           f'{number(sum(int(row[3]) for row in cells))} schedules.')
    yield ''
    yield from table(('scene', 'memory', 'preemptions', 'schedules', 'most points in one', ''),
                     ((r[0], r[1], r[2], number(r[3]), r[4], r[5]) for r in cells))


def mutants():
    cells = rows('mutants.tsv')
    caught = sum(row[1] == 'caught' for row in cells)
    yield f'{caught} of {len(cells)} caught.'
    yield ''
    yield from table(('mutant', 'bug', 'caught by'), ((r[0], r[4], r[2]) for r in cells))


def model():
    cells = rows('model.tsv')
    as_expected = sum(row[1] == 'expected' or row[2] == row[3] for row in cells)
    yield f'{as_expected} of {len(cells)} cases as expected.'
    yield ''
    yield from table(('set', 'case', 'expected', 'found', 'states', 'storage'),
                     ((r[0], r[1], r[2], r[3], number(r[4]) if r[4].isdigit() else r[4], r[6])
                      for r in cells))


def coverage():
    cells = [(r[0], *map(int, r[1:])) for r in rows('coverage.tsv')]
    total = [sum(column) for column in list(zip(*cells))[1:]]
    yield from table(('file', 'lines', 'reached', 'branches', 'reached'),
                     ((name, lines, percent(hit, lines), branches,
                       percent(taken, branches) if branches else '')
                      for name, lines, hit, branches, taken in cells + [('all', *total)]))


def fuzz():
    yield from table(('entry', 'engine', 'seconds', 'inputs', 'edges reached', 'new findings'),
                     ((r[0], r[1], r[2], number(r[3]), r[4], r[5]) for r in rows('fuzz.tsv')))


def soak():
    text = (BUILD / 'soak.txt').read_text(encoding='utf-8')
    total = re.search(r'^soak: (.*)$', text, re.M)
    seed = re.search(r'^EBB_SEED=(.*)$', text, re.M)
    if not total or '[  PASSED  ]' not in text:
        sys.exit('build/soak.txt is not of a soak that passed')
    yield from table(('what', 'how many'),
                     ((key.replace('_', ' '), f'{int(value):,}')
                      for key, value in (p.split('=') for p in total[1].split())))
    yield ''
    yield f'Shapes and crowds from `EBB_SEED={seed[1]}`.'


PARTS = collections.OrderedDict((part.__name__, part) for part in (
    tests, schedules, mutants, model, coverage, fuzz, soak))


def main(names):
    text = DOC.read_text(encoding='utf-8')
    for name in names or PARTS:
        pattern = re.compile(rf'(<!-- begin {name} -->\n).*?(<!-- end {name} -->)', re.S)
        if not pattern.search(text):
            sys.exit(f'{DOC} has no place for {name}')
        body = '\n'.join(PARTS[name]()) + '\n'
        text = pattern.sub(lambda m, b=body: m[1] + b + m[2], text)
    DOC.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main(sys.argv[1:])
