"""Kills `tgc tune` at several moments and checks that no finished trial is lost: kill_search.py DB COUNT COMMAND..."""
import random
import signal
import sqlite3
import subprocess
import sys
import time

path, count, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
random.seed(5)
before, kills = 0, 0
for _ in range(count):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(random.uniform(0.3, 4))
    process.send_signal(signal.SIGKILL)
    kills += process.wait() == -signal.SIGKILL
    try:
        with sqlite3.connect(path) as database:
            assert database.execute("pragma integrity_check").fetchone() == ("ok",)
            now = database.execute("select count(*) from record").fetchone()[0]
    except sqlite3.OperationalError:  # killed before there was a table
        now = 0
    assert now >= before, (now, before)
    before = now
assert kills, "nothing was killed"
subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
with sqlite3.connect(path) as database:
    assert database.execute("select count(*) from record where outcome = 'ok'").fetchone()[0] > 0
