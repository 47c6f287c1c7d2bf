#!/usr/bin/env python3
"""Compares the ways to find schedules on ten kernels of Flux and Wan, reduced to sizes of milliseconds on a CPU.

  search_kernels.py                       20 s for each of raw, hc, tc, beam and mcts; then 200 s for beam and mcts
  search_kernels.py --seconds 60          other budgets; --times 0 leaves the long searches out
  search_kernels.py --model ten.onnx      only writes the model

One command: it writes a model of ten kernels with separate inputs (weights are external data that nobody needs: random
ones are measured with), runs `tgc tune --compare` on it, and prints for each kernel the best time of every way, and
beam's and mcts' share of the best that the long searches found.
"""

import argparse
import json
import os
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


def search(args, model, strategy, seconds, folder):
    """One search with a database of its own; seconds of the best schedule by workload, and the workloads' shapes."""
    database = os.path.join(folder, f"{strategy}-{seconds}.db")
    subprocess.run([args.tgc, "tune", model, "--device", args.device, "--db", database, "--search", strategy,
                    "--budget", f"{seconds}s"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file = database + ".json"
    subprocess.run([args.tgc, "db", "export", "--db", database, file], check=True, stdout=subprocess.DEVNULL)
    with open(file, encoding="utf-8") as text:
        everything = json.load(text)
    found = {}
    for record in everything["records"]:
        # What was measured again counts; a first measurement may be luck.
        if record["outcome"] == "ok":
            time = record["seconds"] * (1 if record["confirmed"] else 1.05)
            key = record["workload"]
            if time < found.get(key, (float("inf"),))[0]:
                found[key] = time, record["seconds"]
    names = {workload["key"]: workload["shape"] for workload in everything["workloads"]}
    return {key: seconds for key, (_, seconds) in found.items()}, names


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tgc", default=os.path.join(root, "build/bin/tgc"))
    parser.add_argument("--seconds", type=int, default=20, help="budget of each search")
    parser.add_argument("--times", type=int, default=10, help="the long searches' budget, as a multiple")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", help="write the model here and stop; or take it from here if it exists")
    args = parser.parse_args()
    if not (args.model and os.path.exists(args.model)):
        try:
            import onnx  # noqa: F401
        except ImportError:
            subprocess.run([os.path.join(root, "scripts/setup.sh")], check=True)
            os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])
    with tempfile.TemporaryDirectory() as folder:
        model = args.model or os.path.join(folder, "ten.onnx")
        if not os.path.exists(model):
            ten().save(model)
            if args.model:
                return
        columns, names = {}, {}
        for strategy in ("raw", "hc", "tc", "beam", "mcts"):
            columns[strategy], some = search(args, model, strategy, args.seconds, folder)
            names.update(some)
        for strategy in ("beam", "mcts") if args.times else ():
            columns[strategy + " long"], _ = search(args, model, strategy, args.seconds * args.times, folder)
        heads = list(columns)
        print("| kernel | " + " | ".join(heads) + " | beam reaches | mcts reaches |")
        print("| --- |" + " --- |" * (len(heads) + 2))
        shares = {"beam": [], "mcts": []}
        for key, name in sorted(names.items(), key=lambda item: -columns["tc"].get(item[0], 0)):
            if not any(key in column for column in columns.values()):
                continue
            least = min(column[key] for column in columns.values() if key in column)
            cells = [f"{columns[head][key] * 1e3:.2f}" if key in columns[head] else "-" for head in heads]
            for strategy in shares:
                reached = least / columns[strategy][key] if key in columns[strategy] else 0
                shares[strategy].append(reached)
                cells.append(f"{reached:.3f}")
            print(f"| {name} | " + " | ".join(cells) + " |")
        for strategy, reached in shares.items():
            if reached:
                print(f"{strategy} reaches {min(reached):.3f} to {max(reached):.3f} of the best of all columns, "
                      f"{sum(reached) / len(reached):.3f} on average")
        print(f"Milliseconds; {args.seconds} s a search, {args.times} times as long for the long ones.")


if __name__ == "__main__":
    main()
