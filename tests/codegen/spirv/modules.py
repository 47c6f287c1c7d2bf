"""Writes the SPIR-V modules of a package into a folder: modules.py PACKAGE FOLDER; prints their paths."""
import pathlib
import struct
import sys

MAGIC = b"\x03\x02\x23\x07"

package, folder = sys.argv[1:]
data = pathlib.Path(package).read_bytes()
count = at = 0
while (at := data.find(MAGIC, at)) >= 0:
    # A vector of bytes in FlatBuffers: its length, then itself.
    (size,) = struct.unpack_from("<I", data, at - 4)
    path = pathlib.Path(folder) / f"{count}.spv"
    path.write_bytes(data[at : at + size])
    print(path)
    count, at = count + 1, at + size
