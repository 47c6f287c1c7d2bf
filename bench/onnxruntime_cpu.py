#!/usr/bin/env python3
"""Compares tgc on the CPU with onnxruntime: the same model, weights, inputs and threads, runs interleaved.

  onnxruntime_cpu.py sdvae sd15-b2              time both, print the table
  onnxruntime_cpu.py sdvae --update             and put the rows into docs/performance.md
  onnxruntime_cpu.py path/to/model.onnx         any model; missing external weights are made
  onnxruntime_cpu.py sdvae --databases beam=beam.db mcts=mcts.db    and packages of searched schedules beside

One command: it goes on in .venv, which it makes, unless this Python has onnxruntime; unpacks the graph, makes weights by seed, makes
the f32 copy that onnxruntime needs (it has no bf16 convolutions), compiles with --precision f32, and then takes
turns: each round runs all, each in a process of its own, so that the peak memory is each one's own. Packages are of
the heuristic's schedules, and one of each database's. The error is the largest difference as a share of the largest
output.
"""

import argparse
import importlib.util
import json
import lzma
import os
import shutil
import statistics
import subprocess
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(here)
python = os.path.join(root, ".venv/bin/python")


def insideVenv():
    """Goes on in .venv, which scripts/setup.sh makes, so that one command is enough from anywhere."""
    modules = ("onnx", "onnxruntime", "ml_dtypes")
    if os.path.abspath(sys.prefix) == os.path.join(root, ".venv") or all(map(importlib.util.find_spec, modules)):
        return
    subprocess.run([os.path.join(root, "scripts/setup.sh")], check=True)
    os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])


def child(command, threads):
    """Runs a command; returns (seconds, peak bytes). Raises RuntimeError with its last words if it fails."""
    # Without --db there are the heuristic's schedules, whatever this machine has been tuned for.
    environment = {**os.environ, "TGC_THREADS": str(threads), "TGC_DATABASE": os.path.join(root, "no-such.db")}
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace", env=environment)
    words = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = words.strip().splitlines()[-3:]
        raise RuntimeError(f"{os.path.basename(command[0])} {command[1]}: exit {process.returncode}: {' '.join(last)}")
    return time.perf_counter() - begin, usage.ru_maxrss * 1024


def locate(model, work):
    """Path of the ONNX file of a name of models/graphs, unpacked into work, or of a path as it is."""
    packed = os.path.join(root, "models/graphs", model + ".onnx.xz")
    if not os.path.exists(packed):
        if not os.path.exists(model):
            raise SystemExit(f"{model}: neither in models/graphs nor a file")
        return model
    path = os.path.join(work, model + ".onnx")
    if not os.path.exists(path):
        with lzma.open(packed) as source, open(path + ".part", "wb") as out:
            shutil.copyfileobj(source, out)
        os.replace(path + ".part", path)
    return path


def makeInputs(path, seed):
    """Normally distributed inputs, rounded to bf16 so that every precision reads the same; timesteps are whole."""
    import ml_dtypes
    import numpy as np
    import onnx

    generator = np.random.default_rng(seed)
    inputs = {}
    for info in onnx.load(path, load_external_data=False).graph.input:
        shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        kind = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        if kind != np.float32:
            inputs[info.name] = np.zeros(shape, kind)
        elif sum(shape) == len(shape) or info.name.startswith("timestep"):
            inputs[info.name] = np.full(shape, 500, kind)
        else:
            inputs[info.name] = generator.standard_normal(shape).astype(ml_dtypes.bfloat16).astype(kind)
    return inputs


class Comparison:
    def __init__(self, args, model):
        self.args = args
        self.name = os.path.splitext(os.path.basename(model))[0]
        if self.name == "model":  # ONNX's test layout: the folder has the name
            self.name = os.path.basename(os.path.dirname(os.path.abspath(model)))
        self.work = os.path.join(args.work, f"seed{args.seed}")
        os.makedirs(self.work, exist_ok=True)
        self.model = locate(model, self.work)
        self.folder = os.path.dirname(os.path.abspath(self.model))
        self.ort = {"seconds": [], "peak": 0}
        self.packages = []
        if os.path.exists(args.tgc):
            self.packages.append({"name": self.name, "file": self.file(""), "options": []})
        for text in args.databases:
            label, _, database = text.partition("=")
            self.packages.append({"name": f"{self.name}, {label}", "file": self.file("-" + label),
                                  "options": ["--db", database]})

    def file(self, ending):
        return os.path.join(self.work, f"{self.name}{ending}")

    def prepare(self):
        import numpy as np
        import onnx

        import recast
        import weights

        graph = onnx.load(self.model, load_external_data=False).graph
        files = {place["location"] for tensor in graph.initializer if (place := weights.external(tensor))}
        if not all(os.path.exists(os.path.join(self.folder, file)) for file in files):
            if os.path.exists(self.args.tgc):
                child([self.args.tgc, "weights", self.model, "--seed", str(self.args.seed), "-o", self.folder],
                      self.args.threads)
            else:
                weights.write(self.model, self.folder, self.args.seed)
        if not os.path.exists(self.file(".f32.onnx")):
            recast.recast(self.model, self.file(".f32.onnx"))
        np.savez(self.file(".inputs.npz"), **makeInputs(self.file(".f32.onnx"), self.args.seed))

    def runOrt(self):
        out = self.file(".ort.json")
        _, peak = child([sys.executable, os.path.join(here, "ort_worker.py"), self.file(".f32.onnx"),
                         self.file(".inputs.npz"), out, "--runs", str(self.args.runs), "--threads",
                         str(self.args.threads), "--outputs", self.file(".ort.npz")], self.args.threads)
        with open(out, encoding="utf-8") as file:
            answer = json.load(file)
        self.ort["seconds"] += answer["seconds"]
        self.ort["peak"] = max(self.ort["peak"], peak)
        self.ort["version"] = answer["version"]

    def compileTgc(self, package):
        package["compile"], _ = child([self.args.tgc, "compile", self.model, "-o", package["file"] + ".tgc", "--device",
                                       self.args.device, "--precision", "f32", *package["options"]], self.args.threads)
        child([self.args.tgc, "run", package["file"] + ".tgc", "--input", self.file(".inputs.npz"), "--weights",
               self.folder, "-o", package["file"] + ".tgc.npz"], self.args.threads)
        package["seconds"], package["peak"] = [], 0

    def runTgc(self, package):
        out = package["file"] + ".tgc.json"
        _, peak = child([self.args.tgc, "bench", package["file"] + ".tgc", "--input", self.file(".inputs.npz"),
                         "--weights", self.folder, "--repeat", str(self.args.runs), "--export", out], self.args.threads)
        with open(out, encoding="utf-8") as file:
            package["seconds"] += json.load(file)["repetitions"]
        package["peak"] = max(package["peak"], peak)

    def error(self, package):
        import numpy as np

        ours, theirs = np.load(package["file"] + ".tgc.npz"), np.load(self.file(".ort.npz"))
        worst = 0.0
        for name in theirs.files:
            a, b = ours[name].astype(np.float64), theirs[name].astype(np.float64)
            if a.shape != b.shape or not np.isfinite(a).all():
                return float("inf")
            worst = max(worst, float(np.abs(a - b).max() / np.abs(b).max()))
        return worst

    def measure(self):
        self.prepare()
        for package in self.packages:
            self.compileTgc(package)
        for _ in range(self.args.rounds):
            self.runOrt()
            for package in self.packages:
                self.runTgc(package)
        ort = {"ort": statistics.median(self.ort["seconds"]), "ort peak": self.ort["peak"],
               "version": self.ort["version"]}
        if not self.packages:
            return [{"model": self.name, **ort}]
        return [{"model": package["name"], **ort, "tgc": statistics.median(package["seconds"]),
                 "error": self.error(package), "peak": package["peak"], "compile": package["compile"]}
                for package in self.packages]


heading = ["model", "tgc s", "onnxruntime s", "tgc / ort", "error", "tgc peak GiB", "ort peak GiB", "compile s"]


def cells(row):
    gib = 2**30
    if "tgc" not in row:
        return [row["model"], "", f"{row['ort']:.2f}", "", "", "", f"{row['ort peak'] / gib:.2f}", ""]
    return [row["model"], f"{row['tgc']:.2f}", f"{row['ort']:.2f}", f"{row['tgc'] / row['ort']:.2f}",
            f"{row['error']:.1e}", f"{row['peak'] / gib:.2f}", f"{row['ort peak'] / gib:.2f}", f"{row['compile']:.0f}"]


def markdown(rows):
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def updateTable(path, rows, args, version):
    """Replaces the rows of the models measured, between the markers; other models' rows stay."""
    begin, end = "<!-- onnxruntime-cpu -->\n", "<!-- /onnxruntime-cpu -->\n"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    head, _, rest = text.partition(begin)
    old, found, tail = rest.partition(end)
    if not found:
        raise SystemExit(f"{path} has no {begin.strip()} … {end.strip()}")
    kept = {}
    for line in old.splitlines():
        columns = [column.strip() for column in line.strip().strip("|").split("|")]
        if len(columns) == len(heading) and columns[0] not in ("model", "---"):
            kept[columns[0]] = columns
    kept.update((row[0], row) for row in rows)
    note = (f"\nf32, {args.threads} threads, {processor()}, onnxruntime {version}; median of "
            f"{args.rounds * args.runs} runs each in {args.rounds} turns; error: largest difference / largest output.\n")
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + begin + markdown(kept.values()) + note + end + tail)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--tgc", default=os.path.join(root, "build/bin/tgc"),
                        help="the compiler; onnxruntime alone is measured where it is missing")
    parser.add_argument("--databases", nargs="*", default=[], metavar="LABEL=FILE",
                        help="of tgc tune --precision f32 on this machine and as many cores")
    parser.add_argument("--prepare", action="store_true", help="only make the weights, inputs and the f32 copy")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=2, help="measured runs of each in a round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", default=os.path.join(root, "build/bench"), help="where weights and packages go")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="an error above this is a wrong result")
    parser.add_argument("--update", action="store_true", help="write the rows into docs/performance.md")
    return parser.parse_args()


def main():
    insideVenv()
    args = parse()
    measured = []
    for model in args.models:
        try:
            comparison = Comparison(args, model)
            if args.prepare:
                comparison.prepare()
                continue
            measured += comparison.measure()
        except RuntimeError as error:
            raise SystemExit(f"{model}: {error}") from None
        print(f"{comparison.name} measured", file=sys.stderr, flush=True)
    if args.prepare:
        return
    rows = [cells(row) for row in measured]
    print(markdown(rows), end="")
    if args.update:
        updateTable(os.path.join(root, "docs/performance.md"), rows, args, measured[-1]["version"])
    wrong = 0
    for row in measured:
        if "error" not in row:
            continue
        right = row["error"] <= args.tolerance  # false for NaN
        wrong += not right
        print(f"{row['model']}: {'right' if right else 'WRONG'}: differs from onnxruntime by "
              f"{row['error']:.1e} of the output's scale")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
