"""Turns a configuration into a trained int8 ONNX file."""
