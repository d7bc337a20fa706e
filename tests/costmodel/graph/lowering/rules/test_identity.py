"""Identity and Dropout."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import UnsupportedOperatorError


@pytest.mark.parametrize(("kind", "direct"), [("Identity", False), ("Identity", True), ("Dropout", False)])
def test_what_does_nothing_costs_nothing(kind: str, direct: bool) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.dense(network.input((1, 20)), 8)
    x = network.structural(kind, [x], x.shape, direct=direct)
    assert kinds(assert_agrees(network, network.dense(x, 5))) == ["Dense", "Dense"]


def test_dropout_in_training_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    training = network.constant(np.array(True))  # noqa: FBT003 - the value of a tensor
    x = network.structural("Dropout", [network.input((1, 20))], (1, 20), extra=["", training])
    with pytest.raises(UnsupportedOperatorError, match="dropout in training mode"):
        load_built(network, x)
