"""Lowers ONNX nodes in QDQ form to the project's operators."""
