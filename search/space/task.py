"""What a network must do: the shape of its images and the number of classes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """What a network must do.

    Attributes:
        shape: (channels, height, width) of an image.
        classes: Number of classes, the length of the output.
    """

    shape: tuple[int, int, int]
    classes: int
