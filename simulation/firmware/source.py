"""Defines generated firmware before it is compiled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions

STREAM = "stream"
"""Stands in place of a kernel's name for the code of a stream itself: everything but its layers."""

ConstantKind = Literal["weights", "constants"]


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """Describes an array in flash.

    Attributes:
        symbol: C identifier.
        values: int8, uint8, int16, uint16, int32 or uint32 array; its dtype is the C type.
        kind: "weights" for layer weights (section .weights), "constants" for biases, multipliers and tables.
    """

    symbol: str
    values: npt.NDArray[np.generic]
    kind: ConstantKind

    @property
    def size_bytes(self) -> int:
        """Bytes in flash, without alignment padding."""
        return int(self.values.nbytes)


@dataclass(frozen=True, slots=True)
class Layer:
    """Describes one function of the firmware: it computes one operator, or runs a stream.

    Attributes:
        operator: Name of the operator in the graph, or of the stream.
        kernel: Name of the chosen kernel, or `STREAM`.
        symbol: The C function. Helper functions have names that begin with it.
        stream: Symbol of the stream that calls it. It is empty if the model calls it: then its entry starts a phase of
            the profile.
    """

    operator: str
    kernel: str
    symbol: str
    stream: str = ""

    @property
    def label(self) -> str:
        """The name in reports: the operator's name, or a stream's symbol.

        A stream is named after its last operator, so its name alone would stand for two things.
        """
        return self.symbol if self.kernel == STREAM else self.operator


@dataclass(frozen=True, slots=True, eq=False)
class FirmwareSource:
    """Holds the sources that the compiler sees, and what is known before it runs.

    Attributes:
        files: File name -> text: <prefix>.c, <prefix>.h, main.c, startup.c, firmware.ld ...
        layers: In execution order.
        constants: Every array in flash.
        plan: The memory plan that the code follows.
        weights_bytes: Size of section .weights, alignment included.
        constants_bytes: Size of section .constants, alignment included.
        vectors_bytes: Size of section .vectors.
        static_bytes: Size of .data + .bss.
        options: The options that it was generated with.
    """

    files: Mapping[str, str]
    layers: tuple[Layer, ...]
    constants: tuple[Constant, ...]
    plan: MemoryPlan
    weights_bytes: int
    constants_bytes: int
    vectors_bytes: int
    static_bytes: int
    options: BuildOptions = DEFAULTS

    @property
    def prefix(self) -> str:
        """The beginning of the names of the network's files and functions."""
        return self.options.prefix

    @property
    def kernels(self) -> Mapping[str, str]:
        """The kernel of each operator that has one."""
        return {layer.operator: layer.kernel for layer in self.layers if layer.kernel != STREAM}

    @property
    def whole_kernels(self) -> Mapping[str, str]:
        """The kernel of each operator that is computed in one call. Operators of streams are left out."""
        return {layer.operator: layer.kernel for layer in self.layers if layer.kernel != STREAM and not layer.stream}
