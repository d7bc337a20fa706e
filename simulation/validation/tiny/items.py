"""Makes items of the published firmware images: runs each, and looks up what hardware took."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.timing.memory_system import load_memory_system
from sparse_mcu.costmodel.timing.pricing import execution_of
from sparse_mcu.simulation.validation.items import Item, Memories
from sparse_mcu.simulation.validation.tiny.images import Image, board_of, images_file, measured_cycles
from sparse_mcu.simulation.validation.tiny.rig import run_inference

GROUP = "mlperf-tiny"


def tiny_items(folder: Path, report: Callable[[str], None]) -> list[Item]:
    """Runs one inference of each image.

    Args:
        folder: A checkout of mlcommons/tiny_results_v1.2.
        report: Is told the name of each image before it runs.

    Raises:
        SparseMcuError: The folder lacks an image.
        EngineError: An image does not boot or answer.
    """
    items = []
    for image in images_file().image:
        report(image.name)
        items.append(_item(image, _content(folder / image.path)))
    return items


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SparseMcuError(
            f"no image: {error.strerror}", where=str(path), fix="Give a checkout of mlcommons/tiny_results_v1.2."
        ) from error


def _item(image: Image, content: bytes) -> Item:
    board = board_of(image.chip)
    hierarchy = load_memory_system(board).hierarchy
    found = run_inference(content, image.chip, board.core.name, image.benchmark, hierarchy)
    counted = found.profile.events
    events = None if counted is None else counted.sum(axis=2).astype(np.uint64)
    return Item(
        name=image.name,
        group=GROUP,
        core=board.core.name,
        hardware=f"{image.chip}, {board.clock_hz / 1e6:g} MHz, flash and caches as the image sets them",
        measured_cycles=round(measured_cycles(image)),
        source=images_file().source,
        execution=execution_of(found.profile, found.code, board.core),
        memories=None if events is None else Memories(board.memory_system, board.clock_hz, events),
    )
