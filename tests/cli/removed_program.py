"""Removes the program while it runs: removed_program.py MODEL FOLDER TGC

Its helper processes, also those that replace crashed ones, go on as the same program, under its name."""

import os
import shutil
import subprocess
import sys
import time

model, folder, tgc = sys.argv[1:4]
copy = os.path.join(folder, "tgc")
shutil.copy(tgc, copy)
search = [copy, "tune", model, "--db", os.path.join(folder, "a.db"), "--search", "tc", "--budget", "8", "--fault", "2=crash"]
process = subprocess.Popen(search, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
os.remove(copy)

names = set()
while process.poll() is None:
    try:
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as children:
            for child in children.read().split():
                with open(f"/proc/{child}/comm", encoding="utf-8") as name:
                    names.add(name.read().strip())
    except OSError:  # ended meanwhile, or a kernel without this list
        pass
    time.sleep(0.01)
output = process.stdout.read()
assert process.returncode == 0, f"exit {process.returncode}\n{output}"
assert "trials (1 of no use)" in output, output
assert not names or "tgc" in names, names
