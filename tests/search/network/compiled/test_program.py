"""The compiled loops compute what torch computes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from sparse_mcu.search.network.compiled import CompiledNetwork
from sparse_mcu.search.network.compiled.steps import Products, Sums
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.space.architecture import Architecture, Layer
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task

TEXTS = (
    "dense",
    "pool2 dense-9 dense-5 dense",
    "conv-3x5/max sep-4x6/2 conv-2x7/valid avg dense",
    "pool3 down2-5x6 conv-1x4/max dense-8 dense",
    "conv-3x8 conv-3x8/add/max conv-3x5/cat avg dense",
    "conv-3x6|sep-5x4/max conv-4x5 dense",
    "conv-2x24/2 sep-3x20 conv-4x32/valid dense-90 dense",
)


def made(architecture: Architecture, seed: int) -> Network:
    torch.manual_seed(seed)
    network = Network(architecture)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight)  # negative factors too
            nn.init.normal_(module.bias)
    return network.train()


def batch(task: Task, images: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shown = torch.rand(images, *task.shape, generator=generator)
    return shown, torch.randint(task.classes, (images,), generator=generator)


def check(architecture: Architecture, *, images: int = 9, seed: int = 0) -> None:
    """Compares gradients and statistics with those of torch in double precision, after two batches."""
    ours, theirs = made(architecture, seed), made(architecture, seed).double()
    compiled = CompiledNetwork(ours, images)
    for number in range(2):
        shown, labels = batch(architecture.task, images, number)
        compiled.gradients(shown, labels)
        theirs.zero_grad()
        nn.functional.cross_entropy(theirs(shown.double()), labels).backward()
    pairs = [(mine.grad, right.grad) for mine, right in zip(ours.parameters(), theirs.parameters(), strict=True)]
    largest = max(float(right.abs().max()) for _, right in pairs if right is not None)
    for mine, right in pairs:
        assert mine is not None
        assert right is not None
        scale = float(right.abs().max()) + 0.1 * largest  # some gradients are zero but for rounding
        assert float((mine - right).abs().max()) < 1e-3 * scale
    for mine, right in zip(ours.buffers(), theirs.buffers(), strict=True):
        if mine.dtype == torch.float32:
            assert torch.allclose(mine, right.float(), atol=1e-5)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 9, 14)])
def test_gradients_and_statistics_are_those_of_torch(text: str, shape: tuple[int, int, int]) -> None:
    check(build_architecture(parse(text), Task(shape, 7)))


def test_wide_layers_are_computed_by_products_of_matrices_and_others_by_loops() -> None:
    network = Network(
        build_architecture(parse("conv-3x8 sep-3x64 conv-1x20 conv-1x8 dense-32 dense"), Task((1, 16, 16), 7))
    )
    steps = CompiledNetwork(network, 4)._steps
    kinds = [type(each) for each in steps if isinstance(each, Products | Sums)]
    assert kinds == [Sums, Sums, Products, Products, Sums, Products, Sums]


def test_random_networks_too(space: Space) -> None:
    rng = np.random.default_rng(3)
    for seed in range(12):
        check(build_architecture(space.sample(rng), space.task), images=int(rng.integers(2, 20)), seed=seed)


def test_a_step_of_the_optimiser_reaches_the_compiled_network() -> None:
    architecture = build_architecture(parse("conv-3x4 avg dense"), Task((1, 6, 6), 3))
    network = made(architecture, 0)
    compiled, optimiser = CompiledNetwork(network, 8), torch.optim.SGD(network.parameters(), lr=0.1)
    shown, labels = batch(architecture.task, 8, 0)
    losses = []
    for _ in range(20):
        compiled.gradients(shown, labels)
        optimiser.step()
        with torch.no_grad():
            losses.append(float(nn.functional.cross_entropy(network(shown), labels)))
    assert losses[-1] < losses[0] / 1.2


def test_equal_calls_give_equal_bits() -> None:
    architecture = build_architecture(parse(TEXTS[4]), Task((1, 12, 12), 7))

    def gradients() -> list[torch.Tensor]:
        network = made(architecture, 0)
        CompiledNetwork(network, 16).gradients(*batch(architecture.task, 16, 0))
        return [each.grad for each in network.parameters() if each.grad is not None]

    assert all(torch.equal(one, other) for one, other in zip(gradients(), gradients(), strict=True))


def test_an_unknown_layer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    strange = Layer(name="x", inputs=("image",), input_shape=(1, 2, 2))
    network = made(build_architecture(parse("dense"), Task((1, 2, 2), 4)), 0)
    monkeypatch.setattr(network, "architecture", Architecture(Task((1, 2, 2), 4), (strange, strange)))
    with pytest.raises(TypeError, match="Layer"):
        CompiledNetwork(network, 2)


def test_code_is_compiled_even_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from sparse_mcu.search.network.compiled import kernels  # noqa: PLC0415

    asked: list[bool] = []

    def njit(*, cache: bool = False, **_: object) -> Callable[[object], object]:
        asked.append(cache)
        if cache:
            raise RuntimeError("no locator available")
        return lambda function: function

    monkeypatch.setattr(kernels.numba, "njit", njit)
    assert kernels.compiled(len)([1, 2]) == 2
    assert asked == [True, False]
