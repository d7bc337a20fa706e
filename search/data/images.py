"""What users may ask of image files: their size, their colour, and how they are split."""

from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from sparse_mcu.costmodel.errors import DatasetError

Colour = Literal["grey", "rgb"]
COLOURS: tuple[Colour, ...] = get_args(Colour)
MAX_SIDE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """How image files become arrays, and how they are split.

    Attributes:
        image_size: (height, width) in pixels that every image is scaled to; None for the size that all have.
        colour: "grey" for one channel, "rgb" for three; None for "grey" where every image is grey.
        split_seed: Decides which images are held out, where the files themselves do not say so.
    """

    image_size: tuple[int, int] | None = None
    colour: Colour | None = None
    split_seed: int = 0

    def __post_init__(self) -> None:
        """Refuse sizes that are no images."""
        if self.image_size is not None and not all(1 <= side <= MAX_SIDE for side in self.image_size):
            height, width = self.image_size
            raise DatasetError(
                f"{height}x{width} pixels are no size for an image",
                where="--image-size",
                fix=f"Give height and width from 1 to {MAX_SIDE}, such as 32x32.",
            )

    def with_defaults(self, *, image_size: tuple[int, int], colour: Colour | None = None) -> "ImageOptions":
        """The same options, with a dataset's own where the user has none.

        Args:
            image_size: Its (height, width).
            colour: Its colour; None for the one that the images have.
        """
        return replace(self, image_size=self.image_size or image_size, colour=self.colour or colour)

    def require_only(self, *allowed: str, dataset: str) -> None:
        """Refuse options that a dataset would ignore.

        Args:
            allowed: Names of the attributes that the dataset heeds.
            dataset: Its name.

        Raises:
            DatasetError: Another one is not at its default.
        """
        for each in fields(self):
            if each.name not in allowed and getattr(self, each.name) != each.default:
                option = "--" + each.name.replace("_", "-")
                raise DatasetError(f"{option} does not go with {dataset}", where="--dataset", fix="Leave it out.")


AS_FOUND = ImageOptions()
"""Images of the size and colour that they have."""
