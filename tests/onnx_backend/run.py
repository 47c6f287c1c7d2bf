#!/usr/bin/env python3
"""Runs ONNX's backend node tests through `tgc check` and prints what passes, by operator.

  run.py                                  all cases
  run.py --op Conv --op Gemm              the cases of some operators
  run.py --filter 'test_resize_*'         the cases whose name matches
  run.py --expect passing.txt             fails when a case listed there does not pass
  run.py --update passing.txt             writes the cases that pass

Which operators count, and which of their cases, stands in operators.txt. A crash or a hang is a failure
whether the operator counts or not. README.md beside this file says what `tgc check` is asked.
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import json
import os
import shutil
import sys
import tempfile

import cases
from checker import Checker

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(here))
batchSize = 48


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tgc", default=os.path.join(root, "build/bin/tgc"), help="the compiler's command")
    parser.add_argument("--device", help="passed on to tgc check")
    parser.add_argument("--operators", default=os.path.join(here, "operators.txt"))
    parser.add_argument("--op", action="append", help="only this operator (repeatable)")
    parser.add_argument("--filter", help="only cases whose name matches this pattern")
    parser.add_argument("--listed", action="store_true", help="only the operators of operators.txt")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=60, help="seconds a case may take")
    parser.add_argument("--single", action="store_true", help="one process a case")
    parser.add_argument("--expect", help="cases that must pass, one a line")
    parser.add_argument("--update", help="write the cases that passed into this file")
    parser.add_argument("--at-least", type=float, default=0, help="per cent of the counted cases that must pass")
    parser.add_argument("--json", help="write every outcome into this file")
    parser.add_argument("--keep", help="write the cases into this directory and keep them")
    parser.add_argument("--verbose", action="store_true", help="list unsupported cases too")
    return parser.parse_args()


def chosen(args, claims):
    found = []
    for name, op, case in cases.collect():
        if args.op and op not in args.op:
            continue
        if args.filter and not fnmatch.fnmatchcase(name, args.filter):
            continue
        if args.listed and op not in claims:
            continue
        found.append((name, op, case))
    return found


def runAll(args, found, directory):
    """Returns {case name: Outcome}."""
    jobs = []
    for name, _, case in found:
        model, data = cases.write(case, directory)
        jobs.append((name, model, data))
    checker = Checker(args.tgc, args.limit, args.device, args.single)
    batches = [jobs[i : i + batchSize] for i in range(0, len(jobs), batchSize)]
    outcomes = {}
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for result in pool.map(checker.batch, batches):
            outcomes.update(result)
            if sys.stderr.isatty():
                print(f"\r{len(outcomes)} of {len(jobs)}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    return outcomes


def table(found, outcomes, claims):
    """Prints a row per operator and returns (Counter of the counted cases, Counter with those left out)."""
    rows = collections.defaultdict(collections.Counter)
    counted, listed = collections.Counter(), collections.Counter()
    for name, op, _ in found:
        kind = outcomes[name].column
        rows[op][kind] += 1
        if op in claims:
            listed[kind] += 1
            if claims[op].counts(name):
                counted[kind] += 1
                rows[op]["counted"] += 1
                rows[op]["counted passed"] += kind == "passed"
    families = list(dict.fromkeys(claim.family for claim in claims.values()))
    order = {op: (families.index(claim.family), op) for op, claim in claims.items()}
    print(f"{'operator':28}{'passed':>8}{'failed':>8}{'unsupp.':>8}{'counted':>9}{'rate':>8}")
    family = None
    for op in sorted(rows, key=lambda op: order.get(op, (len(families), op))):
        mine = claims[op].family if op in claims else "not claimed"
        if mine != family:
            family = mine
            print(f"-- {family}")
        row = rows[op]
        rate = f"{100 * row['counted passed'] / row['counted']:7.1f}%" if row["counted"] else ""
        print(f"{op:28}{row['passed']:8}{row['failed']:8}{row['unsupported']:8}{row['counted']:9}{rate:>8}")
    return counted, listed


def percent(counter):
    total = sum(counter.values())
    return 100 * counter["passed"] / total if total else 100.0


def complaints(args, found, outcomes, claims, counted):
    """What makes the run fail, as lines."""
    result = []
    names = {name for name, _, _ in found}
    if args.expect:
        with open(args.expect, encoding="utf-8") as lines:
            expected = {line.strip() for line in lines} - {""}
        whole = not (args.op or args.filter or args.listed)
        for name in sorted(expected if whole else expected & names):
            if name not in outcomes:
                result.append(f"{name} is expected to pass, but there is no such case")
            elif outcomes[name].kind != "passed":
                result.append(f"{name} passed before: {outcomes[name]}")
    for name, outcome in sorted(outcomes.items()):
        if outcome.kind in ("crash", "hang"):
            result.append(f"{name}: {outcome}")
    perOp = collections.defaultdict(collections.Counter)
    for name, op, _ in found:
        if op in claims and claims[op].counts(name):
            perOp[op][outcomes[name].column] += 1
    for op, counter in perOp.items():
        if percent(counter) < claims[op].leastPercent:
            result.append(f"{op}: {percent(counter):.1f}% pass, {claims[op].leastPercent:g}% are promised")
    if percent(counted) < args.at_least:
        result.append(f"{percent(counted):.1f}% of the counted cases pass, {args.at_least:g}% are asked")
    return result


def main():
    args = parse()
    claims = cases.readClaims(args.operators)
    found = chosen(args, claims)
    if not found:
        sys.exit("no case matches")
    directory = args.keep or tempfile.mkdtemp(prefix="onnx-backend-")
    try:
        outcomes = runAll(args, found, directory)
    finally:
        if not args.keep:
            shutil.rmtree(directory, ignore_errors=True)

    counted, listed = table(found, outcomes, claims)
    for name, op, _ in found:
        outcome = outcomes[name]
        if outcome.kind != "passed" and (outcome.kind != "unsupported" or args.verbose):
            print(f"{outcome.kind}: {name} ({op}): {outcome.message}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump([{"case": n, "op": op, **outcomes[n].record()} for n, op, _ in found], out, indent=1)
    if args.update:
        with open(args.update, "w", encoding="utf-8") as out:
            out.writelines(f"{name}\n" for name, _, _ in found if outcomes[name].kind == "passed")

    wrong = complaints(args, found, outcomes, claims, counted)
    for line in wrong:
        print(f"error: {line}")
    print(f"counted cases: {percent(counted):.1f}% of {sum(counted.values())} pass; "
          f"with those left out by pattern: {percent(listed):.1f}% of {sum(listed.values())}")
    every = collections.Counter(outcome.column for outcome in outcomes.values())
    print(f"{every['passed']} passed, {every['failed']} failed, {every['unsupported']} skipped")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
