"""What the stages before code make of a model is kept in the database: kept_front.py MODEL FOLDER TGC

The second compilation takes it and writes the same package, as a locked build does, which takes nothing; another schedule in
the database, another model or a forced schedule end that. A search that has ended measures nothing when it is started again."""

import json
import os
import re
import subprocess
import sys

model, folder, tgc = sys.argv[1:4]
database = os.path.join(folder, "a.db")


def run(*arguments):
    done = subprocess.run([tgc, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout, done.stderr


def compiled(*arguments):
    """The package's bytes, and the names of the stages that ran."""
    package = os.path.join(folder, "model.tgc")
    _, said = run("compile", model, "--db", database, "-v", "-o", package, *arguments)
    with open(package, "rb") as file:
        return file.read(), re.findall(r"^(\w+) +[0-9.]+ s$", said, re.M)


def records():
    run("db", "export", "--db", database, database + ".json")
    with open(database + ".json", encoding="utf-8") as file:
        return json.load(file)


search = ["compile", model, "--db", database, "--search", "tc", "-o", os.path.join(folder, "searched.tgc")]
first = re.search(r"(\d+) trials", run(*search)[0]).group(1)
assert int(first) > 10, first
again = re.search(r"(\d+) trials", run(*search)[0]).group(1)
assert again == "0", f"{again} trials of a search that had ended"

front = ["graph", "kernel", "schedule"]
everything = records()
package, stages = compiled()
assert stages[:2] == ["import", "kept"] and not set(front) & set(stages), stages
assert records()["records"] == everything["records"], "a compilation changed records"
locked, stages = compiled("--locked")
assert set(front) <= set(stages) and "kept" not in stages, stages
assert locked == package, "the kept module becomes another package"
# What narrows contractions acts behind the import.
packages = {}
for precision in ("tf32", "bf16", "f16"):
    packages[precision], stages = compiled("--precision", precision)
    assert "keeping" in stages, (precision, stages)
for precision, bytes_ in packages.items():
    same, stages = compiled("--precision", precision)
    assert "kept" in stages and same == bytes_, (precision, stages)
assert len({package, packages["bf16"], packages["f16"]}) == 3
assert compiled()[0] == package

# Tuning keeps it as well.
run("tune", model, "--db", database + "2", "--search", "tc", "--budget", "2")
with_two = database
database += "2"
_, stages = compiled()
assert "kept" in stages, stages
database = with_two

# Another schedule is the best now.
best = next(record for record in everything["records"] if record["schedule"])
everything["records"].append({**best, "schedule": "", "seconds": best["seconds"] / 1000, "time": best["time"] + 1})
with open(database + ".json", "w", encoding="utf-8") as file:
    json.dump(everything, file)
run("db", "import", "--db", database, database + ".json")
other, stages = compiled()
assert "keeping" in stages and set(front) <= set(stages), stages
assert other != package, "the new record is not used"
same, stages = compiled()
assert "kept" in stages and same == other, stages
run("check", model, "--db", database, "--data", os.path.join(os.path.dirname(model), "test_data_set_0"))
print("kept fronts hold")
