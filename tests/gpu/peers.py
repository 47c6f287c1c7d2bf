#!/usr/bin/env python3
"""Measures kernels of tgc beside PyTorch's (cuBLAS, cuDNN), in one process: peers.py [OPTIONS] FOLDER

FOLDER holds packages that `tgc bench --kernels FILE --save FOLDER` wrote; a kernel's name says its shape, and so what
PyTorch does for the same (kernels.py). Both sides have the last-level cache emptied before every launch, alternate,
and are timed on the device. Random data close to normal on both sides.
  --library PATH   libtgc_runtime.so
  --device NAME    cuda:0; cpu works too, for a test of this script
  --rounds N       how often both sides are measured (5)
  --json FILE      all numbers
"""
import argparse, ctypes as C, glob, json, os, re, statistics, sys, time


class ProgramInfo(C.Structure):
    _fields_ = [(n, C.c_size_t) for n in ("inputs", "outputs", "weights", "run_launches", "prepare_launches")] + \
               [(n, C.c_uint64) for n in ("source", "weight", "prepared", "run", "peak")]


class LaunchInfo(C.Structure):
    _fields_ = [(n, C.c_char_p) for n in ("function", "kernel", "schedule", "shape")] + \
               [("grid", C.c_uint64 * 3), ("flops", C.c_uint64), ("bytes", C.c_uint64), ("nodes", C.c_char_p)]


class Ours:
    """A package's rounds: launches of the kernel between launches that empty the cache."""

    def __init__(self, library, device, path):
        self.lib = library
        self.program = C.c_void_p()
        self.call("tgc_program_load", device, path.encode(), C.byref(self.program))
        self.call("tgc_program_use_random", self.program, C.c_uint64(1))
        info = ProgramInfo()
        self.call("tgc_program_describe", self.program, C.byref(info))
        self.times = (C.c_uint64 * info.run_launches)()
        self.flush = []
        for i in range(info.run_launches):
            launch = LaunchInfo()
            self.call("tgc_program_launch", self.program, C.c_int(0), C.c_size_t(i), C.byref(launch))
            self.flush.append(launch.kernel.startswith(b"tgc_flush"))
            if not self.flush[-1]:
                self.schedule = launch.schedule.decode()

    def call(self, name, *arguments):
        if getattr(self.lib, name)(*arguments) != 0:
            raise RuntimeError(self.lib.tgc_last_error().decode())

    def measure(self):
        self.call("tgc_program_run_timed", self.program, None, C.c_size_t(0), None, C.c_size_t(0), self.times,
                  C.c_size_t(len(self.times)))
        rounds, current = [], 0.0
        for i, flush in enumerate(self.flush):
            if flush:
                if current:
                    rounds.append(current)
                current = 0.0
            else:
                current += self.times[i] * 1e-9
        return rounds + [current]

    def close(self):
        self.lib.tgc_program_unload(self.program)


def peer(torch, name, device):
    """What PyTorch does for the kernel of that name, and its floating-point operations; None if it is none of ours."""
    match = re.fullmatch(r"([a-z_]+?)_(\d+(?:x\d+)+)", name)
    if not match:
        return None
    kind, sizes = match[1], [int(s) for s in match[2].split("x")]
    functional = torch.nn.functional

    def random(*shape):
        return torch.randn(*shape, device=device, dtype=torch.float32).to(torch.bfloat16)

    if kind in ("gemm", "gemm_gelu"):
        m, n, k = sizes
        x, w, b = random(m, k), random(n, k), random(n)
        if kind == "gemm":
            return lambda: functional.linear(x, w), 2 * m * n * k
        return lambda: torch._addmm_activation(b, x, w.t(), use_gelu=True), 2 * m * n * k
    if kind == "attention":
        h, m, n, d = sizes
        q, k, v = random(1, h, m, d), random(1, h, n, d), random(1, h, n, d)
        if device == "cpu":
            return lambda: functional.scaled_dot_product_attention(q, k, v), 4 * h * m * n * d
        from torch.nn.attention import SDPBackend, sdpa_kernel

        def attend():
            with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
                return functional.scaled_dot_product_attention(q, k, v)
        return attend, 4 * h * m * n * d
    if kind in ("norm", "gate"):
        m, c = sizes
        x, y, scale, shift = random(m, c), random(m, c), random(c), random(c)
        if kind == "norm":
            function = lambda: functional.layer_norm(x, (c,), eps=1e-6) * (1 + scale) + shift
        else:
            function = lambda: y + scale * x
        return (function if device == "cpu" else torch.compile(function)), 0
    if kind == "gemv":
        n, k = sizes
        v, w = random(k), random(n, k)
        return lambda: torch.mv(w, v), 2 * n * k
    return None


def time_peer(torch, function, device, flush, launches):
    times = []
    for _ in range(launches):
        flush.sum()
        if device == "cpu":
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        else:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            function()
            end.record()
            times.append((start, end))
    if device == "cpu":
        return times
    torch.cuda.synchronize()
    return [start.elapsed_time(end) * 1e-3 for start, end in times]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--library", required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    import torch
    library = C.CDLL(arguments.library)
    library.tgc_last_error.restype = C.c_char_p
    handle = C.c_void_p()
    if library.tgc_device_open(arguments.device.encode(), C.byref(handle)) != 0:
        sys.exit(library.tgc_last_error().decode())
    flush = torch.zeros(32 << 20, dtype=torch.float32, device=arguments.device)  # 128 MiB, more than any last cache
    results, ratios = [], {}
    print(f"{'ours us':>9} {'peer us':>9} {'ratio':>6} {'TFLOP/s':>8} {'peer':>8}  kernel", flush=True)
    for path in sorted(glob.glob(os.path.join(arguments.folder, "*.tgc"))):
        name = os.path.basename(path)[:-4]
        try:
            found = peer(torch, name, arguments.device)
            if not found:
                continue
            function, flops = found
            ours = Ours(library, handle, path)
            for _ in range(3):
                function()
            ours.measure()
            mine, theirs = [], []
            for _ in range(arguments.rounds):
                mine += ours.measure()
                theirs += time_peer(torch, function, arguments.device, flush, 4)
            a, b = statistics.median(mine), statistics.median(theirs)
            results.append({"kernel": name, "schedule": ours.schedule, "seconds": a, "peer": b, "ratio": b / a,
                            "samples": mine, "peer_samples": theirs})
            ratios.setdefault(name.rsplit("_", 1)[0], []).append(b / a)
            print(f"{a * 1e6:9.2f} {b * 1e6:9.2f} {b / a:6.3f} {flops / a * 1e-12:8.1f} {flops / b * 1e-12:8.1f}  {name}  "
                  f"{ours.schedule}", flush=True)
            ours.close()
        except RuntimeError as error:
            print(f"{'-':>9} {'-':>9} {'-':>6} {'-':>8} {'-':>8}  {name}  {error}", flush=True)
            results.append({"kernel": name, "message": str(error)})
    for kind, values in ratios.items():
        print(f"geometric mean of {len(values)} {kind}: {statistics.geometric_mean(values):.3f}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(results, file, indent=1)
    return 0 if all("ratio" in r for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
