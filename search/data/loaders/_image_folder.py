"""Loads images from a folder: a sub-folder for each class, or `train`, `val` and `test` with the classes inside.

Class numbers follow the sorted names of the sub-folders. Within a class, images are ordered by their pixels, so the
split depends on neither file names nor the order in which a file system lists them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import prod
from pathlib import Path
from statistics import median_low

import numpy as np

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.dataset import Dataset, Split, hold_out, make_dataset
from sparse_mcu.search.data.images import ImageOptions
from sparse_mcu.search.data.loaders._pictures import SUFFIXES, Bytes, PictureError, picture_size, read_picture

_PARTS: Mapping[str, str] = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_ORDER: Sequence[str] = ("train", "val", "test")
_MAX_CLASSES = 1000
_MAX_FILES = 200_000
_MAX_VALUES = 2**28  # of all images together, as float32 1 GiB
_LEAST_IMAGES = 4  # of a class: one each to validate and to test
_NAMED = 5  # broken files that an error names
_SIDES = (8, 16, 28, 32, 48, 64, 96)  # that an error proposes
_WHITE = 255


@dataclass(frozen=True, slots=True)
class _File:
    """Names an image file and its class. The file is not read yet."""

    label: int
    path: Path


def load_image_folder(folder: Path, name: str, options: ImageOptions) -> Dataset:
    """Loads a folder of images by class.

    A missing part is held out of the training images: a fifth to validate, and a fifth to test.

    Args:
        folder: The folder.
        name: The name of the dataset.
        options: The size, colour and split.

    Raises:
        DatasetError: There are no classes, a class has too few images, files are damaged or lie elsewhere, sizes
            differ, or one image is there twice.
    """
    parts, classes = _list_parts(folder)
    files = [file for part in parts.values() for file in part]
    size = options.image_size or _common_size(files)
    grey = options.colour == "grey"
    _require_memory(len(files), (1 if grey else 3, *size))
    values = _read_all(files, size, grey=grey)
    if options.colour is None and all(np.array_equal(image[:1].repeat(3, axis=0), image) for image in values):
        values = [image[:1] for image in values]
    every = iter(zip(files, values, strict=True))
    read = {part: [next(every) for _ in of_part] for part, of_part in parts.items()}
    splits = {part: _to_split(images) for part, images in _without_doubles(read).items()}
    return _hold_out_missing(splits, name, classes, options.split_seed)


def _list_parts(folder: Path) -> tuple[dict[str, list[_File]], tuple[str, ...]]:
    """Returns the files of each part that the folder has, and the names of the classes."""
    root = folder.resolve()
    named = _named_parts(folder, root)
    classes = tuple(each.name for each in _folders(named["train"], root))
    if not 1 < len(classes) <= _MAX_CLASSES:
        raise DatasetError(
            f"{len(classes)} sub-folders, but a class is a sub-folder",
            where=str(named["train"]),
            fix=f"Give a folder with 2 to {_MAX_CLASSES} sub-folders, each with the images of one class.",
        )
    parts = {part: _list_part(named[part], root, classes) for part in _ORDER if part in named}
    if sum(map(len, parts.values())) > _MAX_FILES:
        raise DatasetError(f"more than {_MAX_FILES} images", where=str(folder), fix="Give fewer images.")
    return parts, classes


def _named_parts(folder: Path, root: Path) -> dict[str, Path]:
    """Returns the folder of each part. Without parts, the whole folder is the training part."""
    inside = _folders(folder, root)
    if not any(_PARTS.get(each.name.lower()) == "train" and _folders(each, root) for each in inside):
        return {"train": folder}
    named: dict[str, Path] = {}
    for each in inside:
        part = _PARTS.get(each.name.lower())
        if part is None:
            fix = "Move its images into the classes of train, val or test, or remove it."
            raise DatasetError("a folder beside train that is no part", where=str(each), fix=fix)
        if part in named:
            raise DatasetError(f"{named[part].name} and {each.name} are one part", where=str(folder), fix="Keep one.")
        named[part] = each
    return named


def _list_part(folder: Path, root: Path, classes: Sequence[str]) -> list[_File]:
    files = []
    for each in _folders(folder, root):
        if each.name not in classes:
            raise DatasetError("a class without training images", where=str(each), fix="Add some, or remove it.")
        images = list(_images(each, root))
        if not images:
            fix = f"Put images there ({', '.join(sorted(SUFFIXES))}), or remove it."
            raise DatasetError("a class without images", where=str(each), fix=fix)
        files += [_File(classes.index(each.name), path) for path in images]
    if not files:
        raise DatasetError("no images", where=str(folder), fix="Put a sub-folder of images there for each class.")
    return files


def _images(folder: Path, root: Path) -> Iterator[Path]:
    for path in _entries(folder, root):
        if path.is_dir():
            raise DatasetError("a folder among the images of a class", where=str(path), fix="Move its images up.")
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield path


def _folders(folder: Path, root: Path) -> list[Path]:
    return [path for path in _entries(folder, root) if path.is_dir()]


def _entries(folder: Path, root: Path) -> Iterator[Path]:
    """Returns the visible entries of a folder, sorted. It refuses entries that lie outside the root."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise DatasetError(f"cannot be read: {error}", where=str(folder), fix="See to its permissions.") from error
    for path in paths:
        if path.name.startswith("."):
            continue
        if not path.resolve().is_relative_to(root):
            fix = "Copy the images instead (cp -L)."
            raise DatasetError(f"a link that leaves the folder {root}", where=str(path), fix=fix)
        yield path


def _common_size(files: Sequence[_File]) -> tuple[int, int]:
    """Returns the (height, width) that all images have."""
    sizes, broken = [], []
    for file in files:
        try:
            sizes.append(picture_size(file.path))
        except PictureError as error:
            broken.append(f"{file.path} {error}")
    _require_whole(broken)
    counts = Counter(sizes)
    if len(counts) == 1:
        return sizes[0]
    side = median_low([min(size) for size in sizes])
    proposal = max([each for each in _SIDES if each <= side], default=side)
    (least, most), often = (f(sizes, key=lambda size: size[0] * size[1]) for f in (min, max)), counts.most_common(1)
    raise DatasetError(
        f"images of {len(counts)} sizes, from {_text(least)} to {_text(most)}; {_text(often[0][0])} is the commonest",
        where="--image-size",
        fix=f"Scale them all, for instance by --image-size {_text((proposal, proposal))}.",
    )


def _text(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _require_memory(images: int, shape: tuple[int, int, int]) -> None:
    values = images * prod(shape)
    if values > _MAX_VALUES:
        raise DatasetError(
            f"{images} images of {_text(shape)} (channels, height, width) are more than {_MAX_VALUES} values",
            where="--image-size",
            fix="Give a smaller size, or fewer images.",
        )


def _read_all(files: Sequence[_File], size: tuple[int, int], *, grey: bool) -> list[Bytes]:
    images, broken = [], []
    for file in files:
        try:
            images.append(read_picture(file.path, size, grey=grey))
        except PictureError as error:
            broken.append(f"{file.path} {error}")
    _require_whole(broken)
    return images


def _require_whole(broken: Sequence[str]) -> None:
    if broken:
        more = f"; and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
        raise DatasetError(
            f"files that are no images ({len(broken)}): {'; '.join(broken[:_NAMED])}{more}",
            fix="Repair or remove them.",
        )


_Read = list[tuple[_File, Bytes]]


def _without_doubles(parts: Mapping[str, _Read]) -> dict[str, _Read]:
    """Returns the images of each part, ordered by class and pixels. Doubles within a class and part are kept once."""
    seen: dict[bytes, tuple[str, _File]] = {}
    kept: dict[str, dict[tuple[int, bytes], tuple[_File, Bytes]]] = {part: {} for part in parts}
    for part, images in parts.items():
        for file, pixels in images:
            digest = sha256(pixels.tobytes()).digest()
            other_part, other = seen.setdefault(digest, (part, file))
            if (other_part, other.label) != (part, file.label):
                raise DatasetError(
                    f"the same image as {other.path}, in another class or part",
                    where=str(file.path),
                    fix="Remove one of them, or read images larger or in colour.",
                )
            kept[part][file.label, digest] = (file, pixels)
    return {part: [images[key] for key in sorted(images)] for part, images in kept.items()}


def _to_split(images: _Read) -> Split:
    values = np.stack([pixels for _, pixels in images])
    labels = np.array([file.label for file, _ in images], dtype=np.int64)
    return Split((values / np.float32(_WHITE)).astype(np.float32), labels)


def _hold_out_missing(splits: dict[str, Split], name: str, classes: Sequence[str], seed: int) -> Dataset:
    train = splits["train"]
    if len(splits) < len(_ORDER):
        for label, images in enumerate(np.bincount(train.labels, minlength=len(classes))):
            if images < _LEAST_IMAGES:
                raise DatasetError(
                    f"class {classes[label]} has {images} different images",
                    where="--data",
                    fix=f"Each class needs at least {_LEAST_IMAGES}, so that some can be held out.",
                )
    held_out = {}
    share = 1 / 5
    for part in ("val", "test"):
        if part in splits:
            held_out[part] = splits[part]
        else:
            train, held_out[part] = hold_out(train, share, seed)
            share = 1 / 4  # of the rest, a fifth of the whole
    return make_dataset(name, classes=len(classes), train=train, validation=held_out["val"], test=held_out["test"])
