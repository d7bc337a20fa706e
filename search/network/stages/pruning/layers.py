"""Finds the weights of a network by the names of its layers, and the zeros among them."""

from collections.abc import Mapping

import torch
from torch import nn

from sparse_mcu.search.network.module import Network

Weighted = nn.Conv2d | nn.Linear
Masks = Mapping[str, torch.Tensor]
"""The layers' weights to keep, by the name of the layer: a tensor of 0 and 1 in the shape of the weights."""


def weighted_layers(network: Network) -> dict[str, Weighted]:
    """Returns the convolution or the dense layer of each layer that has weights, by its name, in order."""
    found: dict[str, Weighted] = {}
    for layer, stage in zip(network.architecture.layers, network.stages, strict=True):
        module = next((each for each in stage.modules() if isinstance(each, Weighted)), None)
        if module is not None:
            found[layer.name] = module
    return found


def nonzero_masks(network: Network) -> Masks:
    """Returns the masks that keep every weight that is not zero."""
    layers = weighted_layers(network).items()
    return {name: (module.weight.detach() != 0).to(module.weight.dtype) for name, module in layers}


def apply_masks(network: Network, masks: Masks) -> None:
    """Sets the weights to zero that the masks do not keep."""
    with torch.no_grad():
        for name, module in weighted_layers(network).items():
            module.weight.mul_(masks[name])


def count_nonzero(network: Network) -> int:
    """Returns the number of weights that are not zero, without biases."""
    return sum(int(torch.count_nonzero(module.weight)) for module in weighted_layers(network).values())
