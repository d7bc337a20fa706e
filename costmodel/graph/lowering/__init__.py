"""From ONNX QDQ nodes to the project's operators."""
