"""Lines that benchmarks keep outlive a kill."""

from pathlib import Path

from sparse_mcu.benchmarks.lines import Lines


def test_lines_are_kept_and_a_torn_one_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    first = Lines(path)
    assert first.kept == []
    first.append(["a", "ä"])
    with path.open("ab") as file:
        file.write("torn ä".encode()[:-1])
    again = Lines(path)
    assert again.kept == ["a", "ä"]
    again.append(["b"])
    assert Lines(path).kept == ["a", "ä", "b"]


def test_without_a_file_nothing_is_kept() -> None:
    lines = Lines(None)
    lines.append(["a"])
    assert lines.kept == []
