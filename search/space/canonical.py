"""Recovers a configuration from the layers of a network.

Several configurations may build the same layers. For example, a 1x1 convolution that reduces the channels and the
convolution after it are also one "downsampled" block, and a 1x1 kernel has no border. All of them give the same
configuration here, since it follows from the layers alone.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from sparse_mcu.search.space.architecture import Add, Architecture, AveragePool, Concat, Conv, Dense, Layer, MaxPool
from sparse_mcu.search.space.configuration import SQUEEZES, Block, BlockOperator, Branch, Configuration, Skip, Squeeze

_Chain = Sequence[Conv]


def recover(architecture: Architecture, *, least_channels: int, operators: Collection[BlockOperator]) -> Configuration:
    """Returns the configuration that has the layers of an architecture, apart from their names.

    Of several, it returns the one with the fewest blocks. It goes through the layers from the first one on, and makes
    one block of two convolutions if they allow it.

    Args:
        architecture: An architecture that `sparse_mcu.search.space.space.build_architecture` made.
        least_channels: The fewest output channels of a block. A narrower convolution is the first half of a block.
        operators: The operators that a block may have.
    """
    layers = list(architecture.layers)
    pooling = 1
    if isinstance(layers[0], AveragePool):
        pooling = layers.pop(0).window[0]  # type: ignore[attr-defined]  # mypy forgets which layer was asked
    maps = [layer for layer in layers if isinstance(layer, Conv | Add | Concat | MaxPool)]
    is_averaged = any(isinstance(layer, AveragePool) for layer in layers)
    return Configuration(
        input_pooling=pooling,
        blocks=tuple(_blocks(maps, least_channels, operators)),
        head="average" if is_averaged else "flatten",
        hidden=tuple(layer.units for layer in layers if isinstance(layer, Dense) and layer.hidden),
    )


def _blocks(layers: Sequence[Layer], least_channels: int, operators: Collection[BlockOperator]) -> Iterator[Block]:
    readers = Counter(name for layer in layers for name in layer.inputs)
    at = 0
    while at < len(layers):
        first = layers[at]
        if not isinstance(first, Conv):
            raise TypeError(f"{first.name} does not begin a block")
        source = first.inputs[0]
        if readers[source] > 1:
            chains = _chains(layers, at, source)
        else:
            chains = [_longest(layers, at, readers, least_channels, operators)]
        at += sum(map(len, chains))
        joins = _joins(layers, at)
        at += len(joins)
        yield _block(chains, joins, source, operators)


def _chains(layers: Sequence[Layer], at: int, source: str) -> list[list[Conv]]:
    """Returns the chains of convolutions that begin at `source`. They end where something joins them."""
    chains: list[list[Conv]] = []
    while at < len(layers) and isinstance(layer := layers[at], Conv):
        if layer.inputs == (source,):
            chains.append([])
        chains[-1].append(layer)
        at += 1
    return chains


def _longest(
    layers: Sequence[Layer],
    at: int,
    readers: Mapping[str, int],
    least_channels: int,
    operators: Collection[BlockOperator],
) -> list[Conv]:
    """Returns the convolution at `at`, together with the next one if both are one block.

    They are none if the first one has a stride and a pool follows the second one. A block has only one of both.
    """
    pair = [layer for layer in layers[at : at + 2] if isinstance(layer, Conv)]
    if len(pair) < 2 or readers[pair[0].name] > 1 or pair[1].channels < least_channels:  # noqa: PLR2004 - a pair
        return pair[:1]
    is_pooled = any(isinstance(layer, MaxPool) for layer in layers[at + 2 : at + 3])
    is_reduced_twice = is_pooled and any(layer.stride > 1 for layer in pair)
    return pair[:1] if is_reduced_twice or _operator(pair, operators)[0] == "conv" else pair


def _joins(layers: Sequence[Layer], at: int) -> list[Layer]:
    """Returns the layers of a block that follow its convolutions."""
    joins: list[Layer] = []
    for layer in layers[at : at + 3]:
        if isinstance(layer, Conv):
            break
        joins.append(layer)
    return joins


def _block(
    chains: Sequence[_Chain], joins: Sequence[Layer], source: str, operators: Collection[BlockOperator]
) -> Block:
    found = [_operator(chain, operators) for chain in chains]
    mains = [chain[-1 if operator == "downsampled" else 0] for chain, (operator, _) in zip(chains, found, strict=True)]
    is_pooled = any(isinstance(layer, MaxPool) for layer in joins)
    cores = [
        {"operator": operator, "squeeze": squeeze, "kernel": main.kernel, "channels": chain[-1].channels}
        for chain, main, (operator, squeeze) in zip(chains, mains, found, strict=True)
    ]
    steps = {
        "padded": any(main.padding != (0, 0) for main in mains) or all(main.kernel == 1 for main in mains),
        "reduction": "max" if is_pooled else "stride" if any(main.stride > 1 for main in mains) else "none",
        "branch": Branch.model_validate(cores[1]) if len(cores) > 1 else None,
        "skip": _skip(joins, source),
    }
    return Block.model_validate(cores[0] | steps)


def _skip(joins: Sequence[Layer], source: str) -> Skip:
    kinds = [type(layer) for layer in joins if source in layer.inputs]
    return "add" if Add in kinds else "concat" if Concat in kinds else "none"


def _operator(chain: _Chain, operators: Collection[BlockOperator]) -> tuple[BlockOperator, Squeeze | None]:
    """Returns the operator that one or two convolutions are, and its squeeze; "conv" if two of them are not one."""
    if len(chain) == 1:
        return "conv", None
    first, second = chain
    inputs = first.input_shape[0]
    if "separable" in operators and first.groups == first.channels == inputs and _is_pointwise(second):
        return "separable", None
    squeezes = [squeeze for squeeze in SQUEEZES if first.channels == -(-inputs // squeeze)]
    if "downsampled" in operators and squeezes and _is_pointwise(first) and second.groups == 1:
        return "downsampled", squeezes[0]
    return "conv", None


def _is_pointwise(layer: Conv) -> bool:
    return layer.kernel == layer.stride == layer.groups == 1
