#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Copyright (c) 2026 The Ebb authors
"""Proves that the tests notice when the core is broken.

Usage: mutants.py [NAME...]     all of tests/mutants/, or those named

tests/mutants/NAME.patch breaks the core on purpose; tests/mutants/README.md describes the form.
Each patch is applied to a copy of the sources, what depends on the core is built again, and the
tests run until one fails: first those that the patch names, then all others, the quickest first. A
test counts only if it passes without any patch. A patch that does not apply, or does not compile,
has failed as one that no test notices.

Prints a line for each mutant and "N of M caught" last; exits 1 if N is not M. build/mutants.tsv has
the same: mutant, verdict, test, seconds, bug.
"""
import concurrent.futures
import filecmp
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = f'{ROOT}/build/mutants'
PATCHES = f'{ROOT}/tests/mutants'
NOT_COPIED = re.compile(r'\.|build|docs$|traces$')
OPTIONS = ('-Doptimization=1', '-Dwerror=false', '-Dprogram=false')
WORKERS = 2
# A test does not end if it burns so many times the CPU seconds that it should, and some, or none at
# all for so long: however busy the machine is, that is not too short.
CPU_FACTOR, CPU_MORE, ASLEEP = 4, 5, 60


class Failure(Exception):
    """A command failed; the text is what it said."""


def run(command, **keywords):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **keywords)
    if done.returncode:
        raise Failure(done.stdout)
    return done.stdout


# ---- mutants

class Mutant:
    def __init__(self, name):
        self.name, self.path = name, f'{PATCHES}/{name}.patch'
        with open(self.path, encoding='utf-8') as file:
            text = file.read()
        head = text.split('\n--- ', 1)[0].splitlines()
        self.bug, self.files = head[0], re.findall(r'^--- (.*)', text, re.M)
        self.tests = [shlex.split(line.split(':', 1)[1])
                      for line in head if line.startswith('Caught by:')]
        if not self.tests:
            raise SystemExit(f'{self.path}: no line "Caught by: TEST"')


# ---- copies of the sources

class Tree:
    """A copy of the sources and a build of it."""

    def __init__(self, name):
        self.dir = f'{OUT}/{name}'
        self.source, self.build = f'{self.dir}/source', f'{self.dir}/build'
        self.tests = {}
        for top in os.listdir(ROOT):
            if not NOT_COPIED.match(top):
                self.copy(top)
        if not os.path.exists(f'{self.build}/build.ninja'):
            run(['meson', 'setup', *OPTIONS, self.build, self.source])

    def copy(self, top):
        """Makes a file or folder what it is in the original; what is right already stays as old as
        it is, so that ninja has little to do."""
        source, target = f'{ROOT}/{top}', f'{self.source}/{top}'
        if os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
            for gone in set(os.listdir(target)) - set(os.listdir(source)):
                path = f'{target}/{gone}'
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
            for entry in os.listdir(source):
                self.copy(f'{top}/{entry}')
        elif not os.path.exists(target) or not filecmp.cmp(source, target, shallow=False):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, target)  # as new as can be: ninja must see it

    def patch(self, mutant):
        # No fuzz: a patch belongs where all of its context is.
        run(['patch', '-p1', '--fuzz=0', '--batch', '--no-backup-if-mismatch', '--reject-file=-',
             '-d', self.source, '-i', mutant.path])

    def ninja(self, *targets):
        run(['ninja', '-C', self.build, '-j', '1', *targets])

    def introspect(self):
        """The command of each test by its name, the quickest first, as far as limits tell."""
        tests = json.loads(run(['meson', 'introspect', '--tests', self.build]))
        for test in sorted(tests, key=lambda test: test['timeout']):
            self.tests[test['name']] = test['cmd']

    def command(self, test):
        """test: the name of a test, and arguments to replace its own."""
        if test[0] not in self.tests:
            raise SystemExit(f'mutants.py: there is no test "{test[0]}"')
        own = self.tests[test[0]]
        return [own[0], *(test[1:] or own[1:])]

    def build_test(self, test):
        self.ninja(os.path.relpath(self.command(test)[0], self.build))


# ---- running a test

RUN = re.compile(r'^\[ +RUN +\] (.*)')
FAILED = re.compile(r'^\[ +FAILED +\] (?!\d+ test)')
# The first of these tells most: a report of the software IOMMU, or what a test says in words.
REPORT = re.compile(r'^(?:ERROR: (.*)|((?:software IOMMU|violation): .*))')
ERROR = re.compile(r'^\[ +ERROR +\] --- (?!\[ +LINE)(.*)')
LINE = re.compile(r'\[ +LINE +\] --- .*?([^/]*:\d+): ')


class Said:
    """What a test has said, as far as it matters."""

    def __init__(self):
        self.case, self.report, self.error, self.line, self.last = '', '', '', '', ''
        self.failed = False

    def hear(self, line):
        if match := RUN.match(line):
            self.__init__()
            self.case = match[1]
        elif line:
            self.last = line
        if match := REPORT.match(line):
            self.report = self.report or match[1] or match[2]
        if match := ERROR.match(line):
            self.error = self.error or match[1]
        if match := LINE.search(line):
            self.line = self.line or f' ({match[1]})'
        if FAILED.match(line):
            self.failed = True

    def text(self, end):
        what = self.report or self.error
        if what:
            what += self.line
        else:
            what = ', '.join(filter(None, (self.last, end)))
        return f'{self.case}: {what}' if self.case else what


def limit_cpu(seconds):
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def kill(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def cpu_ticks(pid):
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        return sum(map(int, file.read().rpartition(')')[2].split()[11:13]))


def kill_if_asleep(process, ended, slept):
    """Kills a test that waits for something that does not come."""
    before, idle = -1, 0
    while not ended.wait(1):
        now = cpu_ticks(process.pid)
        before, idle = now, idle + 1 if now == before else 0
        if idle == ASLEEP:
            slept.set()
            kill(process)
            return


def run_test(command, directory, cpu_limit):
    """None if it passes, else what it said, in a line; and its CPU seconds."""
    with subprocess.Popen(['stdbuf', '-oL', *command], cwd=directory, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace', env={**os.environ, 'EBB_SEED': '1'},
                          start_new_session=True,
                          preexec_fn=lambda: limit_cpu(cpu_limit)) as process:
        ended, slept = threading.Event(), threading.Event()
        watcher = threading.Thread(target=kill_if_asleep, args=(process, ended, slept))
        watcher.start()
        said = Said()
        for line in process.stdout:
            said.hear(line.strip())
            if said.failed:
                break
        if said.failed:
            kill(process)
        ended.set()
        watcher.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status = os.waitstatus_to_exitcode(status)
    seconds = usage.ru_utime + usage.ru_stime
    if said.failed:
        return said.text(''), seconds
    if status == 0:
        return None, seconds
    if slept.is_set() or -status in (signal.SIGXCPU, signal.SIGKILL):
        return said.text('does not end'), seconds
    return said.text(signal.strsignal(-status) if status < 0 else ''), seconds


class Base:
    """The core as it is: what a test must say of it is nothing."""

    def __init__(self):
        self.tree = Tree('base')
        self.tree.introspect()
        self.known, self.lock, self.building = {}, threading.Lock(), threading.Lock()

    def cpu_seconds(self, test):
        """How long a test takes; it is run when that is asked for the first time."""
        with self.lock:
            future = self.known.get(tuple(test))
            mine = future is None
            if mine:
                future = self.known[tuple(test)] = concurrent.futures.Future()
        if mine:
            try:
                future.set_result(self.measure(test))
            except BaseException as error:
                future.set_exception(error)
        return future.result()

    def measure(self, test):
        with self.building:
            self.tree.build_test(test)
        said, seconds = run_test(self.tree.command(test), self.tree.build, 3600)
        if said:
            raise SystemExit(f'{shlex.join(test)} fails without any patch: {said}')
        return seconds


# ---- all of it

def compiler_error(text):
    for line in text.splitlines():
        if 'error:' in line or 'undefined reference' in line:
            return line.strip()
    return text.strip().splitlines()[-1]


class Verdict:
    def __init__(self, mutant, verdict, test='', said=''):
        self.mutant, self.verdict, self.test, self.said = mutant, verdict, test, said
        self.seconds = 0.0

    def line(self):
        if self.verdict != 'caught':
            return f'FAILED  {self.mutant.name}: {self.verdict}{self.said and ": " + self.said}'
        return f'ok      {self.mutant.name}: caught by {self.test}: {self.said}'

    def row(self):
        return '\t'.join((self.mutant.name, self.verdict, self.test, f'{self.seconds:.1f}',
                          self.mutant.bug))


def judge(mutant, tree, base):
    for top in 'core', 'include', 'platform':
        tree.copy(top)
    try:
        tree.patch(mutant)
    except Failure as error:
        return Verdict(mutant, 'does not apply', said=str(error).strip().splitlines()[-1])
    named = [test[0] for test in mutant.tests if len(test) == 1]
    others = [[name] for name in base.tree.tests if name not in named]
    for test in mutant.tests + others:
        try:
            tree.build_test(test)
        except Failure as error:
            return Verdict(mutant, 'does not compile', said=compiler_error(str(error)))
        limit = int(CPU_FACTOR * base.cpu_seconds(test)) + CPU_MORE
        said, _ = run_test(tree.command(test), tree.build, limit)
        if said:
            return Verdict(mutant, 'caught', shlex.join(test), said)
    return Verdict(mutant, 'survives')


def work(number, mutants, base, verdicts, lock):
    tree = Tree(str(number))
    tree.tests = {name: [command[0].replace(base.tree.dir, tree.dir), *command[1:]]
                  for name, command in base.tree.tests.items()}
    while True:
        with lock:
            if not mutants:
                return
            mutant = mutants.pop(0)
        start = time.monotonic()
        verdict = judge(mutant, tree, base)
        verdict.seconds = time.monotonic() - start
        with lock:
            verdicts.append(verdict)
            print(verdict.line(), flush=True)


def main(names):
    there = sorted(name[:-len('.patch')] for name in os.listdir(PATCHES)
                   if name.endswith('.patch'))
    for name in names:
        if name not in there:
            raise SystemExit(f'mutants.py: there is no tests/mutants/{name}.patch')
    mutants = [Mutant(name) for name in names or there]
    mutants.sort(key=lambda mutant: mutant.files)  # neighbours share what is built again
    wanted, verdicts, lock = len(mutants), [], threading.Lock()
    os.makedirs(OUT, exist_ok=True)
    base = Base()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for future in [pool.submit(work, number, mutants, base, verdicts, lock)
                       for number in range(WORKERS)]:
            future.result()
    verdicts.sort(key=lambda verdict: verdict.mutant.name)
    with open(f'{ROOT}/build/mutants.tsv', 'w', encoding='utf-8') as table:
        table.writelines(verdict.row() + '\n' for verdict in verdicts)
    caught = sum(verdict.verdict == 'caught' for verdict in verdicts)
    print(f'{caught} of {wanted} caught')
    return 0 if caught == wanted else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
