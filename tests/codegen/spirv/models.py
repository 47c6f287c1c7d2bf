#!/usr/bin/env python3
"""Compiles models for Intel's GPUs without one: models.py [options] TGC "TARGET ..." MODEL ...

A model is an ONNX file or one in xz; a target is pvc, bmg, lnl, dg2 or cpu. Of every package:
- spirv-val accepts every module, and none computes in float64 unless the model's own data does (--double);
- contractions and attention of bf16 and f16 multiply by the matrix engine; those that do not are named, with their
  schedules;
- where Intel's offline compiler is there (TGC_OCLOC, or .intel-compiler of scripts/intel-compiler.sh), it takes them:
  every product reads what was loaded, operands come as blocks of memory where the device has them, no registers spill.
--every N has every N-th of the other modules compiled too. --spills lists kernels' spills without failing. --table prints
at the end a row for each model and GPU: the contractions and attention of 16 bits, those multiplied by the matrix engine,
those of one row, those of which blocks of memory bring both operands, or one, those that spill, and the seconds that tgc took."""
import argparse
import lzma
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import assembly  # noqa: E402

NEWER = HERE.parents[2] / ".intel-compiler"
OCLOC_NAMES = {"dg2": "dg2-g10", "lnl": "lnl-m"}
BLOCKS = {"pvc", "bmg", "lnl"}
CAPABILITY, ENTRY_POINT, FLOAT64 = 17, 15, 10


def modules_of(package):
    """SPIR-V modules of a package by the name of their kernel."""
    data, modules, at = Path(package).read_bytes(), {}, 0
    while (at := data.find(b"\x03\x02\x23\x07", at)) >= 0:
        (size,) = struct.unpack_from("<I", data, at - 4)  # a vector of bytes in FlatBuffers: its length, then itself
        module = data[at : at + size]
        at += size
        modules[entry_point(module)] = module
    return modules


def instructions(module):
    words = struct.unpack(f"<{len(module) // 4}I", module)
    at = 5
    while at < len(words):
        yield words[at] & 0xFFFF, words[at + 1 : at + (words[at] >> 16)]
        at += words[at] >> 16


def entry_point(module):
    for op, words in instructions(module):
        if op == ENTRY_POINT:
            return struct.pack(f"<{len(words) - 2}I", *words[2:]).split(b"\0")[0].decode()
    return ""


def is_double(module):
    return any(op == CAPABILITY and words[0] == FLOAT64 for op, words in instructions(module))


def products(text):
    """Of the schedule stage's kernels with a contraction or attention of 16 bits: (rows, schedule) by name."""
    found = {}
    for part in re.split(r"(?=kernel\.func @)", text)[1:]:
        name = re.match(r'kernel\.func @"?([\w.$]+)"?', part).group(1)
        types = re.findall(r"kernel\.contract\b[^\n]*: (\w+), (\w+) -> \w+", part)
        schedule = re.search(r'schedule = "([^"]*)"', part)
        if types and all({*pair} <= {"bf16", "f16"} for pair in types):
            found[name] = (name.startswith("contract_n"), schedule.group(1) if schedule else "")
    return found


def validate(module, path):
    path.write_bytes(module)
    newer = NEWER / "spirv-val"
    if not newer.exists():
        known = path.with_suffix(".known")
        subprocess.run([sys.executable, HERE / "known.py", path, known], check=True)
        path, newer = known, "spirv-val"
    done = subprocess.run([newer, "--target-env", "spv1.3", path], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


class Model:
    def __init__(self, options, model, target, precision, ocloc, work):
        self.options, self.target, self.ocloc, self.work = options, target, ocloc, work
        self.title = f"{Path(model).name} {target}" + (f" {precision}" if precision != "keep" else "")
        self.failed = False
        self.rows = []
        self.cells = None
        onnx = Path(model)
        if onnx.suffix == ".xz":
            onnx = work / onnx.stem
            if not onnx.exists():
                onnx.write_bytes(lzma.decompress(Path(model).read_bytes()))
        self.arguments = [str(onnx), "--device", f"opencl:{target}", "--precision", precision]

    def fail(self, text):
        print(f"{self.title}: {text}", flush=True)
        self.failed = True

    def tgc(self, *arguments):
        return subprocess.run([self.options.tgc, "compile", *self.arguments, *arguments], capture_output=True, text=True)

    def run(self):
        start = time.time()
        done = self.tgc("-o", str(self.work / "model.tgc"))
        seconds = time.time() - start
        if done.returncode != 0:
            return self.fail(done.stderr.strip()[-600:])
        notes = [line for line in done.stderr.splitlines() if line.startswith("note:")]
        self.tgc("--emit", "schedule", "-o", str(self.work / "schedule"))
        wanted = products((self.work / "schedule").read_text())
        modules = modules_of(self.work / "model.tgc")
        if not modules:
            return self.fail("no modules")
        engine = {name for name, module in modules.items() if b"_matrix_mad_" in module}
        for name, (_, schedule) in wanted.items():
            if name in modules and name not in engine:
                self.fail(f"{name} does not use the matrix engine: {schedule}")
        rows = sum(one_row for name, (one_row, _) in wanted.items() if name in modules)
        others = 0

        def each(item):
            number, (name, module) = item
            path = self.work / f"{number}.spv"
            said = validate(module, path)
            if said:
                self.fail(f"{name} is not valid: {said}")
            if is_double(module) and not self.options.double:
                self.fail(f"{name} computes in float64")
            every = self.options.every
            if self.ocloc and (name in engine or (every and number % every == 0)):
                self.compile(name, path, name in engine)
                return name not in engine
            return False

        with ThreadPoolExecutor(self.options.jobs) as pool:
            others = sum(pool.map(each, enumerate(modules.items(), 1)))
        loads = [row for row in self.rows if row[1].kinds["block"] == 0]
        print(f"{self.title}: {len(modules)} modules, {seconds:.0f} s; {len(wanted)} contractions and attention of 16 bits: "
              f"{len(engine & set(wanted))} by the matrix engine, {rows} of one row; {len(self.rows) + others} by ocloc",
              flush=True)
        for note in notes:
            print(f"  {note}")
        plain = {name for name, (_, schedule) in wanted.items() if "plain)" in schedule}
        blocks = [name for name, kernel in self.rows if kernel.kinds["block"]]
        both = sum(name not in plain for name in blocks)
        spills = sum(kernel.spill > 0 for _, kernel in self.rows)
        known = bool(self.ocloc)
        self.cells = [Path(self.arguments[0]).stem, self.target, len(modules), len(wanted), len(engine & set(wanted)), rows,
                      both if known else "", len(blocks) - both if known else "", spills if known else "", f"{seconds:.0f}"]
        if self.target in BLOCKS:
            for name, kernel in sorted(loads, key=lambda row: row[0]):
                print(f"  {name}: operands come element by element: {wanted.get(name, (0, ''))[1]}")
                self.failed |= self.options.strict
        spilling = [(name, kernel.spill) for name, kernel in self.rows if kernel.spill]
        if spilling:
            print("  spills: " + ", ".join(f"{name} {bytes} bytes" for name, bytes in sorted(spilling)))
            self.failed |= not self.options.spills

    def compile(self, name, path, engine):
        device = OCLOC_NAMES.get(self.target, self.target)
        text, info, log = assembly.compile_module(self.ocloc, path, device, engine)
        if text is None:
            return self.fail(f"{name}: {log.strip()[-600:]}")
        kernel = assembly.Kernel(text, info)
        if not engine:
            if kernel.spill:
                print(f"  {self.title}: {name} spills {kernel.spill} bytes")
            return None
        self.rows.append((name, kernel))
        for said in kernel.complaints():
            if "spill" not in said:
                self.fail(f"{name}: {said}")
        return None


COLUMNS = ("model", "GPU", "kernels", "contractions, attention", "by the matrix engine", "of one row", "both operands in blocks", "one",
           "spill", "seconds")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tgc")
    parser.add_argument("targets")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--precision", default="keep", help="what models are recast to, several in one word")
    parser.add_argument("--double", action="store_true", help="the models' own data is float64")
    parser.add_argument("--every", type=int, default=0, help="of the other modules every N-th goes through ocloc; 0: none")
    parser.add_argument("--strict", action="store_true", help="fail where operands come element by element on a device with blocks")
    parser.add_argument("--spills", action="store_true", help="list spills without failing")
    parser.add_argument("--table", action="store_true", help="a table at the end")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    ocloc = os.environ.get("TGC_OCLOC", str(NEWER / "ocloc"))
    if not Path(ocloc).exists():
        ocloc = None
    failed, table = False, []
    for model in options.models:
        with tempfile.TemporaryDirectory() as work:
            for target in options.targets.split():
                for precision in options.precision.split():
                    one = Model(options, model, target, precision, None if target == "cpu" else ocloc, Path(work))
                    one.run()
                    failed |= one.failed
                    if one.cells:
                        table.append(one.cells)
    if options.table:
        for cells in (COLUMNS, ["---"] * len(COLUMNS), *table):
            print("| " + " | ".join(map(str, cells)) + " |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
