"""Predicted cycles: of which layers, and how far from what the emulator counts."""

from pathlib import Path

import pytest

from benchmarks.networks import write_network
from costmodel.devices import load_board
from costmodel.graph.operators import AveragePool2d, Conv2d, Dense, MaxPool2d
from costmodel.memory.levers import Levers
from simulation.analysis import lower_model
from simulation.prediction import predict_cycles
from simulation.run import simulate_model
from simulation.toolchain import find_toolchain

MODELS = ["ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8"]


@pytest.mark.parametrize("board_name", ["microbit", "nucleo-l4r5zi"])
def test_layers_with_a_choice_of_kernels_have_a_prediction_and_others_none(board_name: str, tmp_path: Path) -> None:
    lowered = lower_model(write_network("branched", tmp_path), load_board(board_name))
    found = predict_cycles(lowered.graph, lowered.board.core, lowered.source)
    kinds = {operator.name: operator for operator in lowered.graph.operators}
    assert [layer.layer for layer in found.layers] == [layer.operator for layer in lowered.source.layers]
    for layer in found.layers:
        assert (layer.cycles is not None) == isinstance(kinds[layer.layer], Conv2d | Dense | MaxPool2d | AveragePool2d)
    known = [layer.cycles for layer in found.layers if layer.cycles is not None]
    assert (found.total, found.predicted_layers, found.fidelity) == (sum(known), len(known), "predicted")


def test_what_is_streamed_has_no_prediction(tmp_path: Path) -> None:
    levers = Levers(streaming=True)
    lowered = lower_model(write_network("plain", tmp_path), load_board("nucleo-l4r5zi"), levers=levers)
    streams = lowered.source.plan.streams
    found = predict_cycles(lowered.graph, lowered.board.core, lowered.source)
    inside = {name for stream in streams.values() for name in stream.operators}
    assert inside
    assert all(layer.cycles is None for layer in found.layers if layer.layer in inside | {*streams})


@pytest.mark.slow
@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi"])
@pytest.mark.parametrize("model", MODELS)
def test_reference_models_are_predicted_within_an_eighth(
    model: str, board_name: str, shared_data: Path, tmp_path: Path
) -> None:
    path, board = shared_data / "models" / f"mlperf__{model}.onnx", load_board(board_name)
    lowered = lower_model(path, board)
    found = predict_cycles(lowered.graph, board.core, lowered.source)
    counted = simulate_model(path, board, directory=tmp_path, toolchain=find_toolchain()).cycles
    pairs = list(zip(found.layers, counted.layers, strict=True))
    share = sum(layer.cycles for _, layer in pairs)
    known = sum(layer.cycles for guess, layer in pairs if guess.cycles is not None)
    assert known > 0.97 * share
    assert abs(found.total - known) < known / 8
