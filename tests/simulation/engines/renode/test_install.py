"""Finding Renode: where it is looked for, in which order, and what is said when it is not there."""

from pathlib import Path

import pytest

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.engines.renode.install import check_version, find_renode, installed_version


@pytest.fixture(autouse=True)
def no_renode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the Renode of this machine."""
    monkeypatch.delenv("RENODE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))


def install(folder: Path) -> Path:
    """Put a program there."""
    folder.mkdir(parents=True)
    program = folder / "renode"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_the_given_one_goes_before_the_variable_and_that_before_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = install(tmp_path / "path")
    assert find_renode() == on_path
    named = install(tmp_path / "named")
    monkeypatch.setenv("RENODE", str(named))
    assert find_renode() == named
    given = install(tmp_path / "given")
    assert find_renode(given) == given


def test_the_folder_of_a_portable_build_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = install(tmp_path / "renode_1.16.1_portable")
    monkeypatch.setenv("RENODE", str(program.parent))
    assert find_renode() == program
    assert find_renode(program.parent) == program


def test_a_missing_one_says_how_to_install_it() -> None:
    with pytest.raises(EngineError, match=r"not installed\. Unpack a portable build.*PATH.*RENODE.*--renode PATH"):
        find_renode()


@pytest.mark.parametrize("name", ["missing", "text", "folder"])
def test_what_is_no_program_is_refused_with_its_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    install(tmp_path / "path")
    (tmp_path / "text").write_text("no program")
    (tmp_path / "folder").mkdir()
    with pytest.raises(EngineError, match=f"--renode names no program.*{name}"):
        find_renode(tmp_path / name)
    monkeypatch.setenv("RENODE", str(tmp_path / name))
    with pytest.raises(EngineError, match=f"RENODE names no program.*{name}"):
        find_renode()


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("Renode, version 1.16.1 (d66b0c2a-local)", "1.16.1"),
        ("Renode, version 1.15.0.28146 (0b4bbf6b-202403181541)", "1.15.0.28146"),
        ("Renode, version 2.0 (x)", "2.0"),
        ("Renode v1.16.1.14390", "1.16.1.14390"),
    ],
)
def test_the_version_is_read(line: str, version: str) -> None:
    assert check_version(["noise", line]) == version


@pytest.mark.parametrize("line", ["Renode, version 1.14.0 (x)", "Renode, version 0.9.9 (x)"])
def test_an_old_one_is_refused(line: str) -> None:
    with pytest.raises(EngineError, match=r"is too old\. Unpack a portable build"):
        check_version([line])


def test_another_program_is_refused() -> None:
    with pytest.raises(EngineError, match="does not say that it is Renode"):
        check_version(["hello"])


def test_the_program_itself_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    program = install(tmp_path / "asked")
    with pytest.raises(EngineError, match="does not say that it is Renode"):
        installed_version(program)
    program.write_text('#!/bin/sh\n[ "$*" = --version ] && echo "Renode v1.15.3.7" && echo "  build: x"\n')
    assert installed_version(program) == "1.15.3.7"
    program.write_text("#!/nowhere\n")
    with pytest.raises(EngineError, match="Renode cannot be run"):
        installed_version(program)
