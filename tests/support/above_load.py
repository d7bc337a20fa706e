"""A placement problem whose smallest height is above its largest load."""

from sparse_mcu.costmodel.memory.model.plan import Buffer


def above_load() -> list[Buffer]:
    """Returns ten buffers: at most 7 bytes are live at any time, yet every placement needs 8."""
    lives = [
        (0, 1, 3),
        (1, 4, 2),
        (2, 4, 1),
        (3, 4, 3),
        (1, 3, 2),
        (3, 6, 1),
        (4, 7, 3),
        (2, 3, 2),
        (5, 6, 3),
        (0, 2, 3),
    ]
    return [Buffer(f"b{i}", size, start, end) for i, (start, end, size) in enumerate(lives)]
