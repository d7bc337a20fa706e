"""The lowering rules by ONNX operator type.

A rule is a function in a module of `sparse_mcu.costmodel.graph.lowering.rules`; its decorator states what the
sweeps before lowering need to know. Adding an operator is one file there and one test file.
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
    """How one ONNX operator type becomes ours.

    Attributes:
        lower: Adds operators to the builder; returns what the node's first output stands for.
        keeps_scale: The scale asked of the output suits the inputs: the operator moves, selects or
            clips elements, so it commutes with quantisation.
        keeps_axes: Inputs and output have the same axes, so they like the same layout.
        channels_last: The data input must be stored channels last.
    """

    lower: Lower
    keeps_scale: bool = False
    keeps_axes: bool = False
    channels_last: bool = False


_RULES: dict[str, Rule] = {}


def rule(
    *kinds: str, keeps_scale: bool = False, keeps_axes: bool = False, channels_last: bool = False
) -> Callable[[Lower], Lower]:
    """Register the decorated function as the rule for the operator types `kinds`."""

    def register(lower: Lower) -> Lower:
        for kind in kinds:
            _RULES[kind] = Rule(lower, keeps_scale, keeps_axes, channels_last)
        return lower

    return register


@cache
def rules() -> Mapping[str, Rule]:
    """Every rule, by ONNX operator type."""
    package = importlib.import_module("sparse_mcu.costmodel.graph.lowering.rules")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return MappingProxyType(_RULES)
