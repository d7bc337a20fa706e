"""One image file: what is read is what was drawn, and what is not ours is refused."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from image_files import noise, write_image
from PIL import Image

from sparse_mcu.search.data.loaders import _pictures
from sparse_mcu.search.data.loaders._pictures import PictureError, picture_size, read_picture


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm"])
def test_colours_come_back_channels_first(tmp_path: Path, suffix: str) -> None:
    pixels = noise(0, 5, 7, 3)
    write_image(tmp_path / f"a.{suffix}", pixels)
    assert picture_size(tmp_path / f"a.{suffix}") == (5, 7)
    assert np.array_equal(read_picture(tmp_path / f"a.{suffix}", (5, 7), grey=False), np.moveaxis(pixels, 2, 0))


@pytest.mark.parametrize("suffix", ["png", "bmp", "pgm"])
def test_greys_come_back(tmp_path: Path, suffix: str) -> None:
    pixels = noise(0, 5, 7)
    write_image(tmp_path / f"a.{suffix}", pixels)
    assert np.array_equal(read_picture(tmp_path / f"a.{suffix}", (5, 7), grey=True), pixels[np.newaxis])
    assert np.array_equal(read_picture(tmp_path / f"a.{suffix}", (5, 7), grey=False), np.stack([pixels] * 3))


def test_a_jpeg_is_nearly_what_was_drawn(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 3), (200, 100, 50), dtype=np.uint8)
    write_image(tmp_path / "a.jpg", pixels)
    read = read_picture(tmp_path / "a.jpg", (8, 8), grey=False).astype(int)
    assert np.abs(read - np.moveaxis(pixels, 2, 0)).max() <= 4


def test_images_are_scaled_to_height_and_width(tmp_path: Path) -> None:
    halves = np.zeros((8, 12), dtype=np.uint8)
    halves[:, 6:] = 200
    write_image(tmp_path / "a.png", halves)
    small = read_picture(tmp_path / "a.png", (2, 4), grey=True)
    assert small.shape == (1, 2, 4)
    assert small[0, :, 0].max() < 20
    assert small[0, :, 3].min() > 180


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 4), dtype=np.uint8)
    pixels[0, 0] = (10, 20, 30, 255)
    write_image(tmp_path / "a.png", pixels)
    read = read_picture(tmp_path / "a.png", (2, 2), grey=False)
    assert read[:, 0, 0].tolist() == [10, 20, 30]
    assert (read.reshape(3, -1)[:, 1:] == 255).all()


def test_a_photograph_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the first row is the right edge
    pixels = np.zeros((4, 6), dtype=np.uint8)
    pixels[0] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    assert picture_size(tmp_path / "a.png") == (6, 4)
    assert (read_picture(tmp_path / "a.png", (6, 4), grey=True)[0, :, -1] == 255).all()


def test_sixteen_bits_are_refused_rather_than_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match="not of eight bits"):
        read_picture(tmp_path / "a.png", (4, 4), grey=True)


def test_too_many_pixels_are_refused_by_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", noise(0, 10, 11))
    monkeypatch.setattr(_pictures, "_LIMIT_PIXELS", 109)
    for read in (picture_size, lambda path: read_picture(path, (2, 2), grey=True)):
        with pytest.raises(PictureError, match="10x11 pixels, more than 109"):
            read(tmp_path / "a.png")


def test_a_bomb_is_never_decoded(tmp_path: Path) -> None:
    """A header that promises 2^31 pixels, before hardly any data."""
    stream = BytesIO()
    Image.new("1", (1, 1)).save(stream, "PPM")
    (tmp_path / "a.pbm").write_bytes(b"P4\n65536 32768\n" + b"\0" * 64)
    with pytest.raises(PictureError, match="exceeds limit"):
        picture_size(tmp_path / "a.pbm")


def test_too_many_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", noise(0, 10, 10))
    monkeypatch.setattr(_pictures, "_LIMIT_BYTES", 50)
    with pytest.raises(PictureError, match="more than 50 bytes"):
        picture_size(tmp_path / "a.png")


@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "WEBP"])
def test_other_formats_are_refused_whatever_their_name(tmp_path: Path, image_format: str) -> None:
    Image.fromarray(noise(0, 4, 4)).save(tmp_path / "a", image_format)
    (tmp_path / "a").rename(tmp_path / "a.png")
    with pytest.raises(PictureError, match="no known format"):
        picture_size(tmp_path / "a.png")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="cannot be read"):
        picture_size(tmp_path / "a.png")


@settings(max_examples=60, deadline=None)
@given(
    cut=st.integers(0, 200),
    place=st.integers(0, 200),
    value=st.integers(0, 255),
    suffix=st.sampled_from(["png", "jpg", "bmp", "ppm"]),
)
@example(cut=0, place=0, value=0, suffix="png")
def test_damage_gives_pixels_or_one_kind_of_error(
    tmp_path_factory: pytest.TempPathFactory, cut: int, place: int, value: int, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("damaged") / f"a.{suffix}"
    write_image(path, noise(0, 6, 6, 3))
    data = bytearray(path.read_bytes())
    data[place % len(data)] = value
    path.write_bytes(data[: len(data) - cut])
    try:
        height, width = picture_size(path)
        assert read_picture(path, (6, 6), grey=False).shape == (3, 6, 6)
        assert height * width <= 50_000_000
    except PictureError as error:
        assert str(error)  # noqa: PT017 - any other kind fails the test
