#!/usr/bin/env python3
"""Tests of the runner itself, with standin.py in the compiler's place: a crash, a hang, a wrong result and a
lost pass must each be called so, and must not touch the cases beside them."""

import argparse
import collections
import os
import stat
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
import cases
import run
from checker import Checker, Outcome


victim = "test_transpose_all_permutations_2"


class Standin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.directory = directory.name
        cls.tgc = os.path.join(cls.directory, "tgc")
        with open(cls.tgc, "w") as out:
            out.write(f'#!/bin/sh\nexec "{sys.executable}" "{here}/standin.py" "$@"\n')
        os.chmod(cls.tgc, os.stat(cls.tgc).st_mode | stat.S_IXUSR)


class CheckerTest(Standin):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.jobs = [(name, *cases.write(case, cls.directory)) for name, op, case in cases.collect() if op == "Transpose"]

    def kinds(self, limit=60, single=False, **environment):
        """{case: kind} of the cases of Transpose."""
        with unittest.mock.patch.dict(os.environ, environment):
            outcomes = Checker(self.tgc, limit, single=single).batch(self.jobs)
        return {name: outcome.kind for name, outcome in outcomes.items()}

    def expected(self, kind):
        return {name: kind if name == victim else "passed" for name, _, _ in self.jobs}

    def test_all_pass(self):
        self.assertEqual(len(self.jobs), 7)
        self.assertEqual(self.kinds(), self.expected("passed"))

    def test_one_process_a_case(self):
        self.assertEqual(self.kinds(single=True, STANDIN_BATCH="0"), self.expected("passed"))

    def test_compiler_without_batches(self):
        self.assertEqual(self.kinds(STANDIN_BATCH="0"), self.expected("passed"))

    def test_crash(self):
        self.assertEqual(self.kinds(STANDIN_CRASH=victim), self.expected("crash"))

    def test_crash_in_company_only(self):
        self.assertEqual(self.kinds(STANDIN_CRASH=victim, STANDIN_ALONE="well"), self.expected("crash"))

    def test_hang(self):
        self.assertEqual(self.kinds(limit=6, STANDIN_HANG=victim), self.expected("hang"))

    def test_wrong_result(self):
        self.assertEqual(self.kinds(STANDIN_WRONG=victim), self.expected("failed"))


class VerdictTest(unittest.TestCase):
    """What makes a run fail."""

    def complaints(self, kinds, expect=None, leastPercent=0, atLeast=0, **args):
        found = [(name, "Transpose", None) for name in kinds]
        outcomes = {name: Outcome(kind) for name, kind in kinds.items()}
        claims = {"Transpose": cases.Claim("Transpose", "movement", leastPercent)}
        counted = collections.Counter(outcome.column for outcome in outcomes.values())
        given = {"op": None, "filter": None, "listed": False, "expect": None, "at_least": atLeast, **args}
        if expect is not None:
            with tempfile.NamedTemporaryFile("w", delete=False) as out:
                out.writelines(f"{name}\n" for name in expect)
            self.addCleanup(os.unlink, out.name)
            given["expect"] = out.name
        return run.complaints(argparse.Namespace(**given), found, outcomes, claims, counted)

    def test_wrong_result_of_a_case_that_never_passed(self):
        self.assertEqual(self.complaints({"a": "passed", "b": "failed", "c": "unsupported"}, expect=["a"]), [])

    def test_lost_pass(self):
        for kind in ("failed", "unsupported", "bad input"):
            self.assertEqual(len(self.complaints({"a": "passed", "b": kind}, expect=["a", "b"])), 1)

    def test_expected_case_that_does_not_exist(self):
        self.assertEqual(len(self.complaints({"a": "passed"}, expect=["a", "b"])), 1)
        self.assertEqual(self.complaints({"a": "passed"}, expect=["a", "b"], op=["Transpose"]), [])

    def test_crash_and_hang_always(self):
        self.assertEqual(len(self.complaints({"a": "crash", "b": "hang"})), 2)

    def test_rates(self):
        kinds = {"a": "passed", "b": "failed"}
        self.assertEqual(self.complaints(kinds, leastPercent=50, atLeast=50), [])
        self.assertEqual(len(self.complaints(kinds, leastPercent=51, atLeast=50)), 1)
        self.assertEqual(len(self.complaints(kinds, leastPercent=50, atLeast=51)), 1)


class WholeTest(Standin):
    def test_table_and_last_line(self):
        done = subprocess.run(
            [sys.executable, os.path.join(here, "run.py"), "--tgc", self.tgc, "--filter", "test_transpose_*"],
            env={**os.environ, "STANDIN_WRONG": victim}, text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertIn("Transpose 6 1 0 7 85.7%", [" ".join(line.split()) for line in lines])
        self.assertIn(f"failed: {victim} (Transpose): output 0 differs", lines)
        self.assertEqual(lines[-1], "6 passed, 1 failed, 0 skipped")


class ClaimsTest(unittest.TestCase):
    def test_every_claimed_operator_and_pattern_has_cases(self):
        claims = cases.readClaims(os.path.join(here, "operators.txt"))
        names = {}
        for name, op, _ in cases.collect():
            names.setdefault(op, []).append(name)
        for op, claim in claims.items():
            self.assertIn(op, names)
            self.assertTrue(any(claim.counts(name) for name in names[op]), f"{op} has no case that counts")
            self.assertTrue(claim.family)
            if claim.without:
                self.assertFalse(all(claim.counts(name) for name in names[op]), f"{op}'s patterns match nothing")


if __name__ == "__main__":
    unittest.main()
