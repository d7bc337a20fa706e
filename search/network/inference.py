"""The classes that onnxruntime gives: the cross-check of those that the board gives."""

from pathlib import Path

import numpy as np
import onnxruntime

from sparse_mcu.search.data.dataset import Images, Labels


def onnxruntime_classes(path: Path, images: Images) -> Labels:
    """The class that onnxruntime gives each image.

    It computes with floats between the quantised tensors, so a logit may differ from the board's by one step, and now
    and then the class. Graph optimisations are off: with them, onnxruntime replaces the QDQ arithmetic by integer
    kernels that saturate at 16 bits on processors without VNNI, and the classes would depend on the machine.

    Args:
        path: A model with input "image" [1, channels, height, width] and output "logits" [1, classes].
        images: float32 [n, channels, height, width], n at least 1; presented one at a time.

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
