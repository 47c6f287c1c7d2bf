#!/usr/bin/env python3
"""Times packages of one model in turns, and compares them kernel by kernel.

  compare_packages.py heuristic=a.tgc beam=b.tgc mcts=c.tgc     the first is what the others are compared with
  compare_packages.py a=a.tgc b=b.tgc --weights FOLDER --input inputs.npz     random ones else

Each turn runs every package in a process of its own, in an order that changes. A kernel's time is the lower quartile over
all turns: what else the machine does makes turns longer, never shorter. Kernels that a schedule takes apart count as the
sum of their parts. A kernel of another schedule counts as slower if it is slower than all those of one schedule seem to be:
these say what the machine's noise is.
"""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import tempfile

here = os.path.dirname(os.path.abspath(__file__))


class Package:
    def __init__(self, text):
        self.label, _, self.path = text.partition("=")
        if not self.path:
            raise SystemExit(f"{text}: not LABEL=PACKAGE")
        self.turns = []  # of {kernel: seconds} of all its launches
        self.schedules = {}  # of each kernel, its parts' too
        self.whole = []

    def turn(self, args):
        data = ["--weights", args.weights] if args.weights else ["--random-weights", "1"]
        data += ["--input", args.input] if args.input else ["--random-inputs", "1"]
        with tempfile.TemporaryDirectory() as folder:
            export = os.path.join(folder, "times.json")
            subprocess.run([args.tgc, "bench", self.path, "--device", args.device, "--repeat", str(args.runs), "--export", export,
                            *data], check=True, stdout=subprocess.DEVNULL)
            with open(export, encoding="utf-8") as file:
                answer = json.load(file)
        times, schedules = {}, {}
        for kernel in answer["kernels"]:
            # NAME_HASH, and what follows is a part's name.
            whole = re.match(r"(.+?_[0-9a-f]{8})(?:_|$)", kernel["kernel"])
            name = whole.group(1) if whole else kernel["kernel"]
            times[name] = times.get(name, 0) + kernel["seconds"]
            schedules.setdefault(name, []).append((kernel["kernel"], kernel["schedule"]))
        self.turns.append(times)
        self.schedules = {name: sorted(parts) for name, parts in schedules.items()}
        self.whole += answer["repetitions"]

    def seconds(self, name):
        return statistics.quantiles([turn.get(name, 0) for turn in self.turns] * 2, n=4)[0]

    def model(self):
        return statistics.quantiles(self.whole * 2, n=4)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="+", metavar="LABEL=PACKAGE")
    parser.add_argument("--tgc", default=os.path.join(here, "../build/bin/tgc"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--weights", help="the model's folder")
    parser.add_argument("--input", help="a FILE.npz")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--runs", type=int, default=1, help="measured runs in a turn")
    parser.add_argument("--rows", type=int, default=20, help="kernels in the table")
    args = parser.parse_args()
    packages = [Package(text) for text in args.packages]
    for _ in range(args.turns):
        for package in random.sample(packages, len(packages)):
            package.turn(args)
    first, others = packages[0], packages[1:]
    names = sorted(first.schedules, key=lambda name: -first.seconds(name))
    print("| kernel | " + " | ".join(package.label for package in packages) + " |\n" + "| --- " * (len(packages) + 1) + "|")
    for name in names[: args.rows]:
        print(f"| {name} | " + " | ".join(f"{package.seconds(name) * 1e3:.2f}" for package in packages) + " |")
    print("| model | " + " | ".join(f"{package.model() * 1e3:.5g}" for package in packages) + " |\n")
    print(f"Milliseconds of all launches; lower quartiles of {args.turns} turns.")
    for package in others:
        ratios = {name: package.seconds(name) / first.seconds(name) for name in names if package.seconds(name) > 0}
        equal = [ratio for name, ratio in ratios.items() if package.schedules[name] == first.schedules[name]]
        changed = [name for name in ratios if package.schedules[name] != first.schedules[name]]
        pace, noise = (statistics.median(equal), max(equal)) if equal else (1, 1)
        slower = [f"{name} {ratios[name] / pace:.2f}" for name in changed if ratios[name] > max(noise, pace)]
        print(f"{package.label}: {first.model() / package.model():.2f} times as fast as {first.label}; {len(equal)} kernels of equal schedules "
              f"take {min(equal, default=1):.2f} to {noise:.2f} times as long, as median {pace:.2f}; {len(changed)} have others, "
              f"{statistics.geometric_mean([ratios[name] for name in changed] or [1]) / pace:.2f} as geometric mean beside that, of these slower: "
              f"{', '.join(slower) or 'none'}")


if __name__ == "__main__":
    main()
