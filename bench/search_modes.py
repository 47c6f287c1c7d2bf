#!/usr/bin/env python3
"""The five ways to find schedules (raw, hc, tc, mcts, beam) on one model, in the form in which tinygrad's are published.

  search_modes.py MODEL.onnx --device cuda:h200 --run-on cuda:0     47 s a way, then every kernel by itself for raw

hc, tc, mcts and beam are `tgc tune --compare` at equal budgets, in the table as the sum of the kernels' times; where a
search had no time for a kernel it keeps the heuristic's schedule. Raw, one thread an element and no options, takes
minutes: every kernel runs once, alone, for --limit seconds at most. Those that take longer count at the rate of the
largest of their class that ended; attention at the rate of one head of as many rows.
"""

import argparse
import os
import re
import subprocess
import tempfile

MODES = ["hc", "tc", "mcts", "beam"]


def attention(rows, keys, depth):
    """One head as kernel text."""
    q, k = f"memref<{rows}x{depth}xbf16>", f"memref<{keys}x{depth}xbf16>"
    return f"""kernel.func @one_head(%q: {q}, %k: {k}, %v: {k}, %o: {q}) axes(%m = {rows}, %n = {keys}, %d = {depth}, %e = {depth}) {{
  %a = kernel.load %q[%m, %d] : {q}
  %c = kernel.load %k[%n, %d] : {k}
  %s = kernel.contract %a, %c over(%d) : bf16, bf16 -> f32
  %w = kernel.load %v[%n, %e] : {k}
  %r = kernel.softmax %s, %w over(%n) : f32, bf16 -> f32
  %z = arith.truncf %r : f32 to bf16
  kernel.store %z, %o[%m, %e] : {q}
}}
"""


def compared(args, folder):
    """Kernel -> (launches, {mode: (ms, GFLOP/s)}, whether it is a part of another) of tgc tune --compare."""
    command = [args.tgc, "tune", args.model, "--device", args.device, "--db", os.path.join(folder, "modes.db"), "--compare",
               ",".join(MODES), "--budget", f"{args.seconds}s", "--rows", "100000"]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(text, flush=True)
    columns = re.findall(r"(\w+) ms GFLOP/s", text.splitlines()[0])
    kernels = {}
    for line in text.splitlines()[1:]:
        words = line.split()
        if words[0] == "model":
            break
        cells, rest = words[1 : 1 + 2 * len(columns)], words[1 + 2 * len(columns) :]
        times = {c: (float(cells[2 * i]), float(cells[2 * i + 1])) for i, c in enumerate(columns) if c != "raw" and cells[2 * i + 1] != "-"}
        kernels[rest[1] if rest[0] == "part" else rest[0]] = (int(words[0]), times, rest[0] == "part")
    return kernels


def run_raw(args, path, name):
    """(ms, GFLOP/s) of one run without options, or None if it takes too long or is refused."""
    command = [args.tgc, "bench", "--kernels", path, "--kernel", name, "--schedule", f"{name}=", "--device", args.device, "--run-on",
               args.run_on, "--warmup", "0", "--repeat", "1", "--rounds", "1", "--samples", "0", "--warm"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=args.limit)
    except subprocess.TimeoutExpired:
        return None
    words = done.stdout.splitlines()[-1].split() if done.returncode == 0 else []
    if len(words) < 3:
        print(f"{name}: {done.stdout[-300:]}")
        return None
    return float(words[0]) / 1000, float(words[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--tgc", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../build/bin/tgc"))
    parser.add_argument("--device", default="cuda:h200", help="to compile for")
    parser.add_argument("--run-on", default="cuda:0", help="device of this machine")
    parser.add_argument("--seconds", type=int, default=47, help="of each way")
    parser.add_argument("--limit", type=float, default=15, help="seconds of a kernel without options")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kernels = compared(args, folder)
        path = os.path.join(folder, "kernels.mlir")
        subprocess.run([args.tgc, "compile", args.model, "--device", args.device, "--emit=kernel", "-o", path], check=True)
        whole = {name: entry for name, entry in kernels.items() if not entry[2]}
        raw = {}
        for name in whole:
            if not name.startswith("attend"):
                raw[name] = run_raw(args, path, name)
        flops = {name: max((ms * rate for ms, rate in times.values()), default=0) for name, (_, times, _) in whole.items()}
        guessed = 0
        for name, (runs, times, _) in whole.items():
            if raw.get(name):
                continue
            guessed += 1
            if head := re.match(r"attend_(?:b\d+)?m(\d+)n(\d+)r(\d+)k(\d+)", name):
                m, _, r, k = map(int, head.groups())
                one = os.path.join(folder, "head.mlir")
                open(one, "w").write(attention(m, r, k))
                done = run_raw(args, one, "one_head")
                rate = done[1] if done else None
            else:
                known = [n for n in whole if n.split("_")[0] == name.split("_")[0] and raw.get(n)]
                rate = raw[max(known, key=lambda n: flops[n])][1] if known else None
            if not rate:
                print(f"{name}: no raw time, left out")
                continue
            raw[name] = (flops[name] / rate, rate)
        sums = {"raw": sum(runs * raw[n][0] for n, (runs, _, _) in whole.items() if raw.get(n))}
        for mode in MODES:
            sums[mode] = sum(runs * (times.get(mode) or times.get("tc") or times["hc"])[0] for runs, times, _ in whole.values() if times)
        best = sum(runs * min(ms for ms, _ in times.values()) for runs, times, _ in whole.values() if times)
        largest = max(whole, key=lambda n: whole[n][0] * flops[n] if n.startswith("contract") else 0)
        rates = {"raw": raw[largest][1]} | {m: (whole[largest][1].get(m) or whole[largest][1]["tc"])[1] for m in MODES}
        print(f"| | raw | {' | '.join(MODES)} | best of all |\n|{' --- |' * 7}")
        print(f"| whole model, ms | {' | '.join(f'{sums[m]:.1f}' for m in ['raw'] + MODES)} | {best:.1f} |")
        print(f"| {largest}, GFLOP/s | {' | '.join(f'{rates[m]:,.0f}' for m in ['raw'] + MODES)} | {max(rates.values()):,.0f} |")
        print(f"{guessed} of {len(whole)} kernels have no raw time of their own")


if __name__ == "__main__":
    main()
