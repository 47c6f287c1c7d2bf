"""Writes the part of a SPIR-V module that validators of 2023 know: known.py MODULE OUTPUT.

They lack SPV_INTEL_bfloat16_conversion: its capability goes, and its conversion becomes an undefined value of its type.
"""
import struct
import sys

CAPABILITY, UNDEF, BFLOAT16_CONVERSION, CONVERT_F_TO_BF16 = 17, 1, 6115, 6116

with open(sys.argv[1], "rb") as file:
    data = file.read()
words = struct.unpack(f"<{len(data) // 4}I", data)
made, at = list(words[:5]), 5
while at < len(words):
    count, op = words[at] >> 16, words[at] & 0xFFFF
    instruction = list(words[at : at + count])
    at += count
    if op == CAPABILITY and instruction[1] == BFLOAT16_CONVERSION:
        continue
    if op == CONVERT_F_TO_BF16:
        instruction = [3 << 16 | UNDEF, *instruction[1:3]]
    made += instruction
with open(sys.argv[2], "wb") as file:
    file.write(struct.pack(f"<{len(made)}I", *made))
