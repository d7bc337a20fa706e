"""What users may ask of image files."""

import pytest

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions


@pytest.mark.parametrize("size", [(0, 8), (8, 0), (1025, 8), (8, 1025)])
def test_sizes_that_are_no_images_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(DatasetError, match=f"{size[0]}x{size[1]} pixels are no size"):
        ImageOptions(image_size=size)


def test_defaults_fill_only_what_the_user_leaves_open() -> None:
    filled = AS_FOUND.with_defaults(image_size=(28, 20), colour="grey")
    assert filled == ImageOptions(image_size=(28, 20), colour="grey")
    own = ImageOptions(image_size=(8, 8), colour="rgb", split_seed=3)
    assert own.with_defaults(image_size=(28, 20), colour="grey") == own
    assert AS_FOUND.with_defaults(image_size=(8, 8)).colour is None


@pytest.mark.parametrize(
    ("options", "option"),
    [
        (ImageOptions(image_size=(8, 8)), "--image-size"),
        (ImageOptions(colour="grey"), "--colour"),
        (ImageOptions(split_seed=1), "--split-seed"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(options: ImageOptions, option: str) -> None:
    with pytest.raises(DatasetError, match=f"{option} does not go with digits"):
        options.require_only(dataset="digits")
    options.require_only("image_size", "colour", "split_seed", dataset="folder")
    AS_FOUND.require_only(dataset="digits")
