"""For standins.test: standins.py DATABASE [again]. First the only code with stand-ins becomes that of another version of
them; then it has not been taken: the run has left its own beside it."""
import re
import sqlite3
import sys

with sqlite3.connect(sys.argv[1]) as database:
    keys = [row[0] for row in database.execute("select options from native")]
    found = [re.search(r"stand-ins (\S+)$", key) for key in keys]
    assert all(found), keys
    if len(sys.argv) == 2:
        assert len(keys) == 1, keys
        database.execute("update native set options = replace(options, ?, 'another')", (found[0].group(1),))
    else:
        assert len(keys) == 2, keys
