"""What data files may hold: nothing missing, nothing unknown, nothing converted silently."""

from pathlib import Path

import pytest

from sparse_mcu.costmodel.devices.schema import CoreFile, Figure, read_toml
from sparse_mcu.costmodel.errors import DataFileError

CORE = """
name = "cortex-m0"
architecture = "armv6-m"
has_dsp = false
has_fpu = false
has_hardware_divide = false
has_it_blocks = false
status = "documented"
source = "a manual"
"""


def test_a_figure_cites_status_and_source() -> None:
    figure = Figure[int](value=1, status="measured", source="a page")
    assert figure.cite() == "measured: a page"


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "core.toml"
    file.write_text(CORE)
    assert read_toml(file, CoreFile).architecture == "armv6-m"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("has_dsp = false", "has_dsp = 0", "key 'has_dsp'"),
        ("has_dsp = false", 'has_dsp = "no"', "key 'has_dsp'"),
        ("has_dsp = false", "", "key 'has_dsp'"),
        ('"armv6-m"', '"armv5"', "key 'architecture'"),
        ('source = "a manual"', 'source = ""', "key 'source'"),
        ('source = "a manual"', 'source = "a manual"\nnote = ""', "key 'note'"),
        ("name =", "name", "not valid TOML"),
    ],
)
def test_a_broken_file_is_named_with_its_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CORE
    file = tmp_path / "core.toml"
    file.write_text(CORE.replace(old, new))
    with pytest.raises(DataFileError, match=f"core.toml: {message}.*"):
        read_toml(file, CoreFile)
