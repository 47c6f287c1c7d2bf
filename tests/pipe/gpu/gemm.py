#!/usr/bin/env python3
"""Compile matrix products by the pipe to cubins for run.py: gemm.py TOOL OUT [FILTER]

TOOL is tgc-pipe-gpu. Every case is a kernel x[m,k] · w[n,k] with an epilogue under one schedule; OUT gets
NAME.cubin and NAME.json (the launch) and manifest.json (all cases). What does not assemble cleanly is reported and
left out.
"""
import json, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gpu"))
from kernels import GELU


def scaled(c):
    """A product of f8 operands with a scale for every row and every column."""
    M, N, K = c["M"], c["N"], c["K"]
    return f"""kernel.func @gemm(%x: memref<{M}x{K}xf8E4M3FN>, %w: memref<{N}x{K}xf8E4M3FN>, %sx: memref<{M}xf32>, %sw: memref<{N}xf32>, %y: memref<{M}x{N}xbf16>)
    axes(%m = {M}, %n = {N}, %k = {K}) attributes {{schedule = "{c['schedule']}"}} {{
  %a = kernel.load %x[%m, %k] : memref<{M}x{K}xf8E4M3FN>
  %c = kernel.load %w[%n, %k] : memref<{N}x{K}xf8E4M3FN>
  %s = kernel.contract %a, %c over(%k) : f8E4M3FN, f8E4M3FN -> f32
  %row = kernel.load %sx[%m] : memref<{M}xf32>
  %column = kernel.load %sw[%n] : memref<{N}xf32>
  %t = arith.mulf %s, %row : f32
  %u = arith.mulf %t, %column : f32
  %o = arith.truncf %u : f32 to bf16
  kernel.store %o, %y[%m, %n] : memref<{M}x{N}xbf16>
}}
"""


def parts(c):
    """Sums of parts of the depth, each by itself."""
    M, N, P, K = c["M"], c["N"], c["parts"], c["K"] // c["parts"]
    x, w, y = f"memref<{M}x{P * K}xbf16>", f"memref<{P * K}x{N}xbf16>" if c.get("wkn") else f"memref<{N}x{P * K}xbf16>", f"memref<{P}x{M}x{N}xf32>"
    return f"""kernel.func @gemm(%x: {x}, %w: {w}, %y: {y})
    axes(%p = {P}, %m = {M}, %n = {N}, %k = {K}) attributes {{schedule = "{c['schedule']}"}} {{
  %a = kernel.load %x[%m, %p * {K} + %k] : {x}
  %c = kernel.load %w[{f'%p * {K} + %k, %n' if c.get('wkn') else f'%n, %p * {K} + %k'}] : {w}
  %s = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
  kernel.store %s, %y[%p, %m, %n] : {y}
}}
"""


def enlarged(c):
    """Taps over a tensor that is enlarged twice as it is read; by the heuristic without a schedule."""
    H, W, K, N = c["H"], c["W"], c["K"], c["N"]
    x, w, y = f"memref<{H}x{W}x{K}xbf16>", f"memref<{N}x3x3x{K}xbf16>", f"memref<{2 * H}x{2 * W}x{N}xbf16>"
    own = f" attributes {{schedule = \"{c['schedule']}\"}}" if c["schedule"] else ""
    return f"""kernel.func @gemm(%x: {x}, %w: {w}, %y: {y})
    axes(%k0 = 3, %m0 = 2, %m1 = {H}, %k1 = 3, %m2 = 2, %m3 = {W}, %k2 = {K}, %n0 = {N}){own} {{
  %a = kernel.load %x[(%k0 + %m0 + 1) floordiv 2 + %m1 - 1, (%k1 + %m2 + 1) floordiv 2 + %m3 - 1, %k2] : {x} else 0.0
  %c = kernel.load %w[%n0, %k0, %k1, %k2] : {w}
  %s = kernel.contract %a, %c over(%k0, %k1, %k2) : bf16, bf16 -> f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %y[%m0 + %m1 * 2, %m2 + %m3 * 2, %n0] : {y}
}}
"""


def kernel(c):
    if c.get("kind") == "enlarged":
        return enlarged(c)
    if c["epi"] == "scaled":
        return scaled(c)
    if c["epi"] == "parts":
        return parts(c)
    M, N, K, kind = c["M"], c["N"], c["K"], c.get("type", "bf16")
    T, S = {"tf32": "f32", "s8": "i8"}.get(kind, kind), "i32" if kind == "s8" else "f32"
    O = c.get("out", S if kind in ("tf32", "s8") else T)
    epi, w = c["epi"], f"{K}x{N}" if c.get("wkn") else f"{N}x{K}"
    extra = "".join([f", %b: memref<{N}x{T}>"] * (epi in ("bias", "gelu", "gated")) +
                    [f", %g: memref<{N}x{T}>, %res: memref<{M}x{N}x{T}>"] * (epi == "gated"))
    text = [f"kernel.func @gemm(%x: memref<{M}x{K}x{T}>, %w: memref<{w}x{T}>{extra}, %y: memref<{M}x{N}x{O}>)",
            f"    axes(%m = {M}, %n = {N}, %k = {K}) attributes {{schedule = \"{c['schedule']}\"}} {{",
            f"  %a = kernel.load %x[%m, %k] : memref<{M}x{K}x{T}>",
            f"  %c = kernel.load %w[{'%k, %n' if c.get('wkn') else '%n, %k'}] : memref<{w}x{T}>",
            f"  %s = kernel.contract %a, %c over(%k){' tf32' * (kind == 'tf32')} : {T}, {T} -> {S}"]
    if epi == "none":
        last = "%s"
    else:
        text += [f"  %bias = kernel.load %b[%n] : memref<{N}x{T}>"]
        text += [f"  %be = arith.extf %bias : {T} to f32"] if T != "f32" else []
        text += [f"  %t = arith.addf %s, {'%be' if T != 'f32' else '%bias'} : f32"]
        last = "%t"
    if epi == "gelu":
        text.append(GELU)
        last = "%gelu"
    if epi == "gated":
        text += [f"  %g0 = kernel.load %g[%n] : memref<{N}x{T}>", f"  %g1 = arith.extf %g0 : {T} to f32",
                 f"  %r0 = kernel.load %res[%m, %n] : memref<{M}x{N}x{T}>", f"  %r1 = arith.extf %r0 : {T} to f32",
                 "  %gt = arith.mulf %t, %g1 : f32", "  %sum = arith.addf %gt, %r1 : f32"]
        last = "%sum"
    if O not in ("f32", "i32"):
        text += [f"  %o = arith.truncf {last} : f32 to {O}"]
        last = "%o"
    return "\n".join(text + [f"  kernel.store {last}, %y[%m, %n] : memref<{M}x{N}x{O}>", "}", ""])


def schedule(bm=128, bn=192, stages=4, warps="2+1", pingpong=True, raster=16, slots=3, flip=False, bk=64, persistent=True,
             cluster=""):
    m, n = (bn, bm) if flip else (bm, bn)
    words = ["tc(wgmma)"] + ["flip"] * flip + [f"tile(k,{bk})", f"tile(m,{m})", f"tile(n,{n})", f"warps({warps})"]
    words += ["pingpong"] * pingpong + ["copy(w,tma)", "copy(x,tma)", f"stage({stages})"] + ["persistent"] * persistent
    words += [f"cluster({cluster})"] * bool(cluster)
    words += [f"raster({'n' if flip else 'm'},{raster})"] * (raster > 0) + [f"slots({slots})"] * (slots > 0)
    return " ".join(words)


pp, coop = schedule, lambda **kw: schedule(bm=192, bn=192, warps="3+1", pingpong=False, **kw)
NINE = [
    (4608, 21504, 3072, [pp(raster=18), pp(bn=176, stages=5, slots=2, raster=18)]),
    (2560, 21504, 3072, [pp(raster=20), pp(bn=160, stages=5, slots=2, raster=20)]),
    (4608, 3072, 15360, [coop(raster=4, slots=1), pp(bn=144, stages=5, slots=3, raster=18)]),
    (4096, 9216, 3072, [pp(bn=176, stages=5, slots=2), pp()]),
    (4096, 12288, 3072, [pp(bn=176, stages=5, slots=2), pp()]),
    (4096, 3072, 12288, [pp(), pp(bn=192, stages=4, slots=3, raster=8)]),
    (32760, 1536, 1536, [pp(flip=True, bn=176, stages=5, slots=2, raster=12), pp(bn=192, raster=16)]),
    (32760, 8960, 1536, [pp(bn=176, stages=5, slots=2, raster=8), pp(raster=16)]),
    (32760, 1536, 8960, [pp(flip=True, bn=176, stages=5, slots=2, raster=12), pp(bn=192, raster=16)]),
]


def cases():
    for M, N, K, schedules in NINE:
        for i, s in enumerate(schedules):
            for epi in ("none", "gelu"):
                yield dict(M=M, N=N, K=K, epi=epi, schedule=s, name=f"m{M}n{N}k{K}_{epi}_{i}", time=1)
            deep = s.replace("tile(k,64)", "tile(k,128)")
            yield dict(M=M, N=N, K=K, epi="scaled", schedule=deep, name=f"f8_m{M}n{N}k{K}_{i}", time=1)
            bare = s[:s.index(" slots(")]
            for kind, depth in (("tf32", 32), ("s8", 128)):
                yield dict(M=M, N=N, K=K, type=kind, epi="none", schedule=bare.replace("tile(k,64)", f"tile(k,{depth})"),
                           name=f"{kind}_m{M}n{N}k{K}_{i}", time=1)
            for axis in "mn":
                yield dict(M=M, N=N, K=K, epi="none", schedule=f"{s} cluster({axis},2)", name=f"cluster_m{M}n{N}k{K}_{axis}{i}", time=1)
    for H, W, K, N in ((64, 64, 512, 512), (128, 128, 512, 512), (256, 256, 256, 256), (16, 16, 1280, 1280), (12, 20, 64, 40)):
        yield dict(kind="enlarged", H=H, W=W, K=K, N=N, schedule="", name=f"enlarged_{H}x{W}x{K}x{N}", time=1)
    # Small ones that only have to be right: tails, types, other orders in memory, other epilogues and schedules.
    check = [dict(M=1000, N=520, K=328), dict(M=77, N=776, K=4096, epi="gelu", schedule=pp(raster=0)), dict(M=512, N=384, K=512, type="f16", epi="bias"),
             dict(M=1000, N=520, K=328, schedule=pp(flip=True, bn=176, stages=5, slots=2)), dict(M=512, N=1152, K=640, wkn=1, epi="bias"),
             dict(M=333, N=1024, K=640, wkn=1, epi="gelu", schedule=pp(bn=176, stages=4, slots=2)),
             dict(M=777, N=1000, K=640, wkn=1, epi="bias", schedule=pp(flip=True, bn=176, stages=4, slots=2)),
             dict(M=640, N=768, K=512, out="f32", epi="bias", schedule=pp(slots=0)),
             dict(M=1111, N=776, K=520, out="f32", epi="bias", schedule=pp(slots=0)),
             dict(M=640, N=768, K=512, epi="gated"), dict(M=999, N=776, K=512, epi="gated", schedule=coop(raster=4, slots=1)),
             dict(M=999, N=776, K=512, epi="gelu", schedule=coop(raster=4, slots=1)),
             dict(M=999, N=776, K=512, epi="gelu", schedule=pp(slots=0)), dict(M=999, N=777, K=512, epi="bias", schedule=pp(bn=128, slots=0)),
             dict(M=640, N=768, K=512, epi="gelu", schedule=pp(persistent=False)),
             dict(M=640, N=768, K=512, epi="bias", schedule=pp(bm=128, bn=256, warps="2+1", pingpong=False, slots=2)),
             dict(M=640, N=768, K=512, epi="bias", schedule=pp(bm=64, bn=96, warps="1+1", pingpong=False, slots=1)),
             dict(M=640, N=768, K=512, epi="bias", schedule=pp(bk=128, bn=128, stages=2, slots=2)),
             dict(M=1000, N=776, K=1040, epi="scaled", schedule=pp(bk=128)),
             dict(M=777, N=520, K=528, epi="scaled", schedule=coop(bk=128, slots=1)),
             dict(M=640, N=768, K=64, epi="bias"), dict(M=640, N=760, K=128, epi="bias", schedule=pp(bn=152, slots=0)),
             dict(M=777, N=520, K=328, type="tf32", epi="bias", schedule=pp(bk=32, bn=128, slots=0)),
             dict(M=777, N=521, K=336, type="s8", schedule=pp(bk=128, bn=128, slots=0)),
             dict(M=768, N=776, K=512, epi="gelu", schedule=pp(cluster="m,2")),
             dict(M=999, N=768, K=520, epi="bias", schedule=pp(cluster="n,2")),
             dict(M=1536, N=776, K=520, epi="bias", schedule=coop(cluster="m,4", slots=1)),
             dict(M=1024, N=512, K=512, wkn=1, schedule=pp(bn=128, slots=2, cluster="m,2")),
             dict(M=512, N=768, K=512, epi="bias", schedule=pp(cluster="m,2", persistent=False))]
    for i, c in enumerate(check):
        c.setdefault("epi", "none")
        c.setdefault("schedule", pp())
        c["name"] = f"check{i}_m{c['M']}n{c['N']}k{c['K']}_{c['epi']}"
        yield c


def main(tool, out, only=""):
    os.makedirs(out, exist_ok=True)

    def one(c):
        path = os.path.join(out, c["name"])
        with open(path + ".mlir", "w") as f:
            f.write(kernel(c))
        r = subprocess.run([tool, path + ".mlir", "--emit=cubin", "-o", path], capture_output=True, text=True,
                           env=dict(os.environ, TGC_NVJITLINK="off"))
        if r.returncode:
            print("FAILED", c["name"], c["schedule"], r.stdout[-500:], r.stderr[-1500:], flush=True)
            return None
        os.unlink(path + ".mlir")
        return {"kind": "gemm"} | c | {"launch": json.load(open(path + ".json"))}

    todo = [c for c in cases() if only in c["name"]]
    with ThreadPoolExecutor(2) as pool:
        made = [c for c in pool.map(one, todo) if c]
    for c in made:
        os.unlink(os.path.join(out, c["name"] + ".json"))
    json.dump(made, open(os.path.join(out, "manifest.json"), "w"), indent=0)
    print(len(made), "of", len(todo))


if __name__ == "__main__":
    main(*sys.argv[1:])
