"""Checks what the gate must do with any bytes: return a graph, or refuse them in one line, within a second."""

import time
from pathlib import Path

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph import Graph, load_graph

_LIMIT_SECONDS = 1.0  # CPU time of this thread, so that a busy machine changes nothing
_LONGEST_LINE = 1000


class GateOracle:
    """Loads bytes as a model, in a folder with files that a hostile model could try to read.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        inner = folder / "inner"
        inner.mkdir()
        (folder / "secret").write_bytes(bytes(4096))
        (inner / "weights.bin").write_bytes(bytes(range(256)) * 16)
        (inner / "link.bin").symlink_to(folder / "secret")
        self._path = inner / "model.onnx"

    def check(self, data: bytes) -> Graph | ModelError:
        """Returns the gate's answer for `data`: a graph, or the error that refuses it.

        Raises:
            AssertionError: It took too long, or refused in more than a line. Any other exception is a defect, too.
        """
        self._path.write_bytes(data)
        start = time.thread_time()
        try:
            answer: Graph | ModelError = load_graph(self._path)
        except ModelError as error:
            answer = error
        seconds = time.thread_time() - start
        if seconds > _LIMIT_SECONDS:
            raise AssertionError(f"took {seconds:.2f} s: {answer}")
        if isinstance(answer, ModelError) and not (str(answer).isprintable() and len(str(answer)) <= _LONGEST_LINE):
            raise AssertionError(f"not a readable line: {str(answer)!r}")
        return answer
