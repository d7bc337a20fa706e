"""Computes the classes that onnxruntime answers, to check those of the board."""

from pathlib import Path

import numpy as np
import onnxruntime

from sparse_mcu.search.data.dataset import Images, Labels


def onnxruntime_classes(path: Path, images: Images) -> Labels:
    """Returns the class that onnxruntime gives to each image.

    onnxruntime computes with floats between the quantised tensors. A logit may therefore differ from the board's by one
    step, and sometimes the class differs too. Graph optimisations are off, since they replace the QDQ arithmetic by
    integer kernels. Those saturate at 16 bits on processors without VNNI, so the classes would depend on the machine.

    Args:
        path: A model with input "image" [1, channels, height, width] and output "logits" [1, classes].
        images: float32 [n, channels, height, width] with n at least 1; onnxruntime gets them one at a time.

    Returns:
        int64 [n].
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    logits = [session.run(["logits"], {"image": image[np.newaxis]})[0] for image in images]
    classes: Labels = np.concatenate(logits).argmax(axis=1)
    return classes
