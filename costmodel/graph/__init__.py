"""From an untrusted ONNX file to an immutable int8 graph."""
