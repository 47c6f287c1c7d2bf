#!/usr/bin/env python3
"""Writes the kernels that are measured beside PyTorch, as kernel-stage text: kernels.py FOLDER

gemm.mlir, attention.mlir, rows.mlir: the shapes of Flux and Wan. small.mlir: one small kernel of every class, whose
check is complete in seconds on any device. random/NN.mlir: kernels of every class of random shape, to be checked under
random schedules. The names say the shapes; peers.py reads them.
"""
import os, random, sys

GEMMS = [(4608, 21504, 3072), (2560, 21504, 3072), (4608, 3072, 15360), (4096, 9216, 3072), (4096, 12288, 3072),
         (4096, 3072, 12288), (32760, 1536, 1536), (32760, 8960, 1536), (32760, 1536, 8960)]
# heads, queries, keys, head dimension
ATTENTIONS = [(24, 4608, 4608, 128), (24, 2560, 2560, 128), (12, 32760, 32760, 128), (12, 32760, 512, 128),
              (24, 4429, 4429, 64)]
ROWS = [(4608, 3072), (32760, 1536)]
# Of %t, by tanh.
GELU = """  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0.797884583 : f32
  %c1 = arith.constant 0.044715 : f32
  %t2 = arith.mulf %t, %t : f32
  %t3 = arith.mulf %t2, %t : f32
  %t4 = arith.mulf %t3, %c1 : f32
  %t5 = arith.addf %t, %t4 : f32
  %t6 = arith.mulf %t5, %c0 : f32
  %t7 = math.tanh %t6 : f32
  %t8 = arith.addf %t7, %one : f32
  %t9 = arith.mulf %t, %half : f32
  %gelu = arith.mulf %t9, %t8 : f32
"""


def memref(*shape, type="bf16"):
    return f"memref<{'x'.join(map(str, shape))}x{type}>"


def widened(name, source, index, type):
    return f"  %{name}_ = kernel.load %{source}[{index}] : {type}\n  %{name} = arith.extf %{name}_ : bf16 to f32\n"


def gemm(m, n, k, epilogue=""):
    x, w, b, y = memref(m, k), memref(n, k), memref(n), memref(m, n)
    name = "gemm" + (f"_{epilogue}" if epilogue else "")
    text = f"kernel.func @{name}_{m}x{n}x{k}(%x: {x}, %w: {w} {{free}}, "
    text += (f"%b: {b}, " if epilogue else "") + f"%y: {y}) axes(%m = {m}, %n = {n}, %k = {k}) {{\n"
    text += f"  %a = kernel.load %x[%m, %k] : {x}\n  %v = kernel.load %w[%n, %k] : {w}\n"
    text += "  %s = kernel.contract %a, %v over(%k) : bf16, bf16 -> f32\n"
    result = "s"
    if epilogue:
        text += widened("bias", "b", "%n", b) + "  %t = arith.addf %s, %bias : f32\n"
        result = "t"
    if epilogue == "gelu":
        text += GELU
        result = "gelu"
    return text + f"  %r = arith.truncf %{result} : f32 to bf16\n  kernel.store %r, %y[%m, %n] : {y}\n}}\n"


def attention(h, m, n, d):
    q, kv = memref(m, h, d), memref(n, h, d)
    return f"""kernel.func @attention_{h}x{m}x{n}x{d}(%q: {q}, %k: {kv}, %v: {kv}, %o: {q})
    axes(%h = {h}, %m = {m}, %n = {n}, %d = {d}, %e = {d}) {{
  %c = arith.constant {d ** -0.5!r} : f32
  %a = kernel.load %q[%m, %h, %d] : {q}
  %b = kernel.load %k[%n, %h, %d] : {kv}
  %s = kernel.contract %a, %b over(%d) : bf16, bf16 -> f32
  %t = arith.mulf %s, %c : f32
  %u = kernel.load %v[%n, %h, %e] : {kv}
  %p = kernel.softmax %t, %u over(%n) : f32, bf16 -> f32
  %r = arith.truncf %p : f32 to bf16
  kernel.store %r, %o[%m, %h, %e] : {q}
}}
"""


def norm(m, c):
    x, v = memref(m, c), memref(c)
    return (f"kernel.func @norm_{m}x{c}(%x: {x}, %scale: {v}, %shift: {v}, %y: {x}) axes(%m = {m}, %c = {c}) {{\n"
            "  %eps = arith.constant 1.0e-6 : f32\n  %one = arith.constant 1.0 : f32\n"
            + widened("z", "x", "%m, %c", x) + "  %mu, %var = kernel.moments %z over(%c) : f32 -> f32, f32\n"
            + "  %d = arith.subf %z, %mu : f32\n  %ve = arith.addf %var, %eps : f32\n  %i = math.rsqrt %ve : f32\n"
            + "  %n = arith.mulf %d, %i : f32\n" + widened("g", "scale", "%c", v) + widened("s", "shift", "%c", v)
            + "  %g1 = arith.addf %g, %one : f32\n  %p = arith.mulf %n, %g1 : f32\n  %t = arith.addf %p, %s : f32\n"
            + f"  %r = arith.truncf %t : f32 to bf16\n  kernel.store %r, %y[%m, %c] : {x}\n}}\n")


def gate(m, c):
    x, v = memref(m, c), memref(c)
    return (f"kernel.func @gate_{m}x{c}(%x: {x}, %r: {x}, %g: {v}, %y: {x}) axes(%m = {m}, %c = {c}) {{\n"
            + widened("a", "x", "%m, %c", x) + widened("b", "r", "%m, %c", x) + widened("e", "g", "%c", v)
            + "  %p = arith.mulf %a, %e : f32\n  %t = arith.addf %p, %b : f32\n"
            + f"  %u = arith.truncf %t : f32 to bf16\n  kernel.store %u, %y[%m, %c] : {x}\n}}\n")


def gemv(n, k):
    v, w, y = memref(k), memref(n, k), memref(n)
    return (f"kernel.func @gemv_{n}x{k}(%v: {v}, %w: {w} {{free}}, %y: {y}) axes(%n = {n}, %k = {k}) {{\n"
            f"  %a = kernel.load %v[%k] : {v}\n  %b = kernel.load %w[%n, %k] : {w}\n"
            "  %s = kernel.contract %a, %b over(%k) : bf16, bf16 -> f32\n"
            f"  %r = arith.truncf %s : f32 to bf16\n  kernel.store %r, %y[%n] : {y}\n}}\n")


def conv(b, h, w, c, o, stride):
    x, f, y = memref(b, h, w, c), memref(o, 3, 3, c), memref(b, h // stride, w // stride, o)
    return (f"kernel.func @conv_{b}x{h}x{w}x{c}x{o}x{stride}(%x: {x}, %f: {f} {{free}}, %y: {y})\n"
            f"    axes(%b = {b}, %h = {h // stride}, %w = {w // stride}, %o = {o}, %r = 3, %s = 3, %c = {c}) {{\n"
            f"  %a = kernel.load %x[%b, %h * {stride} + %r - 1, %w * {stride} + %s - 1, %c] : {x} else 0.0\n"
            f"  %v = kernel.load %f[%o, %r, %s, %c] : {f}\n"
            "  %t = kernel.contract %a, %v over(%r, %s, %c) : bf16, bf16 -> f32\n"
            f"  %n = arith.truncf %t : f32 to bf16\n  kernel.store %n, %y[%b, %h, %w, %o] : {y}\n}}\n")


def causal(frames, h, w, c, o):
    """In time, too: of two frames before the first one is in a buffer of its own, the other is 0."""
    old, new, f, y = memref(h, w, c), memref(frames, h, w, c), memref(o, 3, 3, 3, c), memref(frames, h, w, o)
    place = "%h + %r - 1, %w + %s - 1, %c"
    return (f"kernel.func @causal_{frames}x{h}x{w}x{c}x{o}(%old: {old}, %new: {new}, %f: {f} {{free}}, %y: {y})\n"
            f"    axes(%r = 3, %h = {h}, %s = 3, %w = {w}, %c = {c}, %t = 3, %m = {frames}, %o = {o}) {{\n"
            f"  %a = kernel.load %old[{place}] if (%t + %m - 1 == 0) : {old}, "
            f"%new[%t + %m - 2, {place}] : {new} else 0.0\n"
            f"  %v = kernel.load %f[%o, %t, %r, %s, %c] : {f}\n"
            "  %u = kernel.contract %a, %v over(%r, %s, %c, %t) : bf16, bf16 -> f32\n"
            f"  %n = arith.truncf %u : f32 to bf16\n  kernel.store %n, %y[%m, %h, %w, %o] : {y}\n}}\n")


def group_norm(b, p, g, i):
    """Channels last: groups of neighbours, over all rows."""
    x, place = memref(b, p, g * i), f"%b, %p, %g * {i} + %i"
    return (f"kernel.func @groups_{b}x{p}x{g}x{i}(%x: {x}, %y: {x}) axes(%b = {b}, %p = {p}, %g = {g}, %i = {i}) {{\n"
            "  %eps = arith.constant 1.0e-6 : f32\n" + widened("z", "x", place, x)
            + "  %mu, %var = kernel.moments %z over(%p, %i) : f32 -> f32, f32\n  %d = arith.subf %z, %mu : f32\n"
            "  %ve = arith.addf %var, %eps : f32\n  %s = math.rsqrt %ve : f32\n  %n = arith.mulf %d, %s : f32\n"
            f"  %r = arith.truncf %n : f32 to bf16\n  kernel.store %r, %y[{place}] : {x}\n}}\n")


def any_kernels(seed):
    """One kernel of every class. Most extents suit the copy engine (multiples of 8), some do not."""
    draw = random.Random(seed)

    def extent(most):
        return draw.randint(1, most // 8) * 8 if draw.random() < 0.75 else draw.randint(1, most)
    return [gemm(extent(400), extent(400), extent(300)), gemm(extent(400), extent(400), extent(300), "gelu"),
            attention(draw.randint(1, 3), extent(300), extent(300), draw.choice([16, 32, 40, 64, 72, 80, 96, 128])),
            norm(extent(70), extent(800)), gate(extent(70), extent(400)), gemv(extent(500), extent(500)),
            conv(draw.randint(1, 2), 2 * draw.randint(2, 8), 2 * draw.randint(2, 10), extent(80), extent(100),
                 draw.randint(1, 2)),
            causal(draw.randint(1, 4), draw.randint(2, 12), draw.randint(2, 18), extent(80), extent(100)),
            group_norm(draw.randint(1, 2), extent(3000), draw.randint(1, 32), draw.randint(1, 12))]


def write(folder, name, texts):
    with open(os.path.join(folder, name), "w") as file:
        file.write("\n".join(texts))


def main(folder):
    os.makedirs(os.path.join(folder, "random"), exist_ok=True)
    write(folder, "small.mlir", [gemm(192, 160, 96), gemm(130, 77, 40, "gelu"), attention(2, 70, 90, 32), norm(33, 96),
                                 gate(65, 48), gemv(100, 72), conv(1, 12, 10, 16, 24, 1), causal(3, 6, 16, 64, 48),
                                 group_norm(1, 2000, 8, 4)])
    for seed in range(40):
        write(folder, f"random/{seed:02}.mlir", any_kernels(seed))
    write(folder, "gemm.mlir", [gemm(*shape) for shape in GEMMS] + [gemm(*shape, "gelu") for shape in GEMMS])
    write(folder, "attention.mlir", [attention(*shape) for shape in ATTENTIONS])
    write(folder, "rows.mlir", [kind(*shape) for shape in ROWS for kind in (norm, gate)] + [gemv(18432, 3072)])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
