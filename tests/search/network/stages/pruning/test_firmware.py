"""Zeros of pruned weights save flash, since the firmware's sparse kernels store none."""

from pathlib import Path

import numpy as np
import torch

from sparse_mcu import simulate
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import write_onnx
from sparse_mcu.search.network.stages.pruning.layers import Masks, apply_masks, count_nonzero, weighted_layers
from sparse_mcu.search.network.stages.quantization import quantize
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import build_architecture


def twentieth(network: Network) -> Masks:
    """Masks that keep a twentieth of the weights, at random places."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: (torch.rand(module.weight.shape, generator=generator) < 0.05).float()
        for name, module in weighted_layers(network).items()
    }


def test_a_twentieth_of_the_weights_takes_less_flash_bit_for_bit(data: Dataset, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Network(build_architecture(parse("conv-3x16/max conv-3x16 dense-24 dense"), data.task)).eval()
    reports = []
    for name in ("whole", "pruned"):
        write_onnx(quantize(network, data.train.images[:64]), tmp_path / f"{name}.onnx", name=name)
        reports.append(simulate(tmp_path / f"{name}.onnx", "microbit"))
        apply_masks(network, twentieth(network))
    whole, pruned = reports
    assert pruned.outputs_match_reference
    assert np.isclose(count_nonzero(network), 0.05 * network.architecture.weights, rtol=0.2)
    # A weight with its index takes two bytes at most, and wide gaps and odd runs add entries.
    assert 0.05 * whole.flash.weights_bytes < pruned.flash.weights_bytes < 0.2 * whole.flash.weights_bytes
    assert pruned.flash.total_bytes < whole.flash.total_bytes - 0.7 * whole.flash.weights_bytes
    assert pruned.cycles.total < 0.7 * whole.cycles.total
