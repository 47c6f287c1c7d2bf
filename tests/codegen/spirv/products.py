#!/usr/bin/env python3
"""Contractions and attention of models as kernels, for the matrix engine of Intel's GPUs: products.py SET > FILE.
`small` ones run on processors against the reference: odd sizes, views, epilogues, conditions; `types` those of 8 bits and
of f32 as tf32. `large` ones are those whose loops are counted: 4096³ and what Flux and Wan multiply; `large_types`
4096³ of the others."""
import sys

GELU = """  %c0 = arith.constant 0.044715 : f32
  %c1 = arith.constant 0.79788458 : f32
  %c2 = arith.constant 1.0 : f32
  %c3 = arith.constant 0.5 : f32
  %q0 = arith.mulf %t, %t : f32
  %q1 = arith.mulf %q0, %t : f32
  %q2 = arith.mulf %q1, %c0 : f32
  %q3 = arith.addf %t, %q2 : f32
  %q4 = arith.mulf %q3, %c1 : f32
  %q5 = math.tanh %q4 : f32
  %q6 = arith.addf %q5, %c2 : f32
  %q7 = arith.mulf %t, %c3 : f32
  %u = arith.mulf %q7, %q6 : f32
"""

# Multiples of 2^-7 so that nothing is rounded twice.
QUANTIZE = """  %d0 = arith.constant 0.0078125 : f32
  %d1 = arith.constant -128.0 : f32
  %d2 = arith.constant 127.0 : f32
  %e0 = arith.mulf LAST, %d0 : f32
  %e1 = math.roundeven %e0 : f32
  %e2 = arith.maximumf %e1, %d1 : f32
  %e3 = arith.minimumf %e2, %d2 : f32
  %z = arith.fptosi %e3 : f32 to i8
"""


def gemm(name, M, N, K, type="bf16", out=None, nk=False, epilogue="none", batch=0, pad=0, schedule=""):
    """y[m,n] = Σ x[m,k]·w[k,n], or w[n,k]; rows of x are `pad` elements longer than K. The type tf32 is f32 that may be
    rounded; sums of i8 are i32, and what is added to them or stored as f32 is f32."""
    rounded, sums = " tf32" * (type == "tf32"), "i32" if type == "i8" else "f32"
    type = "f32" if rounded else type
    out = out or (sums if type == "i8" else type)
    other = "f32" if type == "i8" else type
    b, at = (f"{batch}x", "%b, ") if batch else ("", "")
    x, w = f"memref<{b}{M}x{K + pad}x{type}>", f"memref<{b}{N}x{K}x{type}>" if nk else f"memref<{b}{K}x{N}x{type}>"
    y = f"memref<{b}{M}x{N}x{out}>"
    more = f", %v: memref<{N}x{other}>" if epilogue != "none" else ""
    more += f", %r: {y}" if epilogue == "residual" else ""
    axes = (f"%b = {batch}, " if batch else "") + f"%m = {M}, %n = {N}, %k = {K}"
    attributes = f' attributes {{schedule = "{schedule}"}}' if schedule else ""
    text = f"kernel.func @{name}(%x: {x}, %w: {w}{more}, %y: {y}) axes({axes}){attributes} {{\n"
    text += f"  %a = kernel.load %x[{at}%m, %k] : {x}\n  %c = kernel.load %w[{at}{'%n, %k' if nk else '%k, %n'}] : {w}\n"
    text += f"  %s = kernel.contract %a, %c over(%k){rounded} : {type}, {type} -> {sums}\n"
    last, wide = "%s", "%v0"
    if sums != out and sums == "i32":
        text += "  %f = arith.sitofp %s : i32 to f32\n"
        last = "%f"
    if epilogue != "none":
        text += f"  %v0 = kernel.load %v[%n] : memref<{N}x{other}>\n"
        if other != "f32":
            text += f"  %v1 = arith.extf %v0 : {other} to f32\n"
            wide = "%v1"
        text += f"  %t = arith.addf {last}, {wide} : f32\n"
        last = "%t"
    if epilogue == "gelu":
        text, last = text + GELU, "%u"
    if epilogue == "residual":
        text += f"  %r0 = kernel.load %r[{at}%m, %n] : {y}\n  %r1 = arith.extf %r0 : {out} to f32\n  %u = arith.addf %t, %r1 : f32\n"
        last = "%u"
    if out == "i8":
        text += QUANTIZE.replace("LAST", last)
        last = "%z"
    elif out not in ("f32", "i32"):
        text += f"  %z = arith.truncf {last} : f32 to {out}\n"
        last = "%z"
    return text + f"  kernel.store {last}, %y[{at}%m, %n] : {y}\n}}\n"


def vector(name, N, K, type="bf16", nk=True, left=False, batch=0, out=None, computed="", epilogue=True, pad=0, offset=0, around=0,
           schedule=""):
    """y[n] = Σ x[k]·w[n,k], or w[k,n], + v[n], through SiLU; with `left` the matrix is the left operand. x may be `computed` of
    f32: rounded (round), or SiLU of it (silu). Rows of w are `pad` longer; the vector begins `offset` behind its memory's; y has `around` more elements on
    both sides, which nothing writes."""
    rounded, sums = " tf32" * (type == "tf32"), "i32" if type == "i8" else "f32"
    type = "f32" if rounded else type
    out, other = out or (sums if type == "i8" else type), "f32" if computed else type
    b, at = (f"{batch}x", "%b, ") if batch else ("", "")
    x, y = f"memref<{b}{K + offset}x{other}>", f"memref<{b}{N + 2 * around}x{out}>"
    w = f"memref<{b}{N}x{K + pad}x{type}>" if nk else f"memref<{b}{K}x{N + pad}x{type}>"
    attributes = f' attributes {{schedule = "{schedule}"}}' if schedule else ""
    text = f"kernel.func @{name}(%x: {x}, %w: {w}, %v: memref<{N}xf32>, %y: {y}) axes({f'%b = {batch}, ' if batch else ''}%n = {N}, %k = {K}){attributes} {{\n"
    text += "  %one = arith.constant 1.0 : f32\n"
    text += f"  %x0 = kernel.load %x[{at}%k{f' + {offset}' if offset else ''}] : {x}\n  %c = kernel.load %w[{at}{'%n, %k' if nk else '%k, %n'}] : {w}\n"
    silu = "  %{0}1 = arith.negf {1} : f32\n  %{0}2 = math.exp %{0}1 : f32\n  %{0}3 = arith.addf %{0}2, %one : f32\n  %{0}4 = arith.divf {1}, %{0}3 : f32\n"
    a = "%x0"
    if computed == "silu":
        text, a = text + silu.format("a", a), "%a4"
    if computed:
        text, a = text + f"  %x1 = arith.truncf {a} : f32 to {type}\n", "%x1"
    text += f"  %s = kernel.contract {'%c, ' + a if left else a + ', %c'} over(%k){rounded} : {type}, {type} -> {sums}\n"
    last = "%s"
    if epilogue:
        text += f"  %v0 = kernel.load %v[%n] : memref<{N}xf32>\n  %t = arith.addf {last}, %v0 : f32\n" + silu.format("e", "%t")
        last = "%e4"
    if out not in ("f32", "i32"):
        text, last = text + f"  %z = arith.truncf {last} : f32 to {out}\n", "%z"
    return text + f"  kernel.store {last}, %y[{at}%n{f' + {around}' if around else ''}] : {y}\n}}\n"


def pieces(name, first, M, N, K, type="bf16"):
    """The left operand's rows lie in two buffers."""
    x, y, w, o = (f"memref<{rows}x{columns}x{type}>" for rows, columns in ((first, K), (M - first, K), (K, N), (M, N)))
    return (f"kernel.func @{name}(%x: {x}, %y: {y}, %w: {w}, %o: {o}) axes(%m = {M}, %n = {N}, %k = {K})\n"
            f'    attributes {{schedule = "tc(dpas) tile(k,32) tile(m,32) tile(n,128) warps(1x2) copy(w,block2d) copy(x,block2d) copy(y,block2d)"}} {{\n'
            f"  %a = kernel.load %x[%m, %k] : {x}, %y[%m - {first}, %k] : {y} else 0.0\n"
            f"  %c = kernel.load %w[%k, %n] : {w}\n  %s = kernel.contract %a, %c over(%k) : {type}, {type} -> f32\n"
            f"  %z = arith.truncf %s : f32 to {type}\n  kernel.store %z, %o[%m, %n] : {o}\n}}\n")


def joined(name, M, N, first, second, type="bf16"):
    """The left operand's depth lies in two buffers."""
    x, y, w, o = (f"memref<{rows}x{columns}x{type}>" for rows, columns in ((M, first), (M, second), (N, first + second), (M, N)))
    return (f"kernel.func @{name}(%x: {x}, %y: {y}, %w: {w}, %o: {o}) axes(%m = {M}, %n = {N}, %k = {first + second})\n"
            f'    attributes {{schedule = "tc(dpas) tile(k,32) tile(m,64) tile(n,64) warps(2x1) copy(w,block2d) copy(x,block2d) copy(y,block2d)"}} {{\n'
            f"  %a = kernel.load %x[%m, %k] : {x}, %y[%m, %k - {first}] : {y} else 0.0\n"
            f"  %c = kernel.load %w[%n, %k] : {w}\n  %s = kernel.contract %a, %c over(%k) : {type}, {type} -> f32\n"
            f"  %z = arith.truncf %s : f32 to {type}\n  kernel.store %z, %o[%m, %n] : {o}\n}}\n")


def causal(name, kind, H=5, W=24, C=32, N=48, type="bf16", flip=False, schedule=""):
    """A convolution over three frames, of which some lie in buffers of their own or are 0: which, the tap t says."""
    image, frames, w = f"memref<{H}x{W}x{C}x{type}>", f"memref<2x{H}x{W}x{C}x{type}>", f"memref<{N}x3x3x3x{C}x{type}>"
    at = "%h + %i - 1, %v + %j - 1, %k"
    inputs, f, y = [image] * 3, "", f"memref<{H}x{W}x{N}x{type}>"
    if kind == "taps":
        load = ", ".join(f"%x{i}[{at}] if ({test}) : {image}" for i, test in enumerate(("-%t >= 0", "%t - 1 == 0", "%t - 2 >= 0")))
    elif kind == "last":
        inputs, load = [image], f"%x0[{at}] if (%t - 2 >= 0) : {image}"
    elif kind == "repeated":
        inputs, load = [frames], f"%x0[%t, {at}] if (-%t >= 0) : {frames}, %x0[1, {at}] if (%t - 1 >= 0) : {frames}"
    elif kind == "frames":
        inputs, f, y = [image, frames], "%f, ", f"memref<2x{H}x{W}x{N}x{type}>"
        load = f"%x0[{at}] if (%t + %f - 1 == 0) : {image}, %x1[%t + %f - 2, {at}] : {frames}"
    elif kind == "tests":
        inputs = [image] * 2
    if kind == "tests":
        left = f"  %p = kernel.test(-%t + 1 >= 0) : i1\n  %q = kernel.test(-%t >= 0) : i1\n  %none = arith.constant 0.0 : {type}\n"
        for i in range(2):
            left += f"  %l{i} = kernel.load %x{i}[{at}] : {image} else 0.0\n"
        left += f"  %u = arith.select %q, %none, %l0 : {type}\n  %a = arith.select %p, %u, %l1 : {type}\n"
    else:
        left = f"  %a = kernel.load {load} else 0.0\n"
    copies = " ".join(f"copy(x{i},block2d)" for i in range(len(inputs)))
    sides = "flip tile(v,32) tile(n,16) warps(2x2)" if flip else "tile(v,8) tile(n,48) warps(1x1)"
    schedule = schedule or f"tc(dpas) {sides} tile(k,32) copy(w,block2d) {copies} prefetch(2)"
    attributes = "" if schedule == "heuristic" else f' attributes {{schedule = "{schedule}"}}'
    arguments = ", ".join(f"%x{i}: {shape}" for i, shape in enumerate(inputs))
    return (f"kernel.func @{name}({arguments}, %w: {w}, %y: {y})\n    axes({'%f = 2, ' if f else ''}%h = {H}, %v = {W}, %n = {N}, "
            f'%i = 3, %j = 3, %k = {C}, %t = 3){attributes} {{\n{left}'
            f"  %c = kernel.load %w[%n, %t, %i, %j, %k] : {w}\n"
            f"  %s = kernel.contract %a, %c over(%i, %j, %k, %t) : {type}, {type} -> f32\n"
            f"  %z = arith.truncf %s : f32 to {type}\n  kernel.store %z, %y[{f}%h, %v, %n] : {y}\n}}\n")


def convolution(name, B, H, W, C, N, type="f16", taps=3, stride=1, schedule=""):
    """Channels last, same padding; weights [n][kh][kw][c]."""
    rounded, type = " tf32" * (type == "tf32"), "f32" if type == "tf32" else type
    narrow, last = (f"  %z = arith.truncf %s : f32 to {type}\n", "%z") if type != "f32" else ("", "%s")
    pad, oh, ow = taps // 2, H // stride, W // stride
    x, w, y = f"memref<{B}x{H}x{W}x{C}x{type}>", f"memref<{N}x{taps}x{taps}x{C}x{type}>", f"memref<{B}x{oh}x{ow}x{N}x{type}>"
    attributes = f' attributes {{schedule = "{schedule}"}}' if schedule else ""
    place = f"%h * {stride} + %i - {pad}, %v * {stride} + %j - {pad}"
    return (f"kernel.func @{name}(%x: {x}, %w: {w}, %y: {y})\n"
            f"    axes(%b = {B}, %h = {oh}, %v = {ow}, %n = {N}, %i = {taps}, %j = {taps}, %k = {C}){attributes} {{\n"
            f"  %a = kernel.load %x[%b, {place}, %k] : {x} else 0.0\n"
            f"  %c = kernel.load %w[%n, %i, %j, %k] : {w}\n"
            f"  %s = kernel.contract %a, %c over(%i, %j, %k){rounded} : {type}, {type} -> f32\n"
            f"{narrow}  kernel.store {last}, %y[%b, %h, %v, %n] : {y}\n}}\n")


def depthwise(name, H, W, C, type="bf16"):
    """A convolution of each channel by itself, 3 × 3 taps, channels last."""
    x, w, y = f"memref<{H}x{W}x{C}x{type}>", f"memref<{C}x3x3x{type}>", f"memref<{H}x{W}x{C}x{type}>"
    return (f"kernel.func @{name}(%x: {x}, %w: {w}, %y: {y}) axes(%h = {H}, %v = {W}, %c = {C}, %i = 3, %j = 3) {{\n"
            f"  %a = kernel.load %x[%h + %i - 1, %v + %j - 1, %c] : {x} else 0.0\n  %b = kernel.load %w[%c, %i, %j] : {w}\n"
            f"  %s = kernel.contract %a, %b over(%i, %j) : {type}, {type} -> f32\n"
            f"  %z = arith.truncf %s : f32 to {type}\n  kernel.store %z, %y[%h, %v, %c] : {y}\n}}\n")


def attention(name, B, H, M, N, D, type="bf16", mask=False, schedule=""):
    q, k = f"memref<{B}x{M}x{H}x{D}x{type}>", f"memref<{B}x{N}x{H}x{D}x{type}>"
    more = f", %mask: memref<{M}x{N}xf32>" if mask else ""
    attributes = f' attributes {{schedule = "{schedule}"}}' if schedule else ""
    text = (f"kernel.func @{name}(%q: {q}, %k: {k}, %v: {k}{more}, %o: {q})\n"
            f"    axes(%b = {B}, %h = {H}, %m = {M}, %n = {N}, %d = {D}, %e = {D}){attributes} {{\n"
            f"  %a = kernel.load %q[%b, %m, %h, %d] : {q}\n  %c = kernel.load %k[%b, %n, %h, %d] : {k}\n"
            f"  %s = kernel.contract %a, %c over(%d) : {type}, {type} -> f32\n"
            f"  %scale = arith.constant {D ** -0.5 * 1.01!r} : f32\n  %t = arith.mulf %s, %scale : f32\n")
    weights = "%t"
    if mask:
        text += f"  %x = kernel.load %mask[%m, %n] : memref<{M}x{N}xf32>\n  %u = arith.addf %t, %x : f32\n"
        weights = "%u"
    return text + (f"  %w = kernel.load %v[%b, %n, %h, %e] : {k}\n  %r = kernel.softmax {weights}, %w over(%n) : f32, {type} -> f32\n"
                   f"  %z = arith.truncf %r : f32 to {type}\n  kernel.store %z, %o[%b, %m, %h, %e] : {q}\n}}\n")


BLOCKS = "copy(w,block2d) copy(x,block2d) prefetch(2)"


def small():
    tile = f"tc(dpas) tile(k,32) tile(m,64) tile(n,128) warps(2x2) {BLOCKS}"
    yield gemm("plain", 64, 128, 64, schedule=tile)
    yield gemm("ragged", 65, 136, 40, schedule=tile)
    yield gemm("columns", 33, 264, 200, nk=True, schedule=f"tc(dpas) tile(k,32) tile(m,128) tile(n,64) warps(2x2) {BLOCKS}")
    yield gemm("half", 100, 96, 72, "f16", epilogue="gelu", schedule=tile)
    yield gemm("wide", 77, 96, 72, out="f32", epilogue="bias", schedule=tile)
    yield gemm("residual", 70, 160, 96, epilogue="residual")
    yield gemm("padded", 70, 96, 64, pad=8, schedule=tile)
    yield gemm("batched", 40, 64, 64, batch=3, nk=True)
    yield gemm("shallow", 40, 64, 24, nk=True)
    yield gemm("odd", 37, 45, 51)
    yield gemm("odd_columns", 37, 45, 51, "f16", nk=True)
    yield gemm("elements", 64, 128, 64, nk=True, schedule="tc(dpas) tile(k,32) tile(m,64) tile(n,64) warps(2x2) copy(w,plain) copy(x,plain)")
    yield gemm("few", 3, 136, 264, epilogue="bias")
    yield vector("row", 192, 264)
    yield vector("row_left", 100, 96, "f16", left=True, out="f32", around=40)
    yield vector("row_kn", 140, 200, nk=False, pad=4, around=40)
    yield vector("row_kn_left", 75, 70, nk=False, left=True)
    yield vector("row_odd", 77, 51, out="f32")
    yield vector("row_odd_kn", 45, 51, "f16", nk=False)
    yield vector("row_rounded", 96, 256, computed="round")
    yield vector("row_silu", 72, 136, computed="silu")
    yield vector("row_silu_kn", 72, 136, nk=False, computed="silu")
    yield vector("row_batched", 48, 72, batch=3)
    yield vector("row_batched_kn", 48, 72, nk=False, batch=3)
    yield vector("row_between", 64, 80, offset=3, pad=8)
    yield vector("row_behind", 64, 80, offset=8, pad=8, nk=False)
    yield vector("row_transposed", 70, 96, schedule="tc(dpas) tile(k,32) tile(n,64) warps(1x2) copy(w,block2d) copy(x,block2d) prefetch(2)")
    yield vector("row_groups", 150, 96, schedule="tc(dpas) flip tile(k,32) tile(n,64) warps(2) copy(w,block2d) copy(x,plain) prefetch(2)")
    yield pieces("pieces", 32, 96, 128, 64)
    yield joined("joined", 70, 72, 64, 96)
    for kind in ("taps", "last", "repeated", "frames", "tests"):
        yield causal(f"causal_{kind}", kind)
        yield causal(f"causal_{kind}_right", kind, flip=True)
    yield convolution("taps", 2, 9, 16, 32, 64)
    yield convolution("strided", 1, 8, 32, 32, 64, stride=2)
    yield convolution("few_channels", 1, 8, 16, 4, 64)
    yield depthwise("depthwise", 9, 12, 32)
    yield attention("heads", 2, 3, 70, 100, 64)
    yield attention("wide_heads", 1, 2, 50, 77, 128)
    yield attention("narrow_heads", 2, 3, 33, 77, 40, "f16")
    yield attention("masked", 1, 2, 40, 50, 64, mask=True)
    yield attention("one_block", 1, 2, 16, 16, 80, "f16")


def types():
    tile = f"tc(dpas) tile(k,64) tile(m,32) tile(n,96) warps(2x2) {BLOCKS}"
    yield gemm("bytes", 45, 112, 176, "i8", schedule=tile)
    yield gemm("bytes_columns", 33, 104, 208, "i8", nk=True, epilogue="bias", out="f32", schedule=f"tc(dpas) tile(k,64) tile(m,32) tile(n,64) warps(2x2) {BLOCKS}")
    yield gemm("bytes_stored", 40, 96, 96, "i8", out="i8")
    yield gemm("bytes_odd", 37, 45, 51, "i8")
    yield gemm("tf32", 45, 112, 72, "tf32", schedule=tile.replace("k,64", "k,16"))
    yield gemm("tf32_columns", 33, 104, 100, "tf32", nk=True, epilogue="bias", schedule=f"tc(dpas) tile(k,16) tile(m,32) tile(n,64) warps(2x2) {BLOCKS}")
    yield gemm("tf32_odd", 37, 45, 51, "tf32", nk=True)
    yield vector("bytes_row", 96, 208, "i8", epilogue=False)
    yield vector("bytes_row_kn", 96, 208, "i8", nk=False, epilogue=False)
    yield vector("tf32_row", 96, 104, "tf32")
    yield vector("tf32_row_kn", 96, 104, "tf32", nk=False)
    yield convolution("tf32_taps", 1, 5, 16, 32, 32, "tf32")


def large():
    yield gemm("cube_kn", 4096, 4096, 4096)
    yield gemm("cube_nk", 4096, 4096, 4096, nk=True)
    yield gemm("flux_qkv", 4608, 9216, 3072, epilogue="bias")
    yield gemm("flux_up", 4608, 12288, 3072, epilogue="gelu")
    yield gemm("flux_down", 4608, 3072, 12288, epilogue="residual")
    yield gemm("flux_single", 4608, 21504, 3072, epilogue="gelu")
    yield gemm("wan_qkv", 32760, 1536, 1536, epilogue="bias")
    yield gemm("wan_up", 32760, 8960, 1536, epilogue="gelu")
    yield gemm("wan_down", 32760, 1536, 8960, epilogue="residual")
    yield gemm("wan_up_nk", 32760, 8960, 1536, nk=True, epilogue="gelu")
    yield vector("row_nk", 3072, 3072)
    yield vector("row_kn", 3072, 3072, nk=False)
    yield vector("row_modulation", 1056768, 3072)
    yield vector("row_short", 3072, 256, computed="round")
    yield causal("causal_taps", "taps", 480, 832, 96, 96, schedule="heuristic")
    yield causal("causal_frames", "frames", 480, 832, 96, 96, schedule="heuristic")
    yield attention("flux_attend", 1, 24, 4608, 4608, 128)
    yield attention("wan_attend", 1, 12, 32760, 32760, 128)
    yield attention("heads64", 1, 24, 4096, 4096, 64)


def large_types():
    yield gemm("bytes_kn", 4096, 4096, 4096, "i8")
    yield gemm("bytes_nk", 4096, 4096, 4096, "i8", nk=True)
    yield gemm("tf32_kn", 4096, 4096, 4096, "tf32")
    yield gemm("tf32_nk", 4096, 4096, 4096, "tf32", nk=True)


if __name__ == "__main__":
    print("\n".join({"small": small, "types": types, "large": large, "large_types": large_types}[sys.argv[1]]()))
