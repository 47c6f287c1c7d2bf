#!/usr/bin/env python3
"""Assembles every kernel of whole models for GPUs, each once: models.py TGC TOOL DEVICES MODEL.onnx[.xz]...

TGC writes the models' kernels with their schedules, TOOL (tgc-pipe-gpu) assembles those that differ. It is a failure
if one does not assemble, if a contraction or attention by matrix instructions spills, or if wgmma is serialised.
Without an assembler (libnvJitLink or ptxas) nothing is tested: exit code 77.
"""
import lzma, os, re, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor


def kernels_of(tgc, device, model, folder):
    """The kernels of a model as text by name, which holds a digest of the kernel."""
    onnx = os.path.join(folder, os.path.basename(model).removesuffix(".xz"))
    if model.endswith(".xz"):
        with lzma.open(model) as packed, open(onnx, "wb") as out:
            out.write(packed.read())
    else:
        onnx = model
    text = subprocess.run([tgc, "compile", onnx, "--device", "cuda:" + device, "--precision", "bf16", "--emit=schedule"],
                          check=True, capture_output=True, text=True).stdout
    found = {}
    for part in re.split(r"^  (?=kernel\.)", text, flags=re.M):
        if part.startswith("kernel.func"):
            found[re.sub(r"@[^(]*", "@k", part, count=1).split("\n}")[0]] = re.search(r"@([^(]*)", part)[1]
    return found


def assemble(tool, device, text):
    run = subprocess.run([tool, "-", "--emit=assemble", "--device", device], input=text, capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr


def main(tgc, tool, devices, *models):
    failed, workers = 0, os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        for device in devices.split():
            start, kernels = time.time(), {}
            for found in pool.map(lambda model: kernels_of(tgc, device, model, folder), models):
                kernels |= {text: name for text, name in found.items() if text not in kernels}
            texts = [re.sub(r"@k", f"@k{i}_" + re.sub(r"\W", "_", kernels[text]), text, count=1) for i, text in enumerate(kernels)]
            # Each worker's share, small and large mixed.
            shards = ["\n".join(texts[i::4 * workers]) for i in range(4 * workers)]
            spilled = matrix = done = 0
            for code, out, err in pool.map(lambda shard: assemble(tool, device, shard), [s for s in shards if s]):
                if code == 5:
                    print("no assembler for GPUs (libnvJitLink or ptxas): nothing tested")
                    sys.exit(77)
                if code:
                    failed += 1
                    print("FAILED", err[-2000:])
                for line in out.splitlines():
                    if not (fields := re.match(r"(\S+): (\d+) registers, (\d+) bytes spilled, (pipe \S+|loop)(.*)", line)):
                        continue
                    done += 1
                    matrix += fields[4] != "loop"
                    spilled += int(fields[3]) > 0
                    if "wgmma" in fields[5] or (int(fields[3]) > 0 and fields[4] != "loop"):
                        failed += 1
                        print("FAILED", line)
            if done < len(texts) or not matrix:
                failed += 1
            print(f"{device}: {done} of {len(texts)} kernels, {matrix} by matrix instructions, {spilled} others spill, "
                  f"{time.time() - start:.0f} s", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
