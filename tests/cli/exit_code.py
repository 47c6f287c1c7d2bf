"""exit_code.py CODE [--file-limit BYTES] COMMAND…: succeeds when the command ends with that code and says one "error:"
line or usage. With a limit no file can grow beyond it, as on a disk that is full."""

import resource
import signal
import subprocess
import sys

code, command, limit = int(sys.argv[1]), sys.argv[2:], None
if command[0] == "--file-limit":
    limit, command = int(command[1]), command[2:]


def limitFiles():
    if limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=limitFiles)
print(done.stdout, end="")
if done.returncode != code:
    sys.exit(f"exit code {done.returncode}, expected {code}")
errors = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
if code not in (0, 2) and len(errors) != 1:
    sys.exit(f"{len(errors)} error lines, expected one")
