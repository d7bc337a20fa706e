"""Finding a toolchain."""

import importlib.util
import shutil

import pytest

from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.toolchain import find_toolchain


def test_gcc_is_preferred_where_it_is_installed() -> None:
    expected = "arm-none-eabi-gcc" if shutil.which("arm-none-eabi-gcc") else "zig"
    assert find_toolchain().name == expected


def test_without_gcc_it_is_zig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = find_toolchain()
    assert found.name == "zig"
    assert "clang" in found.version


@pytest.mark.parametrize("name", ["gcc", "arm-none-eabi-gcc"])
def test_a_missing_gcc_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ToolchainError, match=r"not on PATH.*apt-get install gcc-arm-none-eabi"):
        find_toolchain(name)


def test_a_missing_zig_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ToolchainError, match="pip install ziglang"):
        find_toolchain("zig")


def test_with_neither_the_message_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ToolchainError, match=r"no compiler.*pip install ziglang.*gcc-arm-none-eabi"):
        find_toolchain()


def test_an_unknown_one_suggests_the_nearest() -> None:
    with pytest.raises(ToolchainError, match=r"unknown toolchain 'zigg'.*Did you mean 'zig'"):
        find_toolchain("zigg")
