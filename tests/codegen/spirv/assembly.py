#!/usr/bin/env python3
"""What Intel's offline compiler makes of SPIR-V kernels, read from its assembly.

  assembly.py [--ocloc PROGRAM] [--device bmg] [--large] [--check] [--table] MODULE.spv ...

For each module: registers, spills, shared local memory, and of its main loop (the innermost one with most products; of
a kernel without a loop all of it) the products of the matrix engine, loads of blocks, prefetches and instructions, the
products whose operands lie in registers that a load wrote, and bytes loaded a product. --check fails where there are no
products, where one reads what nothing wrote, or where registers spill. --operands fails where products are of others. --table prints rows of a table, with what the
instructions of each loop leave of the matrix engine's rate and want of the cache: a report on paper, not a measurement.
--memory prints rows of another for products of a matrix and a vector: bytes of the matrix an instruction of the loop, and what
that makes at an instruction a clock and engine, beside what memory brings.
--large asks for the large register file (256 registers a thread), `auto` for kernels named so in their file's name."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

INSTRUCTION = re.compile(r"^\s*(?:\([^)]*\)\s*)?([a-z][\w.]*)")
LABEL = re.compile(r"^([\w$.]+):")
JUMP = re.compile(r"\b(?:jmpi|goto|while|brc|brd)\b\S*\s.*?\b(_?[\w$]+)\b\s*(?://|$|\s{2})")
BLOCK = re.compile(r"load_block2d\S*\s+\([^)]*\)\s+r(\d+):(\d+)")
LOAD = re.compile(r"\b(?:load|send)\S*\s+\([^)]*\)\s+r(\d+):(\d+)")
# Products of a register with itself into itself, which the compiler puts before others where the engine needs a pause.
PAUSE = re.compile(r"dpas\S*\s+\([^)]*\)\s+(r\d+)\S*\s+null\S*\s+\1(?!\d)\S*\s+\1(?!\d)")
DPAS = re.compile(r"dpas\S*\s+\([^)]*\)\s+r(\d+)\S*\s+\S+\s+r(\d+)\S*\s+r(\d+)")
OPERANDS = re.compile(r"dpas\S*\s+\([^)]*\)\s+r\d+:\w+\s+\S+\s+r\d+\S*:(\w+)")
WRITE = re.compile(r"^\s*(?:\([^)]*\)\s*)*[a-z][\w.]*\s+\([^)]*\)\s+(?:\([^)]*\)\S*\s+)?r(\d+)\.")


def compile_module(ocloc, spv, device, large, extra=""):
    """(assembly, zeinfo, messages) of a module's kernel; assembly is None where the compiler refuses it."""
    work = Path(tempfile.mkdtemp())
    try:
        options = ("-ze-opt-large-register-file " if large else "") + extra
        command = [ocloc, "compile", "-q", "-spirv_input", "-file", str(spv), "-device", device, "-output", "x", "-out_dir", str(work / "out")]
        if options.strip():
            command += ["-options", options.strip()]
        env = dict(os.environ, IGC_ShaderDumpEnable="1", IGC_DumpToCustomDir=str(work / "dump"))
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        texts = [path.read_text() for path in sorted((work / "dump").glob("*.asm"))] if (work / "dump").exists() else []
        infos = [path.read_text() for path in (work / "dump").glob("*.zeinfo")] if (work / "dump").exists() else []
        if done.returncode != 0 or not texts:
            return None, "", done.stdout + done.stderr
        return max(texts, key=lambda text: text.count("dpas")), "\n".join(infos), done.stdout + done.stderr
    finally:
        shutil.rmtree(work, ignore_errors=True)


def code(line):
    text = line.split("//")[0].rstrip()
    return "" if PAUSE.search(text) else text


def main_loop(text):
    """Lines of the smallest loop that holds the most products; all lines where none does."""
    lines = text.splitlines()
    labels, best = {}, None
    for number, line in enumerate(lines):
        label = LABEL.match(code(line).strip())
        if label:
            labels[label.group(1)] = number
            continue
        jump = re.search(r"\b(?:jmpi|goto|while|brc|brd)\b\S*\s+(?:\([^)]*\)\s+)?(\S+)", code(line))
        if jump and jump.group(1) in labels:
            part = lines[labels[jump.group(1)]: number + 1]
            count = sum("dpas" in code(each) for each in part)
            if count and (best is None or (count, -len(part)) > (best[0], -len(best[1]))):
                best = (count, part)
    return best[1] if best else lines


def count(lines):
    """Instructions by kind."""
    kinds = dict.fromkeys(("dpas", "block", "prefetch", "store", "gather", "mov", "sync", "shared", "total"), 0)
    for line in lines:
        text = code(line)
        found = INSTRUCTION.match(text)
        if not found or text.strip().endswith(":"):
            continue
        name = found.group(1)
        whole = line if "send" in text else text  # Xe3 has the meaning in the comment
        kinds["total"] += 1
        if "dpas" in name:
            kinds["dpas"] += 1
        elif "load_block2d" in whole:
            kinds["prefetch" if re.search(r"\bnull\b", text) else "block"] += 1
        elif "store_block2d" in whole:
            kinds["store"] += 1
        elif re.search(r"\bload", whole):
            kinds["shared" if "slm" in whole else "gather"] += 1
        elif name.startswith("mov"):
            kinds["mov"] += 1
        elif name.startswith("sync"):
            kinds["sync"] += 1
    return kinds


def fed(lines):
    """Products, and of how many a load or arithmetic of these lines wrote both operands."""
    written, good, all_of = set(), 0, 0
    for line in lines:
        text = code(line)
        product = DPAS.search(text)
        if product:
            all_of += 1
            good += int(product.group(2)) in written and int(product.group(3)) in written
            continue
        load = LOAD.search(text)
        if load:
            length = int(load.group(2))
            written.update(range(int(load.group(1)), int(load.group(1)) + (32 if length == 31 else length)))
            continue
        write = WRITE.match(text)
        if write:
            written.update((int(write.group(1)), int(write.group(1)) + 1))
    return all_of, good


def loaded_bytes(lines, register=64):
    total = 0
    for line in lines:
        load = BLOCK.search(code(line)) or (None if "slm" in line else LOAD.search(code(line)))
        if load:
            length = int(load.group(2))
            total += (32 if length == 31 else length) * register
    return total


def number(info, key, default=0):
    found = re.findall(key + r":\s*(\d+)", info)
    return max(map(int, found)) if found else default


class Kernel:
    def __init__(self, text, info):
        self.loop = main_loop(text)
        self.kinds, self.all = count(self.loop), count(text.splitlines())
        self.operands = "/".join(sorted(set(OPERANDS.findall("\n".join(map(code, text.splitlines()))))))
        self.products, self.fed = fed(self.loop if self.loop is not None else [])
        if self.products and self.fed < self.products:  # operands held over the loop were written before it
            lines = text.splitlines()
            self.products, self.fed = fed(lines)
        self.simd = number(info, "simd_size", 16)
        self.registers = number(info, "grf_count", 128)
        self.spill = number(info, "spill_size")
        self.shared = number(info, "slm_size")
        self.threads = number(info, "eu_thread_count")
        self.bytes = loaded_bytes(self.loop, 4 * self.simd)

    def complaints(self):
        said = []
        if not self.kinds["dpas"]:
            said.append("no products of the matrix engine in the main loop")
        if self.fed < self.products:
            said.append(f"{self.products - self.fed} of {self.products} products read what nothing wrote")
        if self.spill:
            said.append(f"{self.spill} bytes of registers spill")
        return said

    def row(self):
        k = self.kinds
        return (f"simd {self.simd:2} registers {self.registers} spill {self.spill} shared {self.shared} | loop: dpas {k['dpas']} of {self.operands} "
                f"block {k['block']} prefetch {k['prefetch']} other loads {k['gather']} mov {k['mov']} sync {k['sync']} total {k['total']} "
                f"bytes/dpas {self.bytes / k['dpas'] if k['dpas'] else 0:.0f} | all: dpas {self.all['dpas']} stores {self.all['store']} total {self.all['total']}")


# Of one Xe-core: engines, cycles of a product of 8 rows; of the device: clock (GHz) and cores.
BYTES = {"b": 1, "ub": 1, "bf": 2, "hf": 2, "tf32": 4}
DEVICES = {"bmg": (8, 16, 2.85, 20), "pvc": (8, 8, 1.55, 56), "lnl-m": (8, 16, 2.05, 8)}


COLUMNS = ("kernel", "GPU", "products", "block loads", "prefetches", "instructions", "bytes a product", "registers", "spill",
           "threads an engine", "engine busy, one thread alone", "all threads, at most", "10^12 operations a second, at most", "cache, bytes a clock")


def paper(name, kernel, device):
    """A row of COLUMNS: what instructions beside the products leave of the engine's rate, and what the loop wants of the
    first cache of a core."""
    k = kernel.kinds
    row = [name, device, k["dpas"], k["block"], k["prefetch"], k["total"], f"{kernel.bytes / max(1, k['dpas']):.0f}", kernel.registers,
           kernel.spill]
    if device in DEVICES and k["dpas"]:
        engines, cycles, clock, cores = DEVICES[device]
        products = k["dpas"] * cycles
        threads = 4 if kernel.registers > 128 else 8
        # The engine is one for all threads; what a thread does beside, another one's products hide.
        round_ = max(products, (products + k["total"] - k["dpas"]) / threads)
        depth = 32 // max(BYTES.get(each, 2) for each in kernel.operands.split("/"))
        peak = cores * engines * 2 * 8 * kernel.simd * depth / cycles * clock / 1000
        alone = products / (products + k["total"] - k["dpas"])
        row += [threads, f"{100 * alone:.0f}%", f"{100 * products / round_:.0f}%", f"{peak * products / round_:.0f}", f"{kernel.bytes * engines / round_:.0f}"]
    return row


MEMORY = {"bmg": 456, "pvc": 1229, "lnl-m": 136}  # 10^9 bytes a second
MEMORY_COLUMNS = ("kernel", "GPU", "products", "block loads", "prefetches", "other loads", "instructions", "bytes of the matrix",
                  "bytes an instruction", "registers", "spill", "10^9 bytes a second, at most", "memory's")


def memory(name, kernel, device):
    """A row of MEMORY_COLUMNS. The matrix is the right operand where loads put rows of words into it (or else more registers),
    and every product of the loop has another part of it."""
    k = kernel.kinds
    products = [DPAS.search(code(line)) for line in kernel.loop]
    right, left = ({each.group(operand) for each in products if each} for operand in (2, 3))
    depth = 32  # bytes
    transforms = any(re.search(r"load_block2d\S*\.d\d+v", code(line)) for line in kernel.loop)
    matrix = k["dpas"] * depth * (kernel.simd if transforms or len(right) > len(left) else 8)
    row = [name, device, k["dpas"], k["block"], k["prefetch"], k["gather"], k["total"], matrix, f"{matrix / k['total']:.0f}", kernel.registers,
           kernel.spill]
    if device in DEVICES:
        engines, _, clock, cores = DEVICES[device]
        row += [f"{cores * engines * clock * matrix / k['total']:.0f}", MEMORY[device]]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+")
    parser.add_argument("--ocloc", default=os.environ.get("TGC_OCLOC", "ocloc"))
    parser.add_argument("--device", action="append")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--operands", help="the type of all products' operands: b (8 bits), bf, hf, tf32")
    parser.add_argument("--most", type=float, help="most instructions of the main loop a product")
    options = parser.parse_args()
    failed = False
    columns, row = (MEMORY_COLUMNS, memory) if options.memory else (COLUMNS, paper)
    tables = options.table or options.memory
    if tables:
        print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for module in options.modules:
        for device in options.device or ["bmg"]:
            text, info, log = compile_module(options.ocloc, module, device, options.large or "large" in Path(module).name)
            if text is None:
                print(f"{Path(module).name} {device}: the compiler refuses it\n{log[-1500:]}")
                failed = True
                continue
            kernel = Kernel(text, info)
            if tables:
                name = Path(module).name.split(".")[0]
                print("| " + " | ".join(map(str, row(name, kernel, device))) + " |")
            else:
                print(f"{Path(module).name} {device}: {kernel.row()}")
            said = kernel.complaints() if options.check else []
            if options.most and kernel.kinds["total"] > options.most * max(1, kernel.kinds["dpas"]):
                said.append(f"{kernel.kinds['total']} instructions for {kernel.kinds['dpas']} products")
            if options.operands and kernel.operands != options.operands:
                said.append(f"products of {kernel.operands or 'nothing'}, not {options.operands}")
            for complaint in said:
                print(f"  {complaint}")
            failed |= bool(said)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
