#!/usr/bin/env python3
"""What compilations of a model take beyond code generation: by the heuristic, with a filled database, and once more.

  second_compile.py MODEL.onnx --db TUNED.db [--tgc TGC] [options of tgc compile, such as --precision f32]

The database is copied, so that what is kept in it does not help the next time. Stages tile, thread and code are code
generation; the rest is import, graph passes, cutting, schedules, keeping the module behind them or taking it, and writing.
"""

import argparse
import os
import re
import shutil
import subprocess
import tempfile

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
generation = {"tile", "thread", "code"}


def stages(tgc, model, package, options):
    done = subprocess.run([tgc, "compile", model, "-v", "-o", package, *options], check=True, stderr=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, text=True)
    return [(name, float(seconds)) for name, seconds in re.findall(r"^(\w+) +([0-9.]+) s$", done.stderr, re.M)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--db", required=True)
    parser.add_argument("--tgc", default=os.path.join(root, "build/bin/tgc"))
    args, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        database, package = os.path.join(folder, "a.db"), os.path.join(folder, "a.tgc")
        shutil.copyfile(args.db, database)
        os.environ["TGC_DATABASE"] = os.path.join(folder, "none.db")
        print("| compilation | beyond code, s | of the heuristic's | code, s | stages |\n| --- | --- | --- | --- | --- |")
        first = None
        for name, more in (("heuristic", []), ("filled database", ["--db", database]), ("again", ["--db", database])):
            found = stages(args.tgc, args.model, package, [*options, *more])
            beyond = sum(seconds for stage, seconds in found if stage not in generation)
            code = sum(seconds for stage, seconds in found if stage in generation)
            first = first or beyond
            listed = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in found if stage not in generation)
            print(f"| {name} | {beyond:.2f} | {beyond / first:.2f} | {code:.2f} | {listed} |")


if __name__ == "__main__":
    main()
