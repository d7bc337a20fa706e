"""Names in the graph are names of the model."""

import numpy as np
from differential import assert_agrees, load_built, load_model
from qdq import QdqNetwork

from sparse_mcu.costmodel.graph import Reshape


def test_tensors_bear_the_names_of_the_int8_tensors_they_hold() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 3, 8, 8))
    y = network.conv(x, 4, (3, 3), relu=True)
    z = network.max_pool(y, (2, 2))
    graph = load_built(network, z)
    assert graph.inputs == (x.name,)
    assert set(graph.tensors) == {x.name, y.name, z.name}
    assert graph.outputs == (z.name,)


def test_float_ends_give_their_names_to_the_int8_tensors() -> None:
    network = QdqNetwork(np.random.default_rng(0), float_boundary=True)
    model = network.build(network.dense(network.input((1, 8)), 4))
    assert set(load_model(model).tensors) == {model.graph.input[0].name, model.graph.output[0].name}


def test_an_output_that_is_an_input_becomes_a_view() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 8))
    y = network.requantize(x, x.scale, x.zero_point)
    graph = assert_agrees(network, y, network.dense(x, 3))
    assert graph.inputs != graph.outputs
    view = next(operator for operator in graph.operators if operator.output == y.name)
    assert isinstance(view, Reshape)
    assert view.inputs == (x.name,)


def test_operators_of_one_name_are_told_apart() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.dense(network.dense(network.input((1, 8)), 4), 3)
    for node in network.nodes:
        node.name = "same"
    names = [operator.name for operator in load_built(network, x).operators]
    assert len(set(names)) == len(names) == 2
