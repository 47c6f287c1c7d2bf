"""Asks `tgc check` about many cases, and tells a wrong result from a crash and from a hang.

Input: (name, model path, data directory) triples. Output: an Outcome for each.
1. A batch goes to one process, `tgc check --cases LIST --json OUT`, which appends one line to OUT per case.
2. When the process dies, or writes nothing for longer than a case may take, the first case without a line is
   the suspect. It is run alone, in a process of its own, and that is its outcome.
3. What was left of the batch goes on in a new process.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass

# ONNX's own bounds; every node test carries these.
tolerance = ["--rtol", "1e-3", "--atol", "1e-7"]
kinds = {0: "passed", 2: "usage", 3: "bad input", 4: "unsupported", 5: "device error"}


@dataclass
class Outcome:
    kind: str
    message: str = ""
    seconds: float = 0.0

    @property
    def column(self):
        return self.kind if self.kind in ("passed", "unsupported") else "failed"

    def record(self):
        return asdict(self)

    def __str__(self):
        return f"{self.kind}: {self.message}" if self.message else self.kind


def lastLine(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:400] if lines else ""


def signalName(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Checker:
    def __init__(self, tgc, limit, device=None, single=False):
        """limit: seconds that one case may take."""
        self.command = [tgc, "check"]
        self.options = (["--device", device] if device else []) + tolerance
        self.limit = limit
        self.single = single

    def alone(self, model, data):
        """One case in a process of its own."""
        begin = time.monotonic()
        try:
            done = subprocess.run(
                self.command + [model, "--data", data] + self.options,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace", timeout=self.limit)
        except subprocess.TimeoutExpired:
            return Outcome("hang", f"no answer in {self.limit:g} s", self.limit)
        seconds = time.monotonic() - begin
        if done.returncode < 0:
            return Outcome("crash", f"{signalName(-done.returncode)} {lastLine(done.stdout)}".strip(), seconds)
        return Outcome(kinds.get(done.returncode, "failed"), lastLine(done.stdout), seconds)

    def batch(self, jobs):
        """Returns {name: Outcome} for all jobs."""
        outcomes = {}
        left = list(jobs)
        while left:
            if not self.single:
                done, death = self._together([(model, data) for _, model, data in left])
                outcomes.update((job[0], outcome) for job, outcome in zip(left, done))
                left = left[len(done):]
            if left:
                name, model, data = left.pop(0)
                outcomes[name] = self.alone(model, data)
                if not self.single and death and outcomes[name].kind not in ("crash", "hang"):
                    death.message += ", but only in one process with the cases before it"
                    outcomes[name] = death
        return outcomes

    def _together(self, pairs):
        """The outcomes of the leading cases that one process got through, and how it died, if it did."""
        with tempfile.TemporaryDirectory() as directory:
            listing, answers = os.path.join(directory, "cases"), os.path.join(directory, "answers")
            with open(listing, "w", encoding="utf-8") as out:
                out.writelines(f"{model}\t{data}\n" for model, data in pairs)
            process = subprocess.Popen(
                self.command + ["--cases", listing, "--json", answers] + self.options,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            size, since, death = 0, time.monotonic(), None
            while process.poll() is None:
                time.sleep(0.02)
                now = os.path.getsize(answers) if os.path.exists(answers) else 0
                if now != size:
                    size, since = now, time.monotonic()
                elif time.monotonic() - since > self.limit:
                    process.kill()
                    process.wait()
                    death = Outcome("hang", f"no answer in {self.limit:g} s", self.limit)
            if process.returncode < 0 and not death:
                death = Outcome("crash", signalName(-process.returncode))
            return self._read(answers), death

    def _read(self, answers):
        outcomes = []
        if os.path.exists(answers):
            with open(answers, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    try:
                        answer = json.loads(line)
                    except ValueError:
                        break  # the line that the process died in
                    kind = kinds.get(answer["exit"], "failed")
                    outcomes.append(Outcome(kind, answer.get("message", ""), answer.get("seconds", 0.0)))
        return outcomes
