"""The random weights of `--random-weights SEED`, made by PyTorch on any device: the formula of
runtime/io/RandomWeights.h, bit for bit, so that a peer runs the weights that tgc runs.

  random_weights.py SEED NAME TYPE SHAPE     prints a weight's first elements and a checksum of its bits
"""
import math, sys, zlib

import numpy as np
import torch

BLOCK = 65536  # elements that share two keys
MASK = (1 << 64) - 1


def mix(value):
    """Of Python's numbers or of arrays of uint64."""
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9 & MASK
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb & MASK
    return value ^ (value >> 31)


def key_of(name, seed):
    value = 0xcbf29ce484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001b3 & MASK
    return mix(mix((seed + 0x9e3779b97f4a7c15) & MASK) ^ value)


def scale_of(shape):
    """What one unit of the sum of four numbers is worth; 0 for a uniform weight."""
    if len(shape) < 2:
        return 0.0
    deviation = math.sqrt(2 / max(1.0, float(shape[0]) + math.prod(map(float, shape[1:]))))
    return float(np.float32(deviation / math.sqrt(4 * (65536.0 * 65536.0 - 1) / 12)))


def signed32(value):
    return value - (1 << 32) if value >> 31 else value


def hash32(value):
    """In place; tensors of int32, which wrap, with shifts that bring in zeros."""
    for shift, factor in ((16, 0x7feb352d), (15, 0x846ca68b), (16, None)):
        value ^= (value >> shift) & ((1 << (32 - shift)) - 1)
        if factor:
            value *= signed32(factor)
    return value


def make(name, shape, dtype, seed, device="cpu"):
    """The weight, in a floating-point type; other types are zero."""
    shape = tuple(shape)
    made = torch.zeros(shape, dtype=dtype, device=device)
    if not dtype.is_floating_point:
        return made
    flat, key, scale = made.view(-1), key_of(name, seed), scale_of(shape)
    piece = BLOCK * 512
    places = torch.arange(min(BLOCK, flat.numel()), dtype=torch.int32, device=device)
    for first in range(0, flat.numel(), piece):
        count = min(piece, flat.numel() - first)
        blocks = np.arange(first // BLOCK, (first + count + BLOCK - 1) // BLOCK, dtype=np.uint64)
        with np.errstate(over="ignore"):
            keys = mix(np.uint64(key) + blocks * np.uint64(0x9e3779b97f4a7c15))
        halves = torch.from_numpy(keys.view(np.int32).reshape(-1, 2).copy()).to(device)
        a = hash32(places ^ halves[:, 0:1])
        if scale == 0:
            value = ((a & 0x7fff) + 16384).to(torch.float32) * (1.0 / 65536)
        else:
            b = hash32((places + signed32(0x9e3779b9)) ^ halves[:, 1:2])
            value = (a & 0xffff) + ((a >> 16) & 0xffff) + (b & 0xffff) + ((b >> 16) & 0xffff)
            value = (value - 2 * 65535).to(torch.float32) * scale
        flat[first:first + count] = value.view(-1)[:count].to(dtype)
    return made


def checksum(tensor):
    return zlib.crc32(tensor.cpu().contiguous().view(torch.uint8).numpy().tobytes())


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    types = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "f64": torch.float64}
    weight = make(sys.argv[2], [int(d) for d in sys.argv[4].split("x")], types[sys.argv[3]], int(sys.argv[1]))
    print(weight.reshape(-1)[:4].tolist(), f"{checksum(weight):08x}")
