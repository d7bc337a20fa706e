"""Networks shaped as SpArSe's released ones, from ONNX to the emulated core.

28x28, conv 5x5x9, ReLU, max-pool 2, keep 119 of 1296, dense 10; and 28x28 to 9x9, conv 5x5x22, ReLU, keep 122 of 550,
dense 10 (Fedorov et al., arXiv 1905.12107; mbartling/ubit_uTensor_demo). Weights are random, nine in ten of them zero.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from qdq import QdqNetwork

from sparse_mcu.costmodel.cli import main

KERNELS = {
    "A": ["sparse_conv2d", "max_pool2d", "gather", "sparse_dense"],
    "B": ["slice", "sparse_conv2d", "gather", "sparse_dense"],
}


def write(name: str, folder: Path) -> Path:
    """The network of that name as ONNX."""
    network = QdqNetwork(np.random.default_rng(7), density=0.1)
    x = network.input((1, 1, 28, 28))
    if name == "B":
        x = network.slice(x, [1, 1], [28, 28], [2, 3], [3, 3])
    x = network.conv(x, 9 if name == "A" else 22, (5, 5), relu=True)
    x = network.flatten(network.max_pool(x, (2, 2)) if name == "A" else x)
    kept = network.rng.permutation(x.shape[1])[: 119 if name == "A" else 122]
    return network.save(folder / f"{name}.onnx", network.dense(network.gather(x, kept, 1), 10))


@pytest.mark.parametrize("board", ["microbit", "nucleo-l4r5zi"])
@pytest.mark.parametrize("name", ["A", "B"])
def test_a_sparse_network_runs_as_the_reference_says(name: str, board: str, tmp_path: Path) -> None:
    model = write(name, tmp_path)
    options = ["--board", board, "--toolchain", "zig", "--json", "-"]
    result = CliRunner().invoke(main, ["simulate", str(model), *options])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["outputs_match_reference"] is True
    assert [layer["kernel"].removesuffix("_lanes") for layer in record["cycles"]["layers"]] == KERNELS[name]
    # Every weight that is not zero, an index for each, one for each input kept; but no dense matrix.
    weights = 225 + 1190 if name == "A" else 550 + 1220
    assert 2 * 0.08 * weights < record["flash"]["weights_bytes"] < 0.4 * weights
