#!/usr/bin/env python3
"""Compile the products of Flux and Wan under many tiles to cubins for run.py: sweep.py TOOL OUT [FILTER]; see gemm.py.

For every M×N×K the tiles whose waves over 132 multiprocessors cost little more than the least. The constants of the
heuristic's estimate (search/strategies/heuristic/Roles.cpp) are those that choose best among what run.py --short prints.
"""
import math
import sys
import gemm

UNITS, SHARED = 132, 227 * 1024
# M, N, K, whether the weight is K×N, epilogue
SHAPES = [(256, 3072, 3072, 1, "gated"), (256, 3072, 4096, 1, "bias"), (256, 3072, 12288, 1, "gated"), (256, 9216, 3072, 0, "bias"),
          (256, 12288, 3072, 1, "gelu"), (512, 1536, 1536, 1, "bias"), (512, 1536, 4096, 1, "gelu"), (512, 3072, 3072, 1, "gated"),
          (512, 3072, 4096, 1, "bias"), (512, 3072, 12288, 1, "gated"), (512, 9216, 3072, 0, "bias"), (512, 12288, 3072, 1, "gelu"),
          (512, 92160, 1536, 0, "bias"), (2304, 64, 3072, 1, "bias"), (2304, 3072, 64, 1, "bias"), (2304, 3072, 3072, 1, "gated"),
          (2304, 3072, 12288, 1, "gated"), (2304, 9216, 3072, 0, "bias"), (2304, 12288, 3072, 1, "gelu"), (2560, 3072, 15360, 1, "gated"),
          (2560, 21504, 3072, 0, "gelu"), (4096, 64, 3072, 1, "bias"), (4096, 3072, 64, 1, "bias"), (4096, 3072, 3072, 1, "gated"),
          (4096, 3072, 12288, 1, "gated"), (4096, 9216, 3072, 0, "bias"), (4096, 12288, 3072, 1, "gelu"), (4608, 3072, 15360, 1, "gated"),
          (4608, 21504, 3072, 0, "gelu"), (32760, 1536, 1536, 1, "gated"), (32760, 1536, 8960, 1, "gated"), (32760, 4608, 1536, 0, "bias"),
          (32760, 8960, 1536, 1, "gelu")]
# rows × columns of the block, consumers, in turn
TILES = [(128, n, 2, True) for n in (192, 176, 160, 144, 128, 112, 96, 80, 64)] + \
        [(64, n, 2, True) for n in (256, 192, 128, 96)] + \
        [(192, 192, 3, False), (192, 160, 3, False), (192, 128, 3, False), (128, 256, 2, False), (128, 192, 2, False), (256, 128, 2, False),
         (256, 160, 2, False), (256, 192, 2, False), (64, 256, 1, False), (64, 192, 1, False), (64, 128, 1, False),
         (64, 96, 1, False), (64, 64, 1, False), (128, 128, 1, False), (128, 96, 1, False), (128, 64, 1, False)]
# The same shapes beyond their least waves: other epilogues, weights in the other order, orders of the walk, fills against slots.
pp = gemm.schedule
MORE = {(4608, 3072, 15360): [(0, "none", pp(bn=144, stages=5, raster=r)) for r in (4, 18)] + [(0, "none", pp(raster=18))] +
        [(1, "gated", pp(bm=192, bn=192, warps="3+1", pingpong=False, slots=1, raster=r)) for r in (4, 8)] +
        [(1, "none", pp(bm=192, bn=192, warps="3+1", pingpong=False, slots=1)), (1, "none", pp(bn=144, stages=5, flip=True))],
        (4096, 12288, 3072): [(0, "none", pp(bn=176, stages=5, slots=2, raster=r)) for r in (4, 16)] +
        [(0, "none", pp(bn=176, stages=4, slots=3)), (0, "none", pp(bn=176, stages=5, slots=0)), (0, "none", pp()), (0, "none", pp(raster=8)),
         (0, "none", pp(bn=160, stages=5, slots=2)), (0, "none", pp(bn=176, stages=5, slots=2, flip=True)), (1, "gelu", pp(raster=8))],
        (512, 3072, 12288): [(0, "gated", pp(bn=96, stages=6, slots=2)), (0, "none", pp(bn=96, stages=6, slots=2)), (0, "gated", pp(bn=112, stages=6, slots=2))],
        (512, 3072, 3072): [(0, "gated", pp(bn=96, stages=6, slots=2)), (0, "gated", pp(bm=64, bn=96, stages=8, slots=1, warps="1+1", pingpong=False))],
        (256, 3072, 12288): [(0, "gated", pp(bm=64, bn=96, stages=8, slots=2)), (0, "gated", pp(bm=64, bn=96, stages=8, slots=2, warps="1+1", pingpong=False))],
        (256, 3072, 3072): [(0, "gated", pp(bm=64, bn=96, stages=8, slots=2)), (0, "gated", pp(bm=64, bn=96, stages=8, slots=2, warps="1+1", pingpong=False))],
        (512, 12288, 3072): [(0, "gelu", pp(bn=192)), (0, "gelu", pp(bn=96, stages=6, slots=2))],
        (32760, 1536, 1536): [(1, e, pp(**a)) for e in ("bias", "gated") for a in (dict(), dict(raster=8), dict(flip=True, bn=176, stages=5, slots=2))]}


def depths(bm, bn, consumers, turn):
    """Fills and slots that fit, the most promising first: four fills, then two slots, then a fifth fill."""
    rows = bm // (1 if turn else consumers)
    pieces = rows // 64 * math.ceil(bn / 64)
    found = []
    for slots in (3, 2, 1):
        if pieces % slots:
            continue
        stages = (SHARED - 1024 - 128 - consumers * slots * 8192) // ((bm + bn) * 128)
        if stages >= 3:
            found.append((min(stages, 8), slots))
    found.sort(key=lambda f: min(f[0], 4) * 3 + (f[0] > 4) + (0, 0.5, 2, 2.5)[f[1]], reverse=True)
    return found


def rows_of(M, N, flip):
    return N if flip else M


def columns_of(M, N, flip):
    return M if flip else N


def candidates(M, N, K, wkn, most=11):
    made = []
    for flip in (False, True):
        rows, columns = (N, M) if flip else (M, N)
        for bm, bn, consumers, turn in TILES:
            if flip and bn % 16:
                continue
            tiles = math.ceil(rows / bm) * math.ceil(columns / bn)
            waves = max(1, math.ceil(tiles / UNITS))
            if consumers == 1:
                penalty = 1.15
            else:
                penalty = 1.0 if turn else 1.03
            # What small tiles move through the second cache, roughly.
            fetched = bm + (-(-bn // 64) * 64 if wkn and not flip else bn)
            cost = waves * max(bm * bn, 60 * fetched) * penalty
            made.append((cost, flip, bm, bn, consumers, turn))
    made.sort()
    least = made[0][0]
    schedules = []
    for cost, flip, bm, bn, consumers, turn in made:
        fits = depths(bm, bn if flip or not wkn else -(-bn // 64) * 64, consumers, turn)
        if cost < least * 1.3 and fits:
            stages, slots = fits[0]
            schedules.append(gemm.schedule(bm=bm, bn=bn, stages=stages, warps=f"{consumers}+1", pingpong=turn, flip=flip, slots=slots,
                                           raster=16 if rows_of(M, N, flip) > 2 * bm and columns_of(M, N, flip) > bn else 0))
    return schedules[:most]


def cases():
    for M, N, K, wkn, epi in SHAPES:
        made = [(wkn, epi, s) for s in candidates(M, N, K, wkn)]
        made += [m for m in MORE.get((M, N, K), []) if m not in made]
        for i, (wkn, epi, s) in enumerate(made):
            yield dict(M=M, N=N, K=K, wkn=wkn, epi=epi, schedule=s, name=f"m{M}n{N}k{K}_{'kn' if wkn else 'nk'}_{epi}_{i}", time=1)


if __name__ == "__main__":
    gemm.cases = cases
    if len(sys.argv) == 2 and sys.argv[1] == "--list":
        for c in cases():
            print(c["name"], c["schedule"])
    else:
        gemm.main(*sys.argv[1:])
