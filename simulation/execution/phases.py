"""Assigns every executed instruction to a layer.

Outside streams, the phase in which it ran decides. Inside a stream, several layers share one phase, so the function
that contains the instruction decides.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.firmware.source import FirmwareSource, Layer

SETUP_PHASES = 2  # the start-up, and the part of <prefix>_run before its first layer


def phase_marks(source: FirmwareSource, image: FirmwareImage) -> tuple[int, ...]:
    """Returns the addresses at which phases begin: the model's run, and each layer or stream that it calls."""
    called = [layer.symbol for layer in source.layers if not layer.stream]
    return tuple(image.symbols[name].address for name in (f"{source.prefix}_run", *called))


def by_layer(profile: Profile, source: FirmwareSource, image: FirmwareImage) -> Profile:
    """Returns a run's profile with one phase for each of `source.layers`, after the phases of the set-up.

    The layers of a stream take turns within one phase. What ran of a layer's own functions counts for the layer. The
    rest counts for the stream, `memmove` and `memset` included.

    Args:
        profile: The profile of a run with the marks of `phase_marks`.
        source: The firmware that ran.
        image: The linked firmware.
    """
    begin = 0  # where `masks` has the phase of the current layer or stream
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
    events = None if profile.events is None else profile.events[:, phases] * chosen
    return replace(
        profile, executed=profile.executed[phases] * chosen, taken=profile.taken[phases] * chosen, events=events
    )


def _own(layer: Layer, profile: Profile, image: FirmwareImage) -> npt.NDArray[np.bool_]:
    """Tells which halfwords lie in functions of the layer: its own, those named after it, and the compiler's clones."""
    mask = np.zeros(profile.executed.shape[1], bool)
    for name, symbol in image.symbols.items():
        if symbol.is_function and name.startswith(layer.symbol):
            start = (symbol.address - profile.code_start) // 2
            mask[start : start + symbol.size_bytes // 2] = True
    return mask
