"""Adds the noise of weights that are normal distributions to the outputs of their layers."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from sparse_mcu.search.network.stages.pruning.divergence import log_alpha
from sparse_mcu.search.network.stages.pruning.layers import Weighted

FIRST_LOG_VARIANCE = -10.0
_LEAST_VARIANCE = 1e-8


class Noisy(Protocol):
    """Noise in one layer."""

    def attach(self) -> RemovableHandle:
        """Adds the noise to each call of the layer until the handle is removed."""
        ...


@contextmanager
def noise(sources: Sequence[Noisy]) -> Iterator[None]:
    """Adds noise to layers in a `with` block."""
    with ExitStack() as stack:
        for source in sources:
            stack.callback(source.attach().remove)
        yield


class NoisyWeights:
    """The variances of one layer's weights.

    Args:
        module: The layer. Its weights are the means of the distributions.

    Attributes:
        module: The layer.
        log_variance: The logarithms of the variances, in the shape of the weights.
    """

    def __init__(self, module: Weighted) -> None:
        self.module = module
        self.log_variance = nn.Parameter(torch.full_like(module.weight, FIRST_LOG_VARIANCE))

    def log_alpha(self) -> torch.Tensor:
        """Returns log(variance / mean**2) of each weight.

        The variance is the parameter, and not this. So gradients have little variance of their own (Molchanov, Ashukha
        and Vetrov, ICML 2017, section 4.2).
        """
        return log_alpha(self.module.weight, self.log_variance)

    def attach(self) -> RemovableHandle:
        """Adds the noise of the weights to the layer's output until the handle is removed."""
        return self.module.register_forward_hook(self._add)

    def _add(self, _module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        """Returns the output plus a draw of its noise.

        A sum of normal values is normal. So the noise is drawn for each output and not for each weight; its variance
        is the sum of the weights' variances times the squares of the inputs (the local reparameterisation trick:
        Kingma, Salimans and Welling, Variational Dropout, NeurIPS 2015).
        """
        squares, variances, module = inputs[0].square(), self.log_variance.exp(), self.module
        if isinstance(module, nn.Conv2d):
            spread = nn.functional.conv2d(squares, variances, stride=module.stride, groups=module.groups)
        else:
            spread = nn.functional.linear(squares, variances)
        # torch fills a vector with random numbers far faster than a map whose channels come last in memory.
        drawn = torch.randn(output.numel(), device=output.device).as_strided(output.shape, output.stride())
        return output + (spread + _LEAST_VARIANCE).sqrt() * drawn
