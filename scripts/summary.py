"""Adds up what scripts/test.sh ran: summary.py BUILD FAILED. Prints a line per kind and the closing line; exits
with 1 when a test failed, when a kind left no result, or when FAILED (a runner's own verdict) is not 0."""

import json
import os
import sys
import xml.etree.ElementTree as xml


def ctest(path):
    suite = xml.parse(path).getroot()
    total, failed = int(suite.get("tests")), int(suite.get("failures"))
    skipped = int(suite.get("skipped")) + int(suite.get("disabled", 0))
    return total - failed - skipped, failed, skipped


def lit(path):
    with open(path, encoding="utf-8") as file:
        codes = [test["code"] for test in json.load(file)["tests"]]
    passed = sum(code in ("PASS", "XFAIL", "FLAKYPASS") for code in codes)
    skipped = sum(code in ("UNSUPPORTED", "SKIPPED", "EXCLUDED") for code in codes)
    return passed, len(codes) - passed - skipped, skipped


def backend(path):
    """A case counts as failed when it is listed as passing and did not, or when it crashed or hung."""
    with open(os.path.join("tests", "onnx_backend", "passing.txt"), encoding="utf-8") as lines:
        listed = {line.strip() for line in lines} - {""}
    with open(path, encoding="utf-8") as file:
        kinds = {case["case"]: case["kind"] for case in json.load(file)}
    passed = sum(kind == "passed" for kind in kinds.values())
    failed = sum(kinds.get(name) != "passed" for name in listed)
    failed += sum(kind in ("crash", "hang") for name, kind in kinds.items() if name not in listed)
    return passed, failed, len(kinds) - passed - min(failed, len(kinds) - passed)


def main():
    build, broken = sys.argv[1], int(sys.argv[2])
    total = [0, 0, 0]
    for title, name, read in (("ctest", "ctest.xml", ctest), ("lit", "lit.json", lit),
                              ("onnx node tests", "onnx_backend.json", backend)):
        path = os.path.join(build, name)
        if os.path.exists(path):
            counts = read(path)
        else:
            counts, broken = (0, 1, 0), 1
            print(f"{title}: no result")
        print(f"{title}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
        total = [a + b for a, b in zip(total, counts)]
    if broken and not total[1]:
        total[1] = 1  # a runner's own complaint that is no single test's
    print("{} passed, {} failed, {} skipped".format(*total))
    sys.exit(1 if total[1] else 0)


if __name__ == "__main__":
    main()
