"""Registers the lowering rules by ONNX operator type.

A rule is a function in a module of `sparse_mcu.costmodel.graph.lowering.rules`. Its decorator states what the sweeps
before the lowering need to know. To add an operator, add one file there and one test file.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.node import Node

RULES_FOLDER = "costmodel/graph/lowering/rules"

Lower = Callable[[Node, Builder], Value]


@dataclass(frozen=True, slots=True)
class Rule:
    """How one ONNX operator type is lowered.

    Attributes:
        lower: Adds operators to the builder, and returns what the node's first output stands for.
        keeps_scale: Whether the operator commutes with quantisation, because it only moves, selects or clips elements.
            A scale that is stated for its output then holds for its inputs.
        keeps_axes: Whether inputs and output have the same axes, and so prefer the same layout.
        channels_last: Whether the data input must be stored channels last.
    """

    lower: Lower
    keeps_scale: bool = False
    keeps_axes: bool = False
    channels_last: bool = False


_RULES: dict[str, Rule] = {}


def rule(
    *kinds: str, keeps_scale: bool = False, keeps_axes: bool = False, channels_last: bool = False
) -> Callable[[Lower], Lower]:
    """Registers the decorated function as the rule for the operator types `kinds`."""

    def register(lower: Lower) -> Lower:
        for kind in kinds:
            _RULES[kind] = Rule(lower, keeps_scale, keeps_axes, channels_last)
        return lower

    return register


@cache
def rules() -> Mapping[str, Rule]:
    """Returns every rule, by ONNX operator type."""
    package = importlib.import_module("sparse_mcu.costmodel.graph.lowering.rules")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return MappingProxyType(_RULES)
