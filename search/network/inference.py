"""The int8 model's error, measured on the exported file with onnxruntime."""

from pathlib import Path

import numpy as np
import onnxruntime

from sparse_mcu.search.data.dataset import Split


def int8_error(path: Path, data: Split) -> float:
    """Share of images that the model puts into a wrong class.

    Graph optimisations are off: with them, onnxruntime replaces the QDQ arithmetic by integer kernels
    that saturate at 16 bits on processors without VNNI, and the error would depend on the machine.

    Args:
        path: A model with input "image" [1, channels, height, width] and output "logits" [1, classes].
        data: The images, presented one at a time as on the board.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    logits = [session.run(["logits"], {"image": image[np.newaxis]})[0] for image in data.images]
    return float(np.mean(np.concatenate(logits).argmax(axis=1) != data.labels))
