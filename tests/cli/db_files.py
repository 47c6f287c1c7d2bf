"""Two exports of one record for `tgc db import`, confirmed and time 5, unconfirmed and time 6: db_files.py FOLDER"""
import json
import sys

record = dict(workload="0123456789abcdef", device="d", machine="m", outcome="ok", spread=0.1, samples=3, strategy="beam",
              version="v", message="", schedule="upcast(n,4)", evidence=[])
workload = dict(key=record["workload"], text="text", shape="shape", nodes="nodes")
for name, own in (("confirmed", dict(confirmed=True, time=5, seconds=0.005)),
                  ("newer", dict(confirmed=False, time=6, seconds=0.006))):
    with open(f"{sys.argv[1]}/{name}.json", "w", encoding="utf-8") as file:
        json.dump(dict(tgc_tuning_records=1, workloads=[workload], records=[record | own]), file)
