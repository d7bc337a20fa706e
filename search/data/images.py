"""Defines what users may ask of image files: their size, their colour, and how they are split."""

from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from sparse_mcu.costmodel.errors import DatasetError

Colour = Literal["grey", "rgb"]
COLOURS: tuple[Colour, ...] = get_args(Colour)
MAX_SIDE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """Says how image files become arrays, and how they are split.

    Attributes:
        image_size: The (height, width) in pixels to which every image is scaled; None if all have one size already.
        colour: "grey" means one channel, and "rgb" means three. None means "grey" if every image is grey, else "rgb".
        split_seed: The seed of the split, for files that do not say which images are held out.
    """

    image_size: tuple[int, int] | None = None
    colour: Colour | None = None
    split_seed: int = 0

    def __post_init__(self) -> None:
        """Refuses sizes that no image can have."""
        if self.image_size is not None and not all(1 <= side <= MAX_SIDE for side in self.image_size):
            height, width = self.image_size
            raise DatasetError(
                f"{height}x{width} pixels are no size for an image",
                where="--image-size",
                fix=f"Give height and width from 1 to {MAX_SIDE}, such as 32x32.",
            )

    def with_defaults(self, *, image_size: tuple[int, int], colour: Colour | None = None) -> "ImageOptions":
        """Returns the options, with those of a dataset where the user gave none.

        Args:
            image_size: The dataset's (height, width).
            colour: The dataset's colour; None for that of the images.
        """
        return replace(self, image_size=self.image_size or image_size, colour=self.colour or colour)

    def require_only(self, *allowed: str, dataset: str) -> None:
        """Raises an error for options that a dataset would ignore.

        Args:
            allowed: The names of the options that the dataset obeys.
            dataset: The name of the dataset.

        Raises:
            DatasetError: Another option is not at its default.
        """
        for each in fields(self):
            if each.name not in allowed and getattr(self, each.name) != each.default:
                option = "--" + each.name.replace("_", "-")
                raise DatasetError(f"{option} does not go with {dataset}", where="--dataset", fix="Leave it out.")


AS_FOUND = ImageOptions()
"""Images of the size and colour that they have."""
