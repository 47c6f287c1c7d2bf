#!/usr/bin/env python3
"""Compares the ways to find schedules on ten kernels of Flux and Wan, reduced to sizes of milliseconds on a CPU.

  search_kernels.py                       20 s for each of raw, hc, tc, beam and mcts; then 200 s for beam and mcts
  search_kernels.py --seconds 60          other budgets; --times 0 leaves the long searches out
  search_kernels.py --model ten.onnx      only writes the model
  search_kernels.py --folder F --only beam,long-beam    a part of the searches, to run parts side by side

One command: it writes a model of ten kernels with separate inputs (weights are external data that nobody needs: random
ones are measured with), searches it in every way, each with a database of its own, compiles a package from every
database, times the packages in turns, and prints for each kernel the time of every way, and beam's and mcts' share of
the best of all.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(here)
python = os.path.join(root, ".venv/bin/python")


class Model:
    """A graph that grows by calls; sizes are those of the models divided by about four."""

    def __init__(self):
        self.nodes, self.inputs, self.outputs, self.weights, self.count = [], [], [], [], 0

    def input(self, *shape):
        from onnx import TensorProto, helper

        name = f"x{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def weight(self, *shape):
        from onnx import StringStringEntryProto, TensorProto

        tensor = TensorProto(name=f"w{len(self.weights)}", data_type=TensorProto.FLOAT, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.append(StringStringEntryProto(key="location", value="ten.weights"))
        self.weights.append(tensor)
        return tensor.name

    def constant(self, values, kind=None):
        import numpy as np
        from onnx import numpy_helper

        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(values, kind or np.float32), name))
        return name

    def op(self, kind, *operands, outputs=1, **attributes):
        from onnx import helper

        self.count += 1
        names = [f"{kind}_{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, operands, names, name=f"{kind}_{self.count}", **attributes))
        return names[0] if outputs == 1 else names

    def output(self, value, *shape):
        from onnx import TensorProto, helper

        self.outputs.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, shape))

    def linear(self, x, inside, outside):
        return self.op("Add", self.op("MatMul", x, self.weight(inside, outside)), self.weight(outside))

    def attend(self, heads, queries, keys, depth):
        q, k, v = (self.input(heads, n, depth) for n in (queries, keys, keys))
        scores = self.op("MatMul", q, self.op("Transpose", k, perm=[0, 2, 1]))
        weights = self.op("Softmax", self.op("Mul", scores, self.constant(depth**-0.5)), axis=-1)
        self.output(self.op("MatMul", weights, v), heads, queries, depth)

    def save(self, path):
        from onnx import helper, save

        graph = helper.make_graph(self.nodes, "ten", self.inputs, self.outputs, self.weights)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


def ten():
    import numpy as np

    m = Model()
    tokens, width = 1152, 768
    # Flux: up with GELU, down with gate and residual, the merged projection, attention.
    m.output(m.op("Gelu", m.linear(m.input(tokens, width), width, 4 * width), approximate="tanh"), tokens, 4 * width)
    down = m.linear(m.input(tokens, 4 * width), 4 * width, width)
    m.output(m.op("Add", m.input(tokens, width), m.op("Mul", m.input(1, width), down)), tokens, width)
    m.output(m.linear(m.input(tokens, width), width, 7 * width), tokens, 7 * width)
    m.attend(6, tokens, tokens, 128)
    # LayerNorm with modulation; RMSNorm a head with RoPE on pairs; the modulation's vector.
    x, scale, shift = m.input(tokens, width), m.input(1, width), m.input(1, width)
    normed = m.op("LayerNormalization", x, m.weight(width), axis=-1, epsilon=1e-6)
    m.output(m.op("Add", m.op("Mul", normed, m.op("Add", scale, m.constant(1.0))), shift), tokens, width)
    x = m.input(tokens, 6, 64, 2)
    square = m.op("ReduceMean", m.op("Mul", x, x), m.constant([2, 3], np.int64), keepdims=1)
    u = m.op("Div", x, m.op("Sqrt", m.op("Add", square, m.constant(1e-6))))
    a, b = m.op("Split", u, outputs=2, axis=3, num_outputs=2)
    turned = m.op("Concat", m.op("Neg", b), a, axis=3)
    cos, sin = m.input(tokens, 1, 64, 1), m.input(tokens, 1, 64, 1)
    m.output(m.op("Add", m.op("Mul", u, cos), m.op("Mul", turned, sin)), tokens, 6, 64, 2)
    m.output(m.linear(m.input(1, width), width, 32768), 1, 32768)
    # Wan: cross attention; the VAE's causal convolution; its norm over channels with SiLU.
    m.attend(4, 2048, 512, 128)
    frames, high, wide, channels = 4, 30, 52, 96
    video = m.input(1, channels, frames, high, wide)
    convolved = m.op("Conv", video, m.weight(channels, channels, 3, 3, 3), m.weight(channels), pads=[2, 1, 1, 0, 1, 1])
    m.output(convolved, 1, channels, frames, high, wide)
    x = m.input(frames, high, wide, channels)
    norm = m.op("ReduceL2", x, m.constant([3], np.int64), keepdims=1)
    y = m.op("Mul", m.op("Mul", m.op("Div", x, m.op("Clip", norm, m.constant(1e-12))), m.constant(channels**0.5)),
             m.weight(channels))
    m.output(m.op("Mul", y, m.op("Sigmoid", y)), frames, high, wide, channels)
    return m


def search(args, model, strategy, seconds):
    """One search with a database of its own, unless it is there already; its path, the best seconds by the workload's
    shape (infinite: nothing was measured), and how many trials it took."""
    database = os.path.join(args.folder, f"{strategy}-{seconds}.db")
    if not os.path.exists(database):
        subprocess.run([args.tgc, "tune", model, "--device", args.device, "--db", database, "--search", strategy,
                        "--budget", f"{seconds}s", "--cuts", "0"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file = database + ".json"
    subprocess.run([args.tgc, "db", "export", "--db", database, file], check=True, stdout=subprocess.DEVNULL)
    with open(file, encoding="utf-8") as text:
        everything = json.load(text)
    names = {workload["key"]: workload["shape"] for workload in everything["workloads"]}
    found, trials = dict.fromkeys(names.values(), float("inf")), 0
    for record in everything["records"]:
        trials += 1
        if record["outcome"] == "ok":
            name = names[record["workload"]]
            found[name] = min(record["seconds"], found[name])
    return database, found, trials


class Package:
    """What the model becomes with one database."""

    def __init__(self, args, model, database, seconds):
        self.args, self.path, self.seconds = args, database + ".tgc", seconds
        self.schedules = {}
        subprocess.run([args.tgc, "compile", model, "--device", args.device, "--db", database, "-o", self.path],
                       check=True, stdout=subprocess.DEVNULL)

    def turn(self):
        """Times every kernel, parts of what was taken apart by themselves. `seconds` of (kernel, schedule) is shared by
        all packages: one schedule is one time, whichever search found it."""
        export = self.path + ".json"
        device = self.args.run_on or self.args.device
        subprocess.run([self.args.tgc, "bench", self.path, "--device", device, "--random-weights", "1",
                        "--random-inputs", "1", "--repeat", "5", "--export", export], check=True,
                       stdout=subprocess.DEVNULL)
        with open(export, encoding="utf-8") as text:
            for kernel in json.load(text)["kernels"]:
                self.schedules[kernel["kernel"]] = kernel["schedule"]
                self.seconds.setdefault((kernel["kernel"], kernel["schedule"]), []).append(kernel["seconds"])

    def secondsOf(self, shape):
        """Of the kernel of that shape and its parts; nothing if there is none. Shapes of the ten differ. What else the
        machine does makes turns longer, never shorter: the lower quartile counts."""
        parts = [statistics.quantiles(self.seconds[name, schedule] * 2, n=4)[0] for name, schedule in self.schedules.items()
                 if name.startswith(shape + "_")]
        return sum(parts) if parts else None


def table(columns, strategies, rows):
    heads = list(columns)
    lines = ["| kernel | " + " | ".join(heads) + " | " + " | ".join(f"{s} reaches" for s in strategies) + " |",
             "| --- |" + " --- |" * (len(heads) + len(strategies))]
    shares = {strategy: [] for strategy in strategies}
    for name in rows:
        times = {head: columns[head](name) for head in heads}
        least = min(seconds for seconds in times.values() if seconds)
        cells = [f"{times[head] * 1e3:.2f}" if times[head] else "-" for head in heads]
        for strategy in strategies:
            reached = least / times[strategy] if times[strategy] else 0
            shares[strategy].append(reached)
            cells.append(f"{reached:.3f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for strategy, reached in shares.items():
        lines.append("")
        lines.append(f"{strategy} reaches {min(reached):.3f} to {max(reached):.3f} of the best of all columns, "
                     f"{statistics.geometric_mean(max(r, 1e-9) for r in reached):.3f} as geometric mean")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tgc", default=os.path.join(root, "build/bin/tgc"))
    parser.add_argument("--seconds", type=int, default=20, help="budget of each search")
    parser.add_argument("--times", type=int, default=10, help="the long searches' budget, as a multiple")
    parser.add_argument("--device", default="cpu", help="what to compile for")
    parser.add_argument("--run-on", help="device of this machine, where the other one is a target's name")
    parser.add_argument("--model", help="write the model here and stop; or take it from here if it exists")
    parser.add_argument("--folder", help="keep databases here; searches whose database is there are not repeated")
    parser.add_argument("--only", help="these searches alone, without a table: raw,hc,tc,beam,mcts,long-beam,long-mcts")
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    if not (args.model and os.path.exists(args.model)):
        try:
            import onnx  # noqa: F401
        except ImportError:
            subprocess.run([os.path.join(root, "scripts/setup.sh")], check=True)
            os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])
    with tempfile.TemporaryDirectory() as scratch:
        args.folder = args.folder or scratch
        os.makedirs(args.folder, exist_ok=True)
        model = args.model or os.path.join(args.folder, "ten.onnx")
        if not os.path.exists(model):
            ten().save(model)
            if args.model:
                return
        wanted = ["raw", "hc", "tc", "beam", "mcts"] + (["long-beam", "long-mcts"] if args.times else [])
        if args.only:
            wanted = [name for name in args.only.split(",") if name in wanted]
        found, packages, counts, seconds = {}, {}, {}, {}
        for name in wanted:
            long = name.startswith("long-")
            database, found[name], counts[name] = search(args, model, name.removeprefix("long-"),
                                                         args.seconds * (args.times if long else 1))
            # Whole kernels without any option take minutes.
            if name != "raw" and not args.only:
                packages[name] = Package(args, model, database, seconds)
        if args.only:
            return
        for _ in range(args.turns):
            for package in packages.values():
                package.turn()
        columns = {name: package.secondsOf for name, package in packages.items()}
        # Parts of what was taken apart are workloads too, but no kernels of the model.
        names = {name for column in found.values() for name in column if any(time(name) for time in columns.values())}
        rows = sorted(names, key=lambda name: -max(time(name) or 0 for time in columns.values()))
        print(table({"raw": lambda name: math.isfinite(found["raw"].get(name, math.inf)) and found["raw"][name], **columns},
                    [name for name in ("beam", "mcts") if name in columns], rows))
        print(f"\nMilliseconds; {args.seconds} s a search, {args.times} times as long for the long ones; the packages "
              f"made of each database in {args.turns} turns, equal schedules together, lower quartiles; raw as its search measured it. Trials: " +
              ", ".join(f"{name} {count}" for name, count in counts.items()) + ".")


if __name__ == "__main__":
    main()
