"""Networks with skip connections and parallel branches: exact in torch, in the file and in the firmware."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sparse_mcu import analyze, simulate
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.graph.operators import Requantize
from sparse_mcu.search.evaluation.published import working_memory_2
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import write_onnx
from sparse_mcu.search.network.stages.quantization import activations, quantize
from sparse_mcu.search.space.description import describe, parse
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task

TASK = Task((1, 12, 12), 5)
SKIP = "conv-3x6/max sep-3x6/add conv-3x6/add/max avg dense"
CONCAT = "conv-3x8/max conv-3x4|conv-1x4/cat/max conv-3x8 avg dense"
BOTH = "conv-3x4/cat/max conv-3x3|down2-3x2/add sep-3x4|conv-2x4/2 avg dense-6 dense"


def made(text: str) -> Network:
    """The untrained network of a text."""
    torch.manual_seed(0)
    return Network(build_architecture(parse(text), TASK)).eval()


def written(text: str, folder: Path) -> Path:
    """The int8 file of an untrained network."""
    images = np.random.default_rng(0).random((32, *TASK.shape), dtype=np.float32)
    write_onnx(quantize(made(text), images), folder / "candidate.onnx", name="candidate")
    return folder / "candidate.onnx"


def test_a_skip_adds_before_the_last_relu() -> None:
    network = made("conv-3x6 conv-3x6/add dense")
    outputs = activations(network, np.random.default_rng(0).random((4, *TASK.shape), dtype=np.float32))
    values = dict(zip((layer.name for layer in network.architecture.layers), outputs, strict=True))
    assert values["block1_conv"].min() < 0
    assert values["block1_add"] == pytest.approx(np.maximum(values["block1_conv"] + values["block0_conv"], 0))


def test_a_concatenation_keeps_the_order_of_its_inputs() -> None:
    network = made("conv-3x6 conv-3x4|conv-1x2/cat dense")
    outputs = activations(network, np.random.default_rng(0).random((4, *TASK.shape), dtype=np.float32))
    values = dict(zip((layer.name for layer in network.architecture.layers), outputs, strict=True))
    parts = [values["block1_conv"], values["block1_branch_conv"], values["block0_conv"]]
    assert np.array_equal(values["block1_concat"], np.concatenate(parts, axis=1))


@pytest.mark.parametrize("text", [SKIP, CONCAT, BOTH])
def test_the_firmware_equals_the_reference_bit_for_bit(text: str, tmp_path: Path) -> None:
    report = simulate(written(text, tmp_path), "microbit")
    assert report.outputs_match_reference
    (logits,) = report.outputs.values()
    assert len(set(np.ravel(logits).tolist())) > 1


def test_the_working_memory_of_the_layers_is_that_of_the_lowered_graph(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for text in (SKIP, CONCAT, BOTH, *(describe(Space(TASK).sample(rng)) for _ in range(5))):
        architecture = build_architecture(parse(text), TASK)
        assert working_memory_2(load_graph(written(text, tmp_path))) == architecture.working_memory, text


def test_a_concatenation_costs_no_copy(tmp_path: Path) -> None:
    path = written(CONCAT, tmp_path)
    assert not any(isinstance(operator, Requantize) for operator in load_graph(path).operators)
    report = analyze(path, "microbit")
    assert any("branch" in step for step in report.memory.schedule)
    assert not any("concat" in step for step in report.memory.schedule)
