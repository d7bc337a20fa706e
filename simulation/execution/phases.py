"""Whose an executed instruction is: by the phase in which it ran, and in a stream by the function that it lies in."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.firmware.source import FirmwareSource, Layer

SETUP_PHASES = 2  # start-up, and <prefix>_run before its first layer


def phase_marks(source: FirmwareSource, image: FirmwareImage) -> tuple[int, ...]:
    """Addresses at which the model's run, and each layer or stream that it calls, begins."""
    called = [layer.symbol for layer in source.layers if not layer.stream]
    return tuple(image.symbols[name].address for name in (f"{source.prefix}_run", *called))


def by_layer(profile: Profile, source: FirmwareSource, image: FirmwareImage) -> Profile:
    """A run's profile with a phase for each of `source.layers`, after those of the set-up.

    The layers of a stream take turns within one phase. What ran of a layer's own functions is the layer's; the rest,
    `memmove` and `memset` among it, is the stream's.

    Args:
        profile: Of a run with the marks of `phase_marks`.
        source: What was run.
        image: It, linked.
    """
    begin = 0  # of the current phase
    everything = np.ones(profile.executed.shape[1], bool)
    phases, masks = [*range(SETUP_PHASES)], [everything] * SETUP_PHASES
    for layer in source.layers:
        if layer.stream:
            masks.append(_own(layer, profile, image))
            masks[begin] = masks[begin] & ~masks[-1]
        else:
            begin = len(masks)
            masks.append(everything)
        phases.append(phases[begin - 1] + 1)
    chosen = np.array(masks)
    return replace(profile, executed=profile.executed[phases] * chosen, taken=profile.taken[phases] * chosen)


def _own(layer: Layer, profile: Profile, image: FirmwareImage) -> npt.NDArray[np.bool_]:
    """Which halfwords lie in a function of the layer: its own, those named after it, and the compiler's clones."""
    mask = np.zeros(profile.executed.shape[1], bool)
    for name, symbol in image.symbols.items():
        if symbol.is_function and name.startswith(layer.symbol):
            start = (symbol.address - profile.code_start) // 2
            mask[start : start + symbol.size_bytes // 2] = True
    return mask
