"""Lowering rules: one module per family of ONNX operators. Every module here is loaded."""
