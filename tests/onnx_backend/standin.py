#!/usr/bin/env python3
"""Answers `tgc check` with onnxruntime: the runner's own test uses it, and it is a yardstick for the rates.

  run.py --tgc tests/onnx_backend/standin.py      what share of the cases a mature runtime passes

STANDIN_CRASH and STANDIN_HANG name a case (a directory) that the process shall die or hang on;
STANDIN_WRONG one whose result it shall call wrong; STANDIN_BATCH=0 refuses --cases, as a usage error;
STANDIN_ALONE=well makes it die or hang only where several cases are asked about.
"""

import argparse
import json
import os
import signal
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper


def tensors(data, word):
    names = [name for name in os.listdir(data) if name.startswith(word + "_")]
    for index in range(len(names)):
        tensor = onnx.TensorProto()
        with open(os.path.join(data, f"{word}_{index}.pb"), "rb") as file:
            tensor.ParseFromString(file.read())
        yield tensor


def check(model, data, args):
    """Returns (exit code, message) as `tgc check MODEL --data DIR` would."""
    case = os.path.basename(os.path.dirname(model))
    if os.environ.get("STANDIN_ALONE") == "well" and not args.cases:
        return 0, "agrees"
    if case == os.environ.get("STANDIN_CRASH"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if case == os.environ.get("STANDIN_HANG"):
        time.sleep(3600)
    if case == os.environ.get("STANDIN_WRONG"):
        return 1, "output 0 differs"
    graph = onnx.load(model).graph
    if any(not info.type.HasField("tensor_type") for info in list(graph.input) + list(graph.output)):
        return 4, "not a tensor"
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        feeds = {info.name: numpy_helper.to_array(t) for info, t in zip(graph.input, tensors(data, "input"))}
        results = session.run(None, feeds)
    except Exception as error:  # onnxruntime has no one base class for what it cannot do
        return 4, str(error).splitlines()[0]
    for index, (result, tensor) in enumerate(zip(results, tensors(data, "output"))):
        expected = numpy_helper.to_array(tensor)
        if result.shape != expected.shape:
            return 1, f"output {index} has shape {result.shape}, not {expected.shape}"
        if expected.dtype.kind in "OSU":
            same = np.array_equal(result.astype(str), expected.astype(str))
        else:
            wide = [np.asarray(value).astype(np.float64) for value in (result, expected)]
            same = np.allclose(*wide, rtol=args.rtol, atol=args.atol, equal_nan=True)
        if not same:
            return 1, f"output {index} differs"
    return 0, "agrees"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["check"])
    parser.add_argument("model", nargs="?")
    parser.add_argument("--data")
    parser.add_argument("--cases")
    parser.add_argument("--json")
    parser.add_argument("--rtol", type=float, default=1e-3)
    parser.add_argument("--atol", type=float, default=1e-7)
    args = parser.parse_args()
    if not args.cases:
        code, message = check(args.model, args.data, args)
        print(message)
        sys.exit(code)
    if os.environ.get("STANDIN_BATCH") == "0":
        sys.exit(2)
    with open(args.cases, encoding="utf-8") as listing, open(args.json, "w", encoding="utf-8") as out:
        for line in listing:
            model, data = line.rstrip("\n").split("\t")
            code, message = check(model, data, args)
            out.write(json.dumps({"model": model, "exit": code, "message": message}) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
