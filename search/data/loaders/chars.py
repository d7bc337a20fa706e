"""Renders printed characters: the ten digits and 52 letters, in the fonts that matplotlib carries.

Each part has its own families of fonts, so the test part asks for characters in letter shapes that neither training
nor the choice of a network has seen. Every image is turned, scaled, sheared and shifted a little at random.

The images are made up. Use them to try things out, and compare no error with those on Chars74K. In some fonts, some
classes differ in their size only, or not at all (0, O, o; 1, I, l). So no network reaches an error of zero.
"""

from collections.abc import Mapping
from math import cos, radians, sin
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.dataset import Dataset, Split, make_dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions

CHARACTERS = digits + ascii_uppercase + ascii_lowercase
_STYLES = ("", "-Bold", "-{0}", "-Bold{0}")
_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "train": (
        *(f"DejaVuSans{style.format('Oblique')}" for style in _STYLES),
        *(f"DejaVuSansMono{style.format('Oblique')}" for style in _STYLES),
        *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    ),
    "validation": tuple(f"DejaVuSerif{style.format('Italic')}" for style in _STYLES),
    "test": ("cmr10", "cmb10", "cmss10", "cmti10", "cmtt10"),  # Computer Modern
}
_VARIATIONS = {"train": 12, "validation": 8, "test": 8}  # of a character in a font
_SIDE = 28
_CANVAS = 84  # glyphs are drawn and varied on a canvas this wide and high, and then scaled down
_EM = 63  # height of a font on the canvas
_DEGREES, _SCALE, _SHEAR, _SHIFT = 10.0, 0.12, 0.1, 4.5
_WHITE = 255
_SEED = 74

Bytes = npt.NDArray[np.uint8]


def load(_folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Renders 8928 images to train, 1984 to validate and 2480 to test, of 28x28 pixels unless the user asks otherwise.

    Raises:
        DatasetError: A font is missing.
    """
    images.require_only("image_size", dataset="chars")
    size = images.image_size or (_SIDE, _SIDE)
    train, validation, test = (_render_part(part, size) for part in ("train", "validation", "test"))
    return make_dataset("chars", classes=len(CHARACTERS), train=train, validation=validation, test=test)


def _render_part(part: str, size: tuple[int, int]) -> Split:
    """Renders every character in every font of a part, with its variations."""
    values, labels = [], []
    for number, name in enumerate(_FAMILIES[part]):
        font = _open_font(name)
        rng = np.random.default_rng([_SEED, list(_FAMILIES).index(part), number])
        for label, character in enumerate(CHARACTERS):
            glyph = _draw(font, character)
            for _ in range(_VARIATIONS[part]):
                values.append(_vary(glyph, rng, size))
                labels.append(label)
    pixels = np.stack(values)[:, np.newaxis] / np.float32(_WHITE)
    return Split(pixels.astype(np.float32), np.array(labels, dtype=np.int64))


def _open_font(name: str) -> ImageFont.FreeTypeFont:
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    if not path.is_file():  # Pillow would look for another font of that name in the system's folders
        raise DatasetError("there is no such font", where=str(path), fix="Install matplotlib again.")
    return ImageFont.truetype(path, _EM, layout_engine=ImageFont.Layout.BASIC)


def _draw(font: ImageFont.FreeTypeFont, character: str) -> Image.Image:
    """Draws a character white on black, in the middle of a line. Its height in the line tells o from O."""
    canvas = Image.new("L", (_CANVAS, _CANVAS))
    left, _, right, _ = font.getbbox(character, anchor="ls")
    baseline = (_CANVAS + 0.55 * _EM) / 2
    ImageDraw.Draw(canvas).text(((_CANVAS - right - left) / 2, baseline), character, _WHITE, font, anchor="ls")
    return canvas


def _vary(glyph: Image.Image, rng: np.random.Generator, size: tuple[int, int]) -> Bytes:
    """Turns, scales, shears and shifts a glyph [height, width] about the middle of its canvas."""
    angle = radians(rng.uniform(-_DEGREES, _DEGREES))
    scale, shear = 1 + rng.uniform(-_SCALE, _SCALE), rng.uniform(-_SHEAR, _SHEAR)
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]]) @ np.array([[1.0, shear], [0.0, 1.0]])
    middle = np.full(2, _CANVAS / 2)
    offset = middle - turn @ middle / scale + rng.uniform(-_SHIFT, _SHIFT, 2)
    (a, b), (d, e) = (turn / scale).tolist()
    c, f = offset.tolist()
    varied = glyph.transform(glyph.size, Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR)
    return np.asarray(varied.resize(size[::-1], Image.Resampling.BOX), dtype=np.uint8)
