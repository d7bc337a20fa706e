"""The levers of a configuration join those of the study, and they change the RAM of its firmware."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sparse_mcu import analyze
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.search.evaluation.costs import with_levers
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import write_onnx
from sparse_mcu.search.network.stages.quantization import quantize
from sparse_mcu.search.space.configuration import LeverChoice
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.task import Task
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions

NET_B = "conv-3x8/max sep-3x16/max sep-3x24 sep-3x24/valid avg dense"


@pytest.fixture(scope="module")
def net_b(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Net B with its initial weights. Weights do not matter to dense kernels."""
    torch.manual_seed(0)
    network = Network(build_architecture(parse(NET_B), Task((1, 28, 28), 10))).eval()
    path: Path = tmp_path_factory.mktemp("network") / "net_b.onnx"
    write_onnx(quantize(network, np.random.default_rng(0).random((16, 1, 28, 28), dtype=np.float32)), path, name="b")
    return path


@pytest.mark.parametrize(
    ("levers", "arena_bytes"),
    [("", 6308), (" levers=pools", 2112), (" levers=streams", 2112), (" levers=recompute1.5", 1856)],
)
def test_levers_shrink_the_arena_of_net_b(net_b: Path, levers: str, arena_bytes: int) -> None:
    options = with_levers(DEFAULTS, parse(NET_B + levers).levers)
    assert analyze(net_b, "microbit", options=options, build=False).ram.arena_bytes == arena_bytes


def test_levers_join_those_of_the_study() -> None:
    study = BuildOptions("flash", Levers(overlap=False, streaming=True, max_recompute=2.0))
    joined = with_levers(study, LeverChoice(fused_pools=True, streaming=True, max_recompute=1.5))
    assert joined == BuildOptions("flash", Levers(overlap=False, fused_pools=True, streaming=True, max_recompute=2.0))
    assert with_levers(study, LeverChoice()) == study
