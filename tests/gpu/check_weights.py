"""check_weights.py MODEL.onnx SEED: the files that `tgc weights MODEL.onnx --seed SEED` wrote hold what random_weights.py
makes."""
import os, sys

import numpy as np
import torch

import onnx_file, onnx_torch, random_weights

path, seed = sys.argv[1], int(sys.argv[2])
count = 0
for tensor in onnx_file.read(path).initializers.values():
    if tensor.external is None:
        continue
    made = random_weights.make(tensor.name, tensor.dims, onnx_torch.TYPES[tensor.type], seed)
    expected = made.reshape(-1).view(torch.uint8).numpy()
    found = np.memmap(os.path.join(os.path.dirname(path), tensor.external["location"]), "u1", "r",
                      int(tensor.external.get("offset", 0)), expected.shape)
    assert np.array_equal(found, expected), tensor.name
    count += 1
assert count > 0
print(count, "weights agree")
