"""Predicted cycles: of which layers, and how far from what the emulator counts."""

from pathlib import Path

import pytest
from small_networks import lowered_network

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Conv2d, Dense, MaxPool2d
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.simulation.analysis.lowering import lower_model
from sparse_mcu.simulation.analysis.prediction import predict_cycles
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions

MODELS = ["ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8"]


@pytest.mark.parametrize("board_name", ["microbit", "nucleo-l4r5zi"])
def test_layers_with_a_choice_of_kernels_have_a_prediction_and_others_none(board_name: str) -> None:
    lowered = lowered_network("branched", board_name)
    found = predict_cycles(lowered.graph, lowered.board.core, lowered.source)
    kinds = {operator.name: operator for operator in lowered.graph.operators}
    assert [layer.layer for layer in found.layers] == [layer.operator for layer in lowered.source.layers]
    for layer in found.layers:
        assert (layer.cycles is not None) == isinstance(kinds[layer.layer], Conv2d | Dense | MaxPool2d | AveragePool2d)
    known = [layer.cycles for layer in found.layers if layer.cycles is not None]
    assert (found.total, found.predicted_layers, found.fidelity) == (sum(known), len(known), "predicted")


@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi"])
def test_what_is_streamed_is_predicted_call_by_call(board_name: str, tmp_path: Path) -> None:
    levers, board = Levers(streaming=True), load_board(board_name)
    path = write_network("plain", tmp_path)
    lowered = lower_model(path, board, BuildOptions(levers=levers))
    found = predict_cycles(lowered.graph, board.core, lowered.source)
    counted = simulate_model(path, Target(board), BuildOptions(levers=levers), directory=tmp_path).cycles
    names = [layer.layer for layer in counted.layers]
    assert [layer.layer for layer in found.layers] == names
    assert len(set(names)) == len(names)
    streams = {layer.layer: layer for layer in counted.layers if layer.kernel == "stream"}
    inside = [(guess, run) for guess, run in zip(found.layers, counted.layers, strict=True) if run.stream]
    assert streams
    assert inside
    assert all(run.stream in streams and guess.stream == run.stream for guess, run in inside)
    pairs = [(guess.cycles, run.cycles) for guess, run in inside if guess.cycles is not None]
    assert sum(run for _, run in pairs) > 0.8 * sum(run.cycles for _, run in inside)
    assert sum(guess for guess, _ in pairs) == pytest.approx(sum(run for _, run in pairs), rel=0.5)  # tiny layers


@pytest.mark.slow
@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi", "nucleo-f746zg"])
@pytest.mark.parametrize("model", ["kws_ref_model", "pretrainedResnet_quant", "vww_96_int8"])
def test_streamed_layers_of_reference_models_are_predicted_within_an_eighth(
    model: str, board_name: str, shared_data: Path, tmp_path: Path
) -> None:
    path, board = shared_data / "models" / f"mlperf__{model}.onnx", load_board(board_name)
    levers = Levers(streaming=True)
    lowered = lower_model(path, board, BuildOptions(levers=levers))
    found = predict_cycles(lowered.graph, board.core, lowered.source)
    counted = simulate_model(path, Target(board), BuildOptions(levers=levers), directory=tmp_path).cycles
    pairs = [
        (guess.cycles, run.cycles)
        for guess, run in zip(found.layers, counted.layers, strict=True)
        if run.stream and guess.cycles is not None
    ]
    assert pairs
    assert all(abs(guess - run) < run / 8 for guess, run in pairs)


@pytest.mark.slow
@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi"])
@pytest.mark.parametrize("model", MODELS)
def test_reference_models_are_predicted_within_an_eighth(
    model: str, board_name: str, shared_data: Path, tmp_path: Path
) -> None:
    path, board = shared_data / "models" / f"mlperf__{model}.onnx", load_board(board_name)
    lowered = lower_model(path, board)
    found = predict_cycles(lowered.graph, board.core, lowered.source)
    counted = simulate_model(path, Target(board), directory=tmp_path).cycles
    pairs = list(zip(found.layers, counted.layers, strict=True))
    share = sum(layer.cycles for _, layer in pairs)
    known = sum(layer.cycles for guess, layer in pairs if guess.cycles is not None)
    assert known > 0.97 * share
    assert abs(found.total - known) < known / 8
