"""Looks at what a search has left: beam.py FOLDER (see beam.sh)."""
import collections
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
records = json.loads((folder / "records.json").read_text())["records"]
again, plain = (json.loads((folder / f"{name}.json").read_text())["kernels"] for name in ("again", "plain"))

outcomes = collections.Counter(record["outcome"] for record in records)
print(f"{len(records)} records of {len({record['workload'] for record in records})} kernels: {dict(outcomes)}")
assert {record["device"].split(" x")[0] for record in records} == {"opencl spirv-cpu"}, "records of another device"
assert outcomes["ok"] > 10, "hardly anything was measured"
assert outcomes["wrong"] == 0, [record for record in records if record["outcome"] == "wrong"]
assert all(record["seconds"] > 0 for record in records if record["outcome"] == "ok")

# Kernels of one name are the same; where the database has changed a schedule, it has that one. A schedule that takes its
# kernel apart leaves others in its place.
usable = {record["schedule"] for record in records if record["outcome"] == "ok"}
before, after = ({kernel["kernel"]: kernel["schedule"] for kernel in kernels} for kernels in (plain, again))
changed = [name for name in before if name in after and before[name] != after[name]]
apart = [name for name in before if name not in after]
print(f"of {len(before)} kernels {len(changed)} have other schedules than without the database, {len(apart)} are taken apart")
assert changed or apart, "the database changed nothing"
assert all(after[name] in usable for name in changed), "a schedule is not the database's"
assert not apart or any(word in schedule for schedule in usable for word in ("winograd", "split"))
