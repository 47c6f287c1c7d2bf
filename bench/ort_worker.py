#!/usr/bin/env python3
"""Runs a model some times in onnxruntime and writes what came of it; a process of its own, so that its peak
memory is onnxruntime's.

  ort_worker.py MODEL.onnx INPUTS.npz OUT.json --runs 5 --threads 2 [--outputs OUT.npz] [--profile PREFIX]
"""

import argparse
import json
import time

import numpy as np
import onnxruntime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("inputs")
    parser.add_argument("out")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--outputs")
    parser.add_argument("--profile")
    args = parser.parse_args()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.log_severity_level = 3
    if args.profile:
        options.enable_profiling = True
        options.profile_file_prefix = args.profile
    begin = time.perf_counter()
    session = onnxruntime.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
    load = time.perf_counter() - begin
    feeds = dict(np.load(args.inputs))
    times, processor, results = [], [], None
    for _ in range(args.runs + 1):  # the first is a warm-up
        begin, beginProcessor = time.perf_counter(), time.process_time()
        results = session.run(None, feeds)
        times.append(time.perf_counter() - begin)
        processor.append(time.process_time() - beginProcessor)
    if args.outputs:
        names = [output.name for output in session.get_outputs()]
        np.savez(args.outputs, **dict(zip(names, results)))
    answer = {"seconds": times[1:], "processor": processor[1:], "first": times[0], "load": load,
              "version": onnxruntime.__version__}
    if args.profile:
        answer["profile"] = session.end_profiling()
    with open(args.out, "w", encoding="utf-8") as out:
        json.dump(answer, out)


if __name__ == "__main__":
    main()
