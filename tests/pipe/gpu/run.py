#!/usr/bin/env python3
"""Check and time the cubins of a folder beside PyTorch on a GPU: run.py [--short] DIR [SECONDS a shape] [NAME part...]

DIR holds manifest.json (gemm.py, attention.py) and cubins. Every case is checked against a float32 product of its
inputs, with outputs that hold NaN before; the timed ones are then measured beside cuBLAS or cuDNN, all variants of a
shape interleaved, sustained and in pairs of launches with pauses between (not with --short). Weights are taken in
turn from as many copies as do not fit the second cache, as in a model. Each shape runs in a process of its own,
which is killed when a launch hangs. Needs only the driver, ctypes and torch.
"""
import ctypes as C, itertools, json, os, select, signal, sys, time, warnings

warnings.filterwarnings("ignore")
SHORT = "--short" in sys.argv
sys.argv = [a for a in sys.argv if a != "--short"]
DIR = sys.argv[1]
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
ONLY = sys.argv[3:]
WATCHDOG = 90
TYPES = {"bf16": (9, 2), "f16": (6, 2), "f32": (7, 4), "f8e4m3": (0, 1), "i8": (0, 1)}     # CUtensorMapDataType, bytes
L2_BYTES = 50 << 20
SWIZZLE = {32: 1, 64: 2, 128: 3}


class Attr(C.Structure):
    _fields_ = [("id", C.c_int), ("pad", C.c_char * 4), ("val", C.c_uint * 16)]


class Config(C.Structure):
    _fields_ = [("grid", C.c_uint * 3), ("block", C.c_uint * 3), ("smem", C.c_uint),
                ("stream", C.c_void_p), ("attrs", C.POINTER(Attr)), ("n", C.c_uint)]


class Driver:
    def __init__(self):
        self.cu = C.CDLL("libcuda.so.1")

    def __call__(self, fn, *args):
        r = getattr(self.cu, fn)(*args)
        if r:
            s = C.c_char_p()
            self.cu.cuGetErrorName(r, C.byref(s))
            raise RuntimeError(f"{fn}: {r} {s.value}")


def tensor_map(cu, pointer, element, m):
    raw = C.create_string_buffer(128 + 64)
    address = (C.addressof(raw) + 63) & ~63
    code, size = TYPES[element]
    rank = len(m["sizes"])
    # The driver takes the contiguous dimension first, and boxes in elements of the tensor.
    sizes, strides = m["sizes"][::-1], m["strides"][::-1]
    steps = m["steps"][::-1]
    box = [b * s for b, s in zip(m["box"][::-1], steps)]
    cu("cuTensorMapEncodeTiled", C.c_void_p(address), C.c_int(code), C.c_uint(rank),
       C.c_void_p(pointer + m["offset"] * size), (C.c_uint64 * rank)(*sizes),
       (C.c_uint64 * max(rank - 1, 1))(*[s * size for s in strides[1:]]), (C.c_uint * rank)(*box),
       (C.c_uint * rank)(*steps), C.c_int(0), C.c_int(SWIZZLE.get(m["swizzle"], 0)), C.c_int(3), C.c_int(0))
    return raw, address


class Kernel:
    """A case's launch over tensors in the order of its buffers; `copies` of them are taken in turn."""

    def __init__(self, cu, case, copies):
        launch = case["launch"]
        self.cu, module, self.f = cu, C.c_void_p(), C.c_void_p()
        image = open(os.path.join(DIR, case["name"] + ".cubin"), "rb").read()
        cu("cuModuleLoadData", C.byref(module), image)
        cu("cuModuleGetFunction", C.byref(self.f), module, launch["function"].encode())
        cu("cuFuncSetAttribute", self.f, C.c_int(8), C.c_int(launch["shared"]))
        self.keep, self.params, self.turn = [image, copies], [], 0
        for tensors in copies:
            pointers = [C.c_uint64(t.data_ptr()) for t in tensors]
            maps = [tensor_map(cu, tensors[m["buffer"]].data_ptr(), launch["buffers"][m["buffer"]]["type"], m)
                    for m in launch["maps"]]
            self.keep += [pointers, maps]
            self.params.append((C.c_void_p * (len(pointers) + len(maps)))(*[C.addressof(p) for p in pointers],
                                                                          *[m[1] for m in maps]))
        import torch
        cluster = Attr(4)                    # CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION
        cluster.val[:3] = [launch["cluster"], 1, 1]
        self.config = Config((launch["grid"], 1, 1), (launch["block"], 1, 1), launch["shared"],
                             torch.cuda.current_stream().cuda_stream, C.pointer(cluster), int(launch["cluster"] > 1))

    def __call__(self):
        self.turn = (self.turn + 1) % len(self.params)
        self.cu("cuLaunchKernelEx", C.byref(self.config), self.f, self.params[self.turn], None)


def gemm(case, torch, make):
    """Inputs by name, the float32 result, and what PyTorch runs for it."""
    M, N, K, epi = case["M"], case["N"], case["K"], case["epi"]
    if epi == "scaled":
        x, w = make(M, K).to(torch.float8_e4m3fn), make(N, K).to(torch.float8_e4m3fn)
        sx, sw = make(M).abs() + 0.1, (make(N).abs() + 0.1) * K ** -0.5
        ref = (x.float() @ w.float().t()) * sx[:, None] * sw
        return dict(x=x, w=w, sx=sx, sw=sw), ref, {
            f"peer scaled{name}": lambda fast=fast: torch._scaled_mm(x, w.t(), scale_a=sx[:, None], scale_b=sw[None, :],
                                                                     out_dtype=torch.bfloat16, use_fast_accum=fast)
            for name, fast in (("", True), (" slow sums", False))}
    copies = lambda w: [w] + [w.clone() for _ in range(min(24, -(-L2_BYTES * 3 // (w.numel() * w.element_size()))) - 1)] \
        if case.get("time") else [w]
    if case.get("type") == "s8":
        x, w = (torch.randint(-128, 128, s, device="cuda", dtype=torch.int8) for s in ((M, K), (N, K)))
        each = itertools.cycle(ws := copies(w))
        return dict(x=x, w=ws), x.double() @ w.double().t(), lambda: torch._int_mm(x, next(each).t())
    T = {"bf16": torch.bfloat16, "f16": torch.float16, "tf32": torch.float32}[case.get("type", "bf16")]
    x, w, b = make(M, K), make(N, K) * (K ** -0.5 * 2), make(N) * 4
    g, res = make(N), make(M, N)
    x, w, b, g, res = (t.to(T) for t in (x, w, b, g, res))
    ref = x.float() @ w.float().t()
    if epi == "parts":
        P = case["parts"]
        ref = torch.stack([a.float() @ c.float().t() for a, c in zip(x.chunk(P, 1), w.chunk(P, 1))])
    elif epi != "none":
        ref = ref + b.float()
    if epi == "gelu":
        ref = torch.nn.functional.gelu(ref, approximate="tanh")
    if epi == "gated":
        ref = ref * g.float() + res.float()
    out = torch.empty(M, N, device="cuda", dtype=T)
    each = itertools.cycle(ws := copies(w))
    if case.get("type") == "tf32":
        def peer():
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.matmul(x, next(each).t(), out=out)
            torch.backends.cuda.matmul.allow_tf32 = False
            return out
        return dict(x=x, w=ws, b=b), ref, peer
    peers = {"none": lambda: torch.matmul(x, next(each).t(), out=out), "bias": lambda: torch.addmm(b, x, next(each).t(), out=out),
             "gated": lambda: torch.addmm(b, x, next(each).t(), out=out),     # nothing does all of it
             "gelu": lambda: torch._addmm_activation(b, x, next(each).t(), use_gelu=True)}
    wk = [t.t().contiguous() for t in ws] if case.get("wkn") else ws
    return dict(x=x, w=wk, b=b, g=g, res=res), ref, peers.get(epi)


def attention(case, torch, make):
    B, H, M, N, D = case["B"], case["H"], case["M"], case["N"], case["D"]
    q, k, v = (make(B, L, H, D).to(torch.bfloat16) for L in (M, N, N))
    qt, kt, vt = (t.transpose(1, 2) for t in (q, k, v))
    mask = make(M, N) * 3 if case.get("mask") else None
    if mask is not None:                     # whole blocks of some rows are masked
        mask[: M // 2, : N // 2] = -float("inf")
    ref = torch.empty(B, M, H, D, device="cuda")
    for b in range(B):                       # in pieces: the scores of long rows are large
        for h in range(H):
            for m in range(0, M, 4096):
                s = (qt[b, h, m:m + 4096].float() @ kt[b, h].float().t()) * case["scale"]
                if mask is not None:
                    s = s + mask[m:m + 4096]
                ref[b, m:m + 4096, h] = torch.softmax(s, -1) @ vt[b, h].float()
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def peer():
        with sdpa_kernel([SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION], set_priority=True):
            return torch.nn.functional.scaled_dot_product_attention(qt, kt, vt, scale=case["scale"])
    return dict(q=q, k=k, v=v, mask=mask), ref, peer


def enlarged(case, torch, make):
    """A convolution of 3×3 taps over a tensor that is enlarged twice as it is read, channels last."""
    H, W, K, N = case["H"], case["W"], case["K"], case["N"]
    x, w = make(H, W, K).to(torch.bfloat16), (make(N, 3, 3, K) * (9 * K) ** -0.5).to(torch.bfloat16)
    large = torch.nn.functional.interpolate(x.permute(2, 0, 1)[None], scale_factor=2, mode="nearest").contiguous(memory_format=torch.channels_last)
    wt = w.permute(0, 3, 1, 2)
    torch.backends.cudnn.allow_tf32 = False
    ref = torch.nn.functional.conv2d(large.float(), wt.float(), padding=1)[0].permute(1, 2, 0).contiguous()
    return dict(x=x, w=w), ref, lambda: torch.nn.functional.conv2d(large, wt, padding=1)[0].permute(1, 2, 0)


INPUTS = {"gemm": gemm, "attention": attention, "enlarged": enlarged}


def label(case):
    return case["type"] if case.get("type") in ("tf32", "s8") else case.get("epi", "")


def child(cases, say):
    import torch
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(int(time.time()))
    make = lambda *s: torch.randn(*s, device="cuda", dtype=torch.float32)
    cu, fns, errors = Driver(), {}, {}
    inputs, ref, refs = None, None, {}
    for case in cases:
        key = json.dumps([case.get(x) for x in ("kind", "M", "N", "K", "B", "H", "W", "D", "type", "out", "epi", "wkn", "scale", "mask", "parts")])
        if key not in refs:
            refs[key] = INPUTS[case["kind"]](case, torch, make)
            peers = refs[key][2]
            if not isinstance(peers, dict):
                peers = {f"peer {label(case)}": peers} if peers else {}
            for name, peer in peers.items() if case.get("time") else ():
                try:
                    r = peer()
                except RuntimeError as x:
                    say("without", name, repr(x)[:200])
                    continue
                r = r.transpose(1, 2) if case["kind"] == "attention" else r
                errors[name] = ((r.to(refs[key][1].dtype) - refs[key][1]).norm() / refs[key][1].norm()).item()
                fns[name] = peer
        inputs, ref, _ = refs[key]
        say("START", case["name"])
        out = torch.empty_like(ref, dtype={"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32, "i32": torch.int32}[
            [b for b in case["launch"]["buffers"] if b["stored"]][0]["type"]])
        sources = {name: t if isinstance(t, list) else [t] for name, t in inputs.items()}
        copies = [[out if b["stored"] else sources[b["name"]][i % len(sources[b["name"]])] for b in case["launch"]["buffers"]]
                  for i in range(max(map(len, sources.values())))]
        k = Kernel(cu, case, copies)
        worst, first, moved = 0.0, None, 0
        # Sums of f8 keep fewer bits; those of integers are exact.
        most = {"s8": 1e-12, "tf32": 2e-3}.get(case.get("type"), 1e-2 if case.get("epi") == "scaled" else 5e-3)
        for rep in range(3 if SHORT else 12):
            out.fill_(float("nan") if out.is_floating_point() else -1)
            k()
            torch.cuda.synchronize()
            if rep == 0:
                d = (out.to(ref.dtype) - ref).abs()
                worst = ((out.to(ref.dtype) - ref).norm() / ref.norm()).item()
                bad = (~(d <= 0.02 * ref.abs() + 0.02 * ref.abs().mean())).sum().item()
                first = out.clone()
                if worst != worst or worst > most:
                    where = (~(d <= 0.05 * (1 + ref.abs()))).nonzero()
                    say("RESULT WRONG", case["name"], f"error {worst:.3e} bad {bad} of {ref.numel()}",
                        "first at", where[0].tolist() if len(where) else "-", "last at", where[-1].tolist() if len(where) else "-")
                    break
            moved += 0 if torch.equal(out.view(torch.uint8), first.view(torch.uint8)) else 1
        errors[case["name"]] = worst
        if moved:
            say("RESULT NONDETERMINISTIC", moved, case["name"])
        if worst < most:
            say("CHECKED", case["name"], f"{worst:.2e}")
            if case.get("time"):
                fns[case["name"]] = k
    say("START timing")
    if len(fns) > 1:
        timing(torch, cases, fns, errors, say)
    say("DONE")


def timing(torch, cases, fns, errors, say):
    names, flops = list(fns), cases[0]["launch"]["flops"]
    if cases[0]["kind"] == "gemm":
        flops = 2.0 * cases[0]["M"] * cases[0]["N"] * cases[0]["K"]
    elif cases[0]["kind"] == "enlarged":
        flops = 2.0 * 9 * 4 * cases[0]["H"] * cases[0]["W"] * cases[0]["K"] * cases[0]["N"]
    else:
        flops = 4.0 * cases[0]["B"] * cases[0]["H"] * cases[0]["M"] * cases[0]["N"] * cases[0]["D"]
    for n in names:
        for _ in range(3):
            fns[n]()
    torch.cuda.synchronize()
    event = lambda: torch.cuda.Event(enable_timing=True)
    sustained, burst, t0, turn = {n: [] for n in names}, {n: [] for n in names}, time.time(), 0
    while time.time() - t0 < SECONDS:
        events = []
        if flops < 6e10:                     # launches of brief kernels queue up behind this, or they are timed themselves
            torch.cuda._sleep(int(len(names) * 2e5))
        for n in names[turn % len(names):] + names[:turn % len(names)]:
            fns[n]()                         # one untimed, so that each starts alike
            for _ in range(4):
                a, b = event(), event()
                a.record(), fns[n](), b.record()
                events.append((n, a, b))
        torch.cuda.synchronize()
        for n, a, b in events:
            sustained[n].append(a.elapsed_time(b))
        turn += 1
    t0 = time.time()
    while not SHORT and time.time() - t0 < SECONDS:
        for n in names:
            time.sleep(0.006)
            a, b = event(), event()
            fns[n](), a.record(), fns[n](), b.record()
            torch.cuda.synchronize()
            burst[n].append(a.elapsed_time(b))
    middle = lambda t: sorted(t)[len(t) // 2]
    c = cases[0]
    say("SHAPE", " ".join(f"{k}{c[k]}" for k in ("B", "H", "W", "M", "N", "K", "D") if k in c))
    schedules = {c["name"]: c["schedule"] for c in cases}
    for n in sorted(names, key=lambda n: middle(sustained[n])):
        base = "peer " + next((label(c) for c in cases if c["name"] == n), n[5:])
        s, u = middle(sustained[n]), 0 if SHORT else middle(burst[n])
        ratio = f"{middle(sustained[base]) / s:5.3f}x" if base in fns else ""
        if u:
            ratio += f" burst {flops / u * 1e-9:6.1f}" + (f" {middle(burst[base]) / u:5.3f}x" if base in fns else "")
        say(f"RESULT {flops / s * 1e-9:6.1f} TFLOP/s ({s:.4f} ms) {ratio} err {errors[n]:.2e} {n} {schedules.get(n, '')}")


def main():
    import torch  # once, for all that are forked; a context is made in each
    cases = json.load(open(os.path.join(DIR, "manifest.json")))
    if ONLY:
        cases = [c for c in cases if any(o in c["name"] for o in ONLY)]
    groups = {}
    for c in cases:
        key = tuple(c.get(x) for x in ("kind", "B", "H", "W", "M", "N", "K", "D")) if c.get("time") else ("checks",)
        groups.setdefault(key, []).append(c)
    failed = 0
    for todo in groups.values():
        while todo:
            r, w = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(r)
                f = os.fdopen(w, "w")
                say = lambda *x: print(*x, file=f, flush=True)
                try:
                    child(todo, say)
                except BaseException as x:
                    say("ERROR", repr(x)[:800])
                os._exit(0)
            os.close(w)
            last, done, t0, buffered = "", False, time.time(), ""
            while True:
                ok, _, _ = select.select([r], [], [], max(0.1, t0 + WATCHDOG - time.time()))
                if not ok:
                    print("WATCHDOG: killed at", last, flush=True)
                    os.kill(pid, signal.SIGKILL)
                    break
                data = os.read(r, 65536).decode()
                if not data:
                    break
                buffered += data
                *lines, buffered = buffered.split("\n")
                for line in lines:
                    if line.startswith("START"):
                        last, t0 = line.split()[1], time.time() + (2 * SECONDS if "timing" in line else 0)
                    elif line == "DONE":
                        done = True
                    else:
                        print(line, flush=True)
                        failed += "WRONG" in line or "NONDET" in line or "ERROR" in line
            os.waitpid(pid, 0)
            os.close(r)
            if done:
                break
            print("FAILED at", last, flush=True)
            failed += 1
            # The rest goes on in a new process without the case that failed.
            rest = [c for c in todo if c["name"] != last]
            todo = rest if len(rest) < len(todo) else []
    print("all right" if not failed else f"{failed} failures")


main()
