#!/bin/sh
# tgc run --trace and tgc bench --trace on the fake GPU: the launches' times are those of its clock (a microsecond a
# block), in order, and end with their run.
set -eu
tgc=$1 tests=$2 python=$3
export TGC_CUDA_LIBRARY=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TGC_TEST_DEVICE=cuda TGC_WRITE_PACKAGE="$work/model.tgc" "$tests" "[write]" >/dev/null
"$tgc" run "$work/model.tgc" --device cuda:0 --random-weights 1 --random-inputs 1 --trace "$work/run.json" >/dev/null
"$tgc" bench "$work/model.tgc" --device cuda:0 --random-weights 1 --warmup 0 --repeat 3 --trace "$work/bench.json" >/dev/null
"$python" - "$work/run.json" 1 "$work/bench.json" 3 <<'PYTHON'
import json, sys
for path, count in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    events = json.load(open(path))["traceEvents"]
    assert {"cuda:0", "runs"} <= {e["args"]["name"] for e in events if e["ph"] == "M"}, path
    spans = [e for e in events if e["ph"] == "X"]
    runs = [e for e in spans if e["name"].startswith("run ")]
    launches = [e for e in spans if e not in runs]
    assert len(runs) == count and len(launches) % count == 0 and len(launches) >= 2 * count, path
    each = len(launches) // count
    for number, run in enumerate(runs):
        mine = launches[number * each:(number + 1) * each]
        assert [e["args"]["launch"] for e in mine] == list(range(each))
        assert all(abs(e["dur"] - round(e["dur"])) < 1e-2 and e["dur"] >= 1 for e in mine), mine
        for a, b in zip(mine, mine[1:]):
            assert abs(a["ts"] + a["dur"] - b["ts"]) < 1e-3
        assert mine[0]["ts"] >= run["ts"] - 1e-3
        assert abs(mine[-1]["ts"] + mine[-1]["dur"] - run["ts"] - run["dur"]) < 1e-3
        assert abs(run["args"]["kernels us"] - sum(e["dur"] for e in mine)) < 1e-2
PYTHON
