"""The timing tables: complete, without contradictions, every row with its source."""

import tomllib
from itertools import pairwise
from pathlib import Path

import capstone
import pytest

from sparse_mcu.costmodel.devices import core_names
from sparse_mcu.costmodel.devices.schema import read_toml
from sparse_mcu.costmodel.errors import DataFileError, UnknownInstructionError
from sparse_mcu.costmodel.timing import table as table_module
from sparse_mcu.costmodel.timing.table import TableFile, load_table

FOLDER = Path(__file__).parents[3] / "costmodel" / "timing" / "cores"
MINIMAL = """
core = "tiny"
model = "tiny-model"
version = 3
memory = "none"
[[row]]
mnemonics = ["nop"]
cycles = 3
status = "inferred"
source = "made up for this test"
"""


def capstone_names() -> set[str]:
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB)
    return {name for name in map(decoder.insn_name, range(1, 1000)) if name}


def test_every_core_has_a_table_and_every_table_a_core() -> None:
    assert tuple(sorted(path.stem for path in FOLDER.glob("*.toml"))) == core_names()
    for name in core_names():
        assert load_table(name).core == name


@pytest.mark.parametrize("name", core_names())
def test_every_mnemonic_is_one_that_the_decoder_gives(name: str) -> None:
    names = capstone_names()
    for mnemonic in load_table(name).rows:
        plain, _, qualifier = mnemonic.partition(".")
        assert plain in names
        assert qualifier in {"", "n", "reg", "pc", "lr", "literal", "pair", "core", "f64"}
        assert plain in load_table(name).rows, "a qualified row without the plain one leaves a gap"


@pytest.mark.parametrize("name", core_names())
def test_every_row_names_its_source(name: str) -> None:
    for row in read_toml(FOLDER / f"{name}.toml", TableFile).row:
        assert len(row.source) > 15
        if row.status == "documented":
            assert "ARM" in row.source, row.source


@pytest.mark.parametrize("name", ["cortex-m7", "cortex-m33"])
def test_cores_without_a_public_table_claim_none(name: str) -> None:
    assert all(row.status != "documented" for row in read_toml(FOLDER / f"{name}.toml", TableFile).row)


def test_instruction_sets_nest() -> None:
    """What a smaller core of the same lineage runs, a larger one prices."""
    lineage = ("cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7")
    plain = [{key.partition(".")[0] for key in load_table(name).rows} for name in lineage]
    for smaller, larger in pairwise(plain):
        assert smaller <= larger
    assert plain[3] <= set(load_table("cortex-m33").rows)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of costmodel/timing/cores."""
    monkeypatch.setattr(table_module, "_FOLDER", tmp_path)
    load_table.cache_clear()
    return tmp_path


def test_a_table_is_read(folder: Path) -> None:
    (folder / "tiny.toml").write_text(MINIMAL)
    table = load_table("tiny")
    assert table.row(("nop.n", "nop"), 0).cycles == 3
    assert table.model == "tiny-model v3 (estimate: none)"


def test_the_most_specific_row_wins(folder: Path) -> None:
    text = MINIMAL + MINIMAL[MINIMAL.index("[[row]]") :].replace('"nop"', '"nop.n"').replace("3", "4")
    (folder / "tiny.toml").write_text(text)
    assert load_table("tiny").row(("nop.n", "nop"), 0).cycles == 4
    assert load_table("tiny").row(("nop",), 0).cycles == 3


def test_a_missing_row_names_instruction_address_and_file(folder: Path) -> None:
    (folder / "tiny.toml").write_text(MINIMAL)
    with pytest.raises(UnknownInstructionError, match=r"0x00000040: .*'smlad'.*costmodel/timing/cores/tiny\.toml"):
        load_table("tiny").row(("smlad",), 0x40)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cycles = 3", "cycles = 1.5", r"key 'row\.0\.cycles'"),
        ("cycles = 3", 'cycles = 3\nunit = "alu"', r"unit 'alu' is not among the units"),
        ("cycles = 3", "cycles = 3\nregisters_per_cycle = 0", r"key 'row\.0\.registers_per_cycle'"),
        ("cycles = 3", "cycles = -1", r"key 'row\.0\.cycles'"),
        ("cycles = 3", "cycles = nan", r"key 'row\.0\.cycles'"),
        ("cycles = 3", "cycles = inf", r"key 'row\.0\.cycles'"),
        ("cycles = 3", "cycles = 1\nlatency = -2", r"key 'row\.0\.latency'"),
        ("cycles = 3", "cycles = 1\nlatency_to = { nobody = 1 }", r"key 'row\.0\.latency_to\.nobody"),
        ("cycles = 3", "cycles = 1\npipelined = 1", r"key 'row\.0\.pipelined'"),
        ("[[row]]", '[[rule]]\nname = "x"\nstatus = "inferred"\nsource = "s"\n[[row]]', r"there is no rule 'x'"),
        ('"inferred"', '"guessed"', r"key 'row\.0\.status'"),
        ('source = "made up for this test"', "", r"key 'row\.0\.source'"),
        ('["nop"]', "[]", r"key 'row\.0\.mnemonics'"),
        ('["nop"]', '["nop", "add", "nop"]', r"'nop' has two rows"),
        ('core = "tiny"', 'core = "huge"', r"key 'core': 'huge'"),
        ("version = 3", "version = 0", r"key 'version'"),
    ],
)
def test_a_broken_table_is_named_with_its_key(folder: Path, old: str, new: str, message: str) -> None:
    assert old in MINIMAL
    (folder / "tiny.toml").write_text(MINIMAL.replace(old, new))
    with pytest.raises(DataFileError, match=f"tiny.toml: .*{message}"):
        load_table("tiny")


def test_a_core_without_a_table_is_named(folder: Path) -> None:
    with pytest.raises(DataFileError, match=str(folder / "cortex-m4.toml")):
        load_table("cortex-m4")


def test_files_are_plain_toml_with_a_comment_on_what_the_model_leaves_out() -> None:
    for path in FOLDER.glob("*.toml"):
        assert path.read_text().startswith("# Cortex-M")
        assert tomllib.loads(path.read_text())["core"] == path.stem
