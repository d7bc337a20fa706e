"""One module per family of ONNX operators; every module here is loaded."""
