// Holds nothing: the target exists to own the precompiled header that all MLIR code shares.
