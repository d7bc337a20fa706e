"""Describes what a network must do: the shape of its images and the number of classes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """The shape of the images and the number of classes.

    Attributes:
        shape: The (channels, height, width) of an image.
        classes: The number of classes, which is the length of the output.
    """

    shape: tuple[int, int, int]
    classes: int
