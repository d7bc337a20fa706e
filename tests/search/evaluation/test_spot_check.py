"""Firmware that answers otherwise than the reference is counted."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.search.evaluation import spot_check as module
from sparse_mcu.search.evaluation.spot_check import SpotCheck, spot_check
from sparse_mcu.simulation.execution.run import Int8Array
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions

Inputs = Iterable[Mapping[str, Int8Array]]

IMAGES = np.random.default_rng(0).random((10, 1, 8, 8)).astype(np.float32)


def test_images_run_on_the_emulated_core(tmp_path: Path) -> None:
    target = Target(load_board("microbit"))
    with target.tools() as tools:
        found = spot_check(write_network("plain", tmp_path), IMAGES[:2], target, DEFAULTS, tools)
    assert found == SpotCheck(images=2, differing=0, engine="unicorn")


def test_eight_different_images_are_run_and_differences_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = write_network("plain", tmp_path), []

    def check(_model: Path, _target: Target, _options: BuildOptions, inputs: Inputs, *, tools: Tools) -> list[bool]:
        assert tools.engine.name == "unicorn"
        for given in inputs:
            (codes,) = given.values()
            seen.append(codes.tobytes())
        return [number != 3 for number in range(len(seen))]

    monkeypatch.setattr(module, "check_outputs", check)
    target = Target(load_board("microbit"))
    with target.tools() as tools:
        found = spot_check(path, IMAGES, target, DEFAULTS, tools)
    assert (found.images, found.differing, len(set(seen))) == (8, 1, 8)
