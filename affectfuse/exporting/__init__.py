"""A checkpoint's networks as ONNX files, for programs that have no PyTorch."""
