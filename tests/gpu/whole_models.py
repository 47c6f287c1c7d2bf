#!/usr/bin/env python3
"""Checks whole models against PyTorch evaluating the same ONNX graph with the same random weights and inputs.

  whole_models.py [OPTIONS] MODEL.onnx[.xz]…
  --tgc PATH        the command (bin/tgc beside this script's folder)
  --target NAME     what to compile for (cuda:h200)
  --device NAME     where tgc runs (cuda:0)
  --torch NAME      where PyTorch runs (cuda)
  --seed N          of weights and inputs (1)
  --bound N         how many times PyTorch's own error tgc's may be (1.5)
  --json FILE       all numbers

Three runs a model: tgc's, PyTorch's in the graph's types, and PyTorch's with every 16-bit float as f32 (no TF32), which
is the reference. An error is the norm of the difference over the norm of the reference. Weights are made where they are
used (random_weights.py), so that a model needs little more memory than its largest tensors. Rows: model, error of tgc,
of PyTorch, their ratio; then seconds to compile and for each of the three runs.
"""
import argparse, json, lzma, os, re, shutil, subprocess, sys, tempfile, time

import numpy as np
import torch

import onnx_file, onnx_torch, random_weights

# tgc keeps a tensor of up to so many bytes that lies in the model's file with its value.
INLINE_BYTES = 1024


def weight_maker(seed, device):
    def make(tensor):
        kind = onnx_torch.TYPES[tensor.type]
        size = int(np.prod(tensor.dims)) * kind.itemsize
        if not kind.is_floating_point or tensor.external is None and size <= INLINE_BYTES:
            return None
        return random_weights.make(tensor.name, tensor.dims, kind, seed, device)
    return make


def make_inputs(model, name, seed):
    """Times and positions like those of real use: what is rounded on its way to a sine must be exact."""
    generator = torch.Generator().manual_seed(seed)
    inputs = {}
    for value in model.inputs:
        kind = onnx_torch.TYPES[value.type]
        if value.name == "timestep":
            made = torch.full(value.dims, 0.5 if name.startswith("flux") else 500.0)
        elif value.name == "guidance":
            made = torch.full(value.dims, 4.0)
        elif value.name == "img_ids":
            side = round(value.dims[0] ** 0.5)
            made = torch.zeros(value.dims)
            made[:, 1] = torch.arange(value.dims[0]) // side
            made[:, 2] = torch.arange(value.dims[0]) % side
        elif value.name == "txt_ids" or not kind.is_floating_point:
            made = torch.zeros(value.dims)
        else:
            made = torch.randn(value.dims, generator=generator)
        inputs[value.name] = made.to(kind)
    return inputs


def to_numpy(tensor):
    return tensor.view(torch.uint8).numpy().view("V2").reshape(tensor.shape) if tensor.dtype == torch.bfloat16 \
        else tensor.numpy()


def from_numpy(array):
    return torch.from_numpy(array.view("u2")).view(torch.bfloat16) if array.dtype.kind == "V" else torch.from_numpy(array)


def call(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:2])}: {done.stderr.strip()[-500:]}")
    return done.stdout


def run_tgc(arguments, path, inputs, folder, row):
    package, given, made = (os.path.join(folder, name) for name in ("model.tgc", "inputs.npz", "outputs.npz"))
    start = time.time()
    call(arguments.tgc, "compile", path, "-o", package, "--device", arguments.target)
    row["compile"] = time.time() - start
    np.savez(given, **{name: to_numpy(tensor) for name, tensor in inputs.items()})
    start = time.time()
    row["output"] = call(arguments.tgc, "run", package, "--device", arguments.device, "--random-weights",
                         str(arguments.seed), "--input", given, "-o", made).strip().splitlines()[-1]
    row["tgc s"] = time.time() - start
    with np.load(made) as arrays:
        return {name: from_numpy(arrays[name]) for name in arrays.files}


def run_torch(arguments, model, inputs, widen):
    start = time.time()
    outputs = onnx_torch.evaluate(model, inputs, arguments.torch, widen, weight_maker(arguments.seed, arguments.torch))
    outputs = {name: value.cpu() for name, value in outputs.items()}
    if arguments.torch != "cpu":
        torch.cuda.empty_cache()
    return outputs, time.time() - start


def error(outputs, reference):
    """Of all outputs together; anything that is not finite on one side alone is infinite."""
    square = total = 0.0
    for name, expected in reference.items():
        expected, got = expected.double(), outputs[name].double()
        if got.shape != expected.shape or not torch.equal(got.isfinite(), expected.isfinite()):
            return float("inf")
        finite = expected.isfinite()
        square += (got - expected)[finite].square().sum().item()
        total += expected[finite].square().sum().item()
    return (square / total) ** 0.5


def check(arguments, path):
    name = re.sub(r"\.onnx(\.xz)?$", "", os.path.basename(path))
    if name == "model":  # of a folder with test data
        name = os.path.basename(os.path.dirname(os.path.abspath(path)))
    row = {"model": name}
    with tempfile.TemporaryDirectory() as folder:
        if path.endswith(".xz"):
            packed, path = path, os.path.join(folder, name + ".onnx")
            with lzma.open(packed) as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target)
        model = onnx_file.read(path)
        inputs = make_inputs(model, name, arguments.seed)
        ours = run_tgc(arguments, path, inputs, folder, row)
        theirs, row["torch s"] = run_torch(arguments, model, inputs, False)
        reference, row["f32 s"] = run_torch(arguments, model, inputs, True)
    row["finite"] = min(value.isfinite().double().mean().item() for value in reference.values())
    row["scale"] = max(value.double().square().mean().sqrt().item() for value in reference.values())
    row["tgc"], row["torch"] = error(ours, reference), error(theirs, reference)
    row["ratio"] = row["tgc"] / row["torch"] if row["torch"] else float(row["tgc"] > 1e-5)
    row["good"] = row["ratio"] <= arguments.bound and row["finite"] == 1
    return row


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--tgc", default=os.path.join(here, "..", "bin", "tgc"))
    parser.add_argument("--target", default="cuda:h200")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--torch", default="cuda")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bound", type=float, default=1.5)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    rows, bad = [], 0
    print(f"{'model':<12} {'tgc':>9} {'PyTorch':>9} {'ratio':>6} {'rms':>8}  verdict  seconds: compile, tgc, PyTorch, f32",
          flush=True)
    for path in arguments.models:
        try:
            row = check(arguments, path)
            rows.append(row)
            bad += not row["good"]
            print(f"{row['model']:<12} {row['tgc']:9.2e} {row['torch']:9.2e} {row['ratio']:6.3f} {row['scale']:8.2e}  "
                  f"{'ok' if row['good'] else 'WRONG':<7}  {row['compile']:.1f} {row['tgc s']:.1f} {row['torch s']:.1f} "
                  f"{row['f32 s']:.1f}  ({row['output']})", flush=True)
        except Exception as problem:
            bad += 1
            print(f"{os.path.basename(path):<12} failed: {problem}", flush=True)
            rows.append({"model": path, "message": str(problem)})
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
