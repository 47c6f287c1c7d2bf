#!/usr/bin/env python3
"""Compile products and attention by groups of warps (mma.sync) to cubins for run.py: groups.py TOOL OUT [FILTER]

The code is that of cuda:a100, assembled for a newer GPU; see gemm.py, whose kernels these are.
"""
import os, stat, sys, tempfile
import attention, gemm


def product(bm=128, bn=128, bk=32, warps="2x2", stages=4, slots=1, flip=False, raster=8, pack=""):
    m, n = (bn, bm) if flip else (bm, bn)
    words = ["tc(mma)"] + ["flip"] * flip + [f"tile(k,{bk})", f"tile(m,{m})", f"tile(n,{n})", f"warps({warps})", "copy(w,async)",
             "copy(x,async)", f"stage({stages})"] + [f"raster({'n' if flip else 'm'},{raster})"] * (raster > 0)
    return " ".join(words + [f"slots({slots})"] * (slots > 0) + [pack] * bool(pack))


def attend(groups=4, rows=32, keys=64, hold=False, stages=2, slots=1):
    return " ".join(["hold(q)"] * hold + ["tc(mma)", f"tile(m,{groups * rows})", f"tile(n,{keys})", f"warps({groups})", "copy(k,async)",
                     "copy(q,async)", "copy(v,async)", f"stage({stages})"] + [f"slots({slots})"] * (slots > 0))


TIMED = [product(), product(bk=64, stages=2), product(bk=64, stages=3), product(bn=256, warps="2x4", bk=32, stages=4),
         product(bm=256, warps="4x2", bk=64, stages=3), product(bn=256, warps="2x4", bk=64, stages=3)]
CHECKS = [dict(), dict(M=1000, N=520, K=328), dict(M=77, N=776, K=4096, epi="gelu", schedule=product(raster=0)),
          dict(M=512, N=384, K=512, type="f16"), dict(M=512, N=1152, K=640, wkn=1, schedule=product(bk=64, stages=2)),
          dict(M=333, N=1024, K=640, wkn=1, epi="gelu"), dict(M=640, N=768, K=512, out="f32", schedule=product(slots=0)),
          dict(M=777, N=1000, K=640, schedule=product(flip=True)), dict(M=640, N=768, K=512, epi="gated"),
          dict(M=999, N=776, K=512, epi="gated", schedule=product(bm=64, bn=96, warps="4x1", raster=0)),
          dict(M=999, N=777, K=512, schedule=product(slots=0)), dict(M=640, N=768, K=16, schedule=product(bk=16, stages=2)),
          dict(M=640, N=768, K=512, schedule=product(bm=32, bn=64, warps="2x2", raster=0)),
          dict(M=777, N=520, K=328, type="tf32", schedule=product(bk=16, slots=0)),
          dict(M=777, N=521, K=336, type="s8", epi="none", schedule=product(bk=64, slots=0))]


def cases():
    for M, N, K, _ in gemm.NINE:
        for i, s in enumerate(TIMED):
            for epi in ("none", "gelu")[: 2 if i == 0 else 1]:
                yield dict(kind="gemm", M=M, N=N, K=K, epi=epi, schedule=s, name=f"mma_m{M}n{N}k{K}_{epi}_{i}", time=1)
        for kind, depth in (("tf32", 16), ("s8", 64)):
            yield dict(kind="gemm", M=M, N=N, K=K, epi="none", type=kind, schedule=product(bk=depth, slots=0),
                       name=f"mma_{kind}_m{M}n{N}k{K}", time=1)
    for i, c in enumerate(CHECKS):
        c = dict(kind="gemm", M=640, N=768, K=512, epi="bias", schedule=product()) | c
        yield c | dict(name=f"mma_check{i}_m{c['M']}n{c['N']}k{c['K']}_{c['epi']}")
    timed = [(1, 24, 4608, 4608, 128, [attend(), attend(keys=32), attend(rows=16, groups=8), attend(rows=16, groups=4, hold=True)]),
             (1, 24, 2560, 2560, 128, [attend()]), (1, 12, 32760, 512, 128, [attend()]),
             (1, 24, 4429, 4429, 64, [attend(hold=True), attend(), attend(rows=16, groups=8, hold=True), attend(keys=128, rows=16)]),
             (2, 8, 4096, 4096, 40, [attend(), attend(hold=True)])]
    for B, H, M, N, D, schedules in timed:
        for i, s in enumerate(schedules):
            yield dict(B=B, H=H, M=M, N=N, D=D, schedule=s, name=f"mma_b{B}h{H}m{M}n{N}d{D}_{i}", time=1)
    checks = [dict(M=1000, N=77, D=40, schedule=attend(keys=80, rows=16)), dict(M=333, N=77, D=160, schedule=attend(keys=32, rows=16)),
              dict(M=500, N=1001, D=64), dict(M=131, N=129, D=128), dict(M=500, N=1000, D=72), dict(M=500, N=1000, D=80, schedule=attend(hold=True)),
              dict(M=777, N=1111, D=128, schedule=attend(slots=0)), dict(M=300, N=100, D=64, schedule=attend(stages=3, groups=2)),
              dict(M=64, N=64, D=64)]
    for i, c in enumerate(checks):
        yield dict(B=2, H=3, schedule=attend(), name=f"mma_check{i}_m{c['M']}n{c['N']}d{c['D']}") | c
    yield dict(B=1, H=3, M=512, N=1000, D=64, mask=1, schedule=attend(), name="mma_mask")


def kernel(c):
    return (products if c["kind"] == "gemm" else attention.kernel)(c)


if __name__ == "__main__":
    products = gemm.kernel
    gemm.kernel = kernel
    gemm.cases = lambda: (c if c.get("kind") else c | {"kind": "attention", "scale": c["D"] ** -0.5 * 1.01} for c in cases())
    with tempfile.TemporaryDirectory() as folder:
        tool = os.path.join(folder, "tool")
        with open(tool, "w") as file:
            file.write(f"#!/bin/sh\nexec {os.path.abspath(sys.argv[1])} \"$@\" --device a100 --assemble sm_90\n")
        os.chmod(tool, stat.S_IRWXU)
        gemm.main(tool, *sys.argv[2:])
