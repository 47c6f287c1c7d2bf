"""make_inputs.py MODEL FOLDER: NumPy files that fit the input z (f32, 1x4x12x12) of the small VAE, or do not, and
the model with its weights in a file beside it."""

import os
import sys

import numpy as np
import onnx

model, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
np.save(f"{folder}/good.npy", np.zeros((1, 4, 12, 12), np.float32))
np.save(f"{folder}/shape.npy", np.zeros((1, 4, 3, 3), np.float32))
np.save(f"{folder}/type.npy", np.zeros((1, 4, 12, 12), np.int64))
with open(f"{folder}/good.npy", "rb") as source, open(f"{folder}/cut.npy", "wb") as cut:
    cut.write(source.read()[:200])
onnx.save(onnx.load(model), f"{folder}/external.onnx", save_as_external_data=True, location="external.weights",
          size_threshold=0)
