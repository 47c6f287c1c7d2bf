"""Turns decisions of the cutter, some of every kind, and checks the model's results with each:

  turn_decisions.py MODEL FOLDER TGC

Then puts a record of the one that changes most into a database, and sees that a compilation uses it."""

import json
import os
import re
import subprocess
import sys

model, folder, tgc = sys.argv[1:4]
data = os.path.join(os.path.dirname(model), "test_data_set_0")


def run(*arguments, **environment):
    done = subprocess.run([tgc, *arguments], env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def kernels(*arguments):
    """How often each kernel runs."""
    return sorted((kernel["kernel"], kernel["launches"]) for kernel in json.loads(run("kernels", model, "--json", *arguments))["kernels"])


listing = run("kernels", model, "--decisions")
graph = re.search(r"^graph (\w{16})$", listing, re.M).group(1)
names = [line.split()[-1] for line in listing.splitlines()[2:]]
kinds = {}
for name in names:
    kinds.setdefault(name.split(":")[0], []).append(name)
plain, changed = kernels(), {}
for kind, members in kinds.items():
    for name in members[:3]:
        run("check", model, "--turn", name, "--data", data)
        turned = kernels("--turn", name)
        if turned != plain:
            changed[name] = turned
print(f"{len(names)} decisions of {len(kinds)} kinds, {len(changed)} change kernels")
assert len(kinds) >= 2 and changed, listing

name = next(iter(changed))
path = os.path.join(folder, "cuts")
run("tune", model, "--db", path + ".db", "--search", "tc", "--budget", "1")
run("db", "export", "--db", path + ".db", path + ".json")
with open(path + ".json", encoding="utf-8") as file:
    everything = json.load(file)
record = {**everything["records"][0], "workload": graph, "outcome": "ok", "seconds": 1.0, "confirmed": True}
for seconds, schedule in ((2.0, ""), (1.0, name)):
    everything["records"].append({**record, "seconds": seconds, "schedule": schedule})
everything["workloads"].append({"key": graph, "text": "cuts", "shape": "cuts", "nodes": ""})
with open(path + ".json", "w", encoding="utf-8") as file:
    json.dump(everything, file)
run("db", "import", "--db", path + "2.db", path + ".json")
assert [name for name, _ in kernels("--db", path + "2.db")] == [name for name, _ in changed[name]], "the record is not used"

# A search with a database of its own, made just then, knows nothing of that.
run("tune", model, "--db", path + "3.db", "--search", "tc", TGC_DATABASE=path + "2.db")
run("compile", model, "--db", path + "3.db", "--locked", "-o", path + ".tgc")
