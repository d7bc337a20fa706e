"""The options that several commands of this package have, above all those that name the data."""

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from sparse_mcu.costmodel.cli.options import Decorated
from sparse_mcu.search.data.images import COLOURS, Colour, ImageOptions
from sparse_mcu.search.data.loaders import NAMES
from sparse_mcu.search.data.request import DataRequest

_OWN = "folder"

seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The seed of all random choices."
)
engine_option = click.option("--engine", default="unicorn", show_default=True, metavar="NAME", help="The emulator.")
epochs_option = click.option(
    "--epochs", type=click.IntRange(min=1), metavar="N", help="Passes over the images; the dataset's own."
)


study_name_option = click.option(
    "--study-name", metavar="NAME", help="The name of the study among those of its database; sparse-mcu by default."
)
artifacts_option = click.option(
    "--artifacts",
    metavar="DIR|URL",
    help="Where files of trials are kept: a folder, or a URL that fsspec reads. A study remembers it; by default it is "
    "a folder beside the study's file.",
)


def qat_option(default: int) -> Callable[[Decorated], Decorated]:
    """Returns the option of a command that can fine-tune with the firmware's rounding."""
    return click.option(
        "--qat",
        type=click.IntRange(min=0),
        metavar="N",
        default=default,
        show_default=True,
        help="Then passes of quantisation-aware training.",
    )


def _read_size(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Reads the text of `--image-size` as (height, width)."""
    if value is None:
        return None
    sides = re.fullmatch(r"(\d{1,4})x(\d{1,4})", value)
    if sides is None:
        raise click.BadParameter(f"{value!r} is not HEIGHTxWIDTH, such as 32x32")
    return int(sides[1]), int(sides[2])


_DATASET = click.option("--dataset", metavar="NAME", help=f"One of {', '.join(NAMES)}; see docs/datasets.md.")
_OPTIONS = (
    click.option(
        "--data",
        "own",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Your own images: a folder with one sub-folder for each class.",
    ),
    click.option(
        "--data-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Where the files of the dataset are, if not in a usual place.",
    ),
    click.option("--image-size", callback=_read_size, metavar="HxW", help="Scale images to these pixels."),
    click.option("--colour", type=click.Choice(COLOURS), help="Read images as one channel or as three."),
    click.option(
        "--split-seed",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Which images are held out, where the files do not say so.",
    ),
)


def dataset_options(command: Decorated) -> Decorated:
    """Gives a command the options that make its argument `data`, a `DataRequest`."""

    @wraps(command)
    def with_data(
        *arguments: Any,  # noqa: ANN401 - any command
        dataset: str | None,
        own: Path | None,
        data_dir: Path | None,
        image_size: tuple[int, int] | None,
        colour: Colour | None,
        split_seed: int,
        **others: Any,  # noqa: ANN401 - any command
    ) -> Any:  # noqa: ANN401 - any command
        images = ImageOptions(image_size=image_size, colour=colour, split_seed=split_seed)
        return command(*arguments, data=_request(dataset, own, data_dir, images), **others)

    decorated: Decorated = _with_options(with_data, _DATASET, *_OPTIONS)
    return decorated


def study_data_options(command: Decorated) -> Decorated:
    """Gives a command the options that make its argument `data`: a function from a study's dataset to a request."""

    @wraps(command)
    def with_data(
        *arguments: Any,  # noqa: ANN401 - any command
        own: Path | None,
        data_dir: Path | None,
        image_size: tuple[int, int] | None,
        colour: Colour | None,
        split_seed: int,
        **others: Any,  # noqa: ANN401 - any command
    ) -> Any:  # noqa: ANN401 - any command
        images = ImageOptions(image_size=image_size, colour=colour, split_seed=split_seed)

        def request(dataset: str) -> DataRequest:
            if dataset == _OWN and own is None:
                raise click.UsageError("The study's images are your own: name their folder with --data DIR.")
            if dataset != _OWN and own is not None:
                raise click.UsageError(f"The study's dataset is {dataset}: use --data-dir for its files.")
            return _request(None if dataset == _OWN else dataset, own, data_dir, images)

        return command(*arguments, data=request, **others)

    decorated: Decorated = _with_options(with_data, *_OPTIONS)
    return decorated


def _with_options(command: Any, *options: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any command
    """Adds the options to a command, the first one on top."""
    for option in reversed(options):
        command = option(command)
    return command


def _request(dataset: str | None, own: Path | None, data_dir: Path | None, images: ImageOptions) -> DataRequest:
    if (dataset is None) == (own is None):
        raise click.UsageError("Give either --dataset NAME or --data DIR.")
    if dataset is not None:
        return DataRequest(name=dataset, folder=data_dir, images=images)
    if data_dir is not None:
        raise click.UsageError("--data-dir goes with --dataset; --data names the folder itself.")
    return DataRequest(name=_OWN, folder=own, images=images)
