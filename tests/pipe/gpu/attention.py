#!/usr/bin/env python3
"""Compile attention by the pipe to cubins for run.py: attention.py TOOL OUT [FILTER]; see gemm.py."""
import sys
import gemm


def kernel(c):
    B, H, M, N, D = (c[x] for x in "BHMND")
    q, k = f"memref<{B}x{M}x{H}x{D}xbf16>", f"memref<{B}x{N}x{H}x{D}xbf16>"
    mask = f", %mask: memref<{M}x{N}xf32>" if c.get("mask") else ""
    text = [f"kernel.func @attend(%q: {q}, %k: {k}, %v: {k}{mask}, %o: {q})",
            f"    axes(%b = {B}, %h = {H}, %m = {M}, %n = {N}, %d = {D}, %e = {D}) attributes {{schedule = \"{c['schedule']}\"}} {{",
            f"  %a = kernel.load %q[%b, %m, %h, %d] : {q}", f"  %c = kernel.load %k[%b, %n, %h, %d] : {k}",
            "  %s = kernel.contract %a, %c over(%d) : bf16, bf16 -> f32",
            f"  %scale = arith.constant {c['scale']!r} : f32", "  %t = arith.mulf %s, %scale : f32"]
    weights = "%t"
    if c.get("mask"):
        text += [f"  %x = kernel.load %mask[%m, %n] : memref<{M}x{N}xf32>", "  %u = arith.addf %t, %x : f32"]
        weights = "%u"
    return "\n".join(text + [f"  %w = kernel.load %v[%b, %n, %h, %e] : {k}",
                             f"  %r = kernel.softmax {weights}, %w over(%n) : f32, bf16 -> f32",
                             "  %z = arith.truncf %r : f32 to bf16", f"  kernel.store %z, %o[%b, %m, %h, %e] : {q}", "}", ""])


def schedule(consumers=2, keys=128, hold=True, stages=2, slots=2, pingpong=True, persistent=True):
    words = ["hold(q)"] * hold + ["tc(wgmma)", f"tile(m,{64 * consumers})", f"tile(n,{keys})", f"warps({consumers}+1)"]
    words += ["pingpong"] * pingpong + ["overlap", "copy(k,tma)", "copy(q,tma)", "copy(v,tma)", f"stage({stages})"]
    return " ".join(words + ["persistent"] * persistent + [f"slots({slots})"] * (slots > 0))


def cases():
    timed = [
        (1, 24, 4608, 4608, 128, [schedule(), schedule(keys=160, hold=False), schedule(hold=False)]),
        (1, 24, 2560, 2560, 128, [schedule(), schedule(keys=160, hold=False)]),
        (1, 12, 32760, 32760, 128, [schedule(), schedule(keys=160, hold=False), schedule(keys=176, hold=False, slots=1)]),
        (1, 12, 32760, 512, 128, [schedule(), schedule(hold=False)]),
        (1, 24, 4429, 4429, 64, [schedule(consumers=3, hold=False, slots=1), schedule(consumers=3, keys=112, slots=1), schedule(slots=1)]),
    ]
    for B, H, M, N, D, schedules in timed:
        for i, s in enumerate(schedules):
            yield dict(B=B, H=H, M=M, N=N, D=D, schedule=s, name=f"b{B}h{H}m{M}n{N}d{D}_{i}", time=1)
    for D, s in [(40, schedule(slots=1)), (80, schedule(slots=2)), (160, schedule(keys=96, hold=False, slots=1))]:
        L = {40: 4096, 80: 1024, 160: 256}[D]
        yield dict(B=2, H=8, M=L, N=L, D=D, schedule=s, name=f"sd{D}", time=1)
    check = [dict(M=1000, N=77, D=40, schedule=schedule(keys=80, slots=1)), dict(M=1000, N=77, D=80, schedule=schedule(keys=80, slots=1)),
             dict(M=333, N=77, D=160, schedule=schedule(keys=80, slots=1, hold=False)), dict(M=500, N=1000, D=72),
             dict(M=500, N=1000, D=96), dict(M=500, N=1001, D=64, schedule=schedule(slots=1)), dict(M=131, N=129, D=128),
             dict(M=64, N=4096, D=128), dict(M=777, N=1111, D=64, schedule=schedule(consumers=3, hold=False, slots=1)),
             dict(M=777, N=1111, D=128, schedule=schedule(pingpong=False)), dict(M=777, N=1111, D=128, schedule=schedule(persistent=False)),
             dict(M=777, N=1111, D=128, schedule=schedule(slots=0)), dict(M=300, N=1000, D=64, schedule=schedule(consumers=1, slots=1, pingpong=False))]
    for i, c in enumerate(check):
        yield dict(B=2, H=3, schedule=schedule(), name=f"check{i}_m{c['M']}n{c['N']}d{c['D']}") | c
    yield dict(B=1, H=3, M=512, N=1000, D=64, mask=1, schedule=schedule(keys=64, slots=1), name="mask")


if __name__ == "__main__":
    gemm.kernel = kernel
    gemm.cases = lambda: (c | {"kind": "attention", "scale": c["D"] ** -0.5 * 1.01} for c in cases())
    gemm.main(*sys.argv[1:])
