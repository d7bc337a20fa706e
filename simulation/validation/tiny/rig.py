"""Runs one inference of a published firmware image, and counts it.

The image boots as published, on stubbed peripherals. It then takes commands of the benchmark's serial protocol (EEMBC
EnergyRunner): each byte is handed over by its own interrupt handler. It reports the time when it begins to infer and
when it is done; in between we count. A run of two inferences minus a run of one is exactly one inference.
"""

import contextlib
import ctypes
import random
import struct
from dataclasses import dataclass

import numpy as np
from unicorn import arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import Uc, uclib

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.timing.memory_system import Hierarchy
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.engines.counting.counting import BlockCounter, Counting
from sparse_mcu.simulation.engines.hooks import add_native_hook, simulate_memories
from sparse_mcu.simulation.engines.unicorn import MODELS
from sparse_mcu.simulation.validation.tiny.peripherals import FAMILIES, Peripherals

_FLASH = 0x08000000
_RAMS = (  # address and size: all memories of the families, so that no image needs its own map
    *((0x20000000, 0x400000), (0x24000000, 0x200000), (0x28000000, 0x100000), (0x30000000, 0x100000)),
    *((0x38000000, 0x100000), (0x10000000, 0x100000), (0, 0x100000)),
)
_SYSTEM_MEMORY = 0x1FF00000, 0x100000  # holds what the factory wrote: all ones
_REGISTERS = (0x40000000, 0x20000000), (0xE0000000, 0x100000)
_PAGE = 0x1000
_LOOP_FOREVER = b"\xfe\xe7"
_READY, _LAP = b"m-ready\r\n", b"m-lap-us-"
_SLICE, _SLICES, _TICKS = 100_000, 3000, 20  # instructions between two ticks of the system timer; most of them
_HANDLER_LIMIT = 2_000_000
_SYSTICK, _FIRST_INTERRUPT = 15, 16  # places in the vector table
_INPUT_BYTES = {"ad": 2560, "ic": 3072, "kws": 490, "vww": 27648}
_PIECE_BYTES = 32  # of an input in one command
_NO_LIMIT = 2**62
_NOWHERE = 0xFFFFFFFE


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """What one inference executed.

    Attributes:
        profile: One phase.
        code: The bytes at `profile.code_start`.
    """

    profile: Profile
    code: bytes


def run_inference(image: bytes, family: str, core: str, benchmark: str, hierarchy: Hierarchy | None) -> Inference:
    """Boots an image and counts one inference of it.

    Args:
        image: The content of the flash.
        family: One of `FAMILIES`.
        core: The core, for example "cortex-m4".
        benchmark: "ad", "ic", "kws" or "vww": decides the size of the input. Its content is random: it hardly matters.
        hierarchy: The caches to simulate; None counts instructions only.

    Raises:
        EngineError: The image does not boot, or does not answer as the protocol demands.
    """
    rig = _Rig(image, family, core, hierarchy)
    rig.boot()
    rig.command("name")
    data = random.Random(1).randbytes(_INPUT_BYTES[benchmark])  # noqa: S311 - any input will do
    if benchmark == "ad":
        data = struct.pack("<640f", *(byte / 10 - 12 for byte in data[:640]))
    rig.command(f"db load {len(data)}")
    for at in range(0, len(data), _PIECE_BYTES):
        rig.command(f"db {data[at : at + _PIECE_BYTES].hex()}")
    return rig.one_inference()


class _Window:
    """Sees in what the firmware sends when inferring begins and ends, and takes the counts in between."""

    def __init__(self, rig: "_Rig") -> None:
        self._rig = rig
        self.text = bytearray()
        self.counts: list[tuple[np.ndarray, ...]] = []
        self.is_open = False

    def sent(self, byte: int) -> None:
        if self.is_open and len(self.counts) == 1:  # the first byte after the inference: of the second time
            self.counts.append(self._rig.counts())
            self.is_open = False
            self._rig.stop()
        self.text.append(byte)
        if byte == ord("\n"):
            line = bytes(self.text[self.text.rfind(b"\n", 0, -1) + 1 :])
            if line.startswith(_LAP) and not self.counts:
                self.counts.append(self._rig.counts())
                self.is_open = True
            if line == _READY and not self._rig.is_ready:
                self._rig.is_ready = True
                self._rig.stop()


class _Rig:
    """A chip with an image in its flash."""

    def __init__(self, image: bytes, family: str, core: str, hierarchy: Hierarchy | None) -> None:
        self.uc = machine = Uc(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB)
        machine.ctl_set_cpu_model(MODELS[core])
        self.is_ready = False
        self._trap = _FLASH + len(image) + 16 & ~3
        self._code = image.ljust(self._trap - _FLASH + 2, b"\xff")[: self._trap - _FLASH] + _LOOP_FOREVER
        self._window = _Window(self)
        self._handler: int | None = None
        self._map()
        stack, self._pc = struct.unpack_from("<II", image)
        machine.reg_write(arm_const.UC_ARM_REG_SP, stack)
        self.peripherals = Peripherals(FAMILIES[family], _FLASH, self._where, self._window.sent)
        for base, size in _REGISTERS:
            machine.mmio_map(
                base,
                size,
                lambda _uc, offset, width, start: self.peripherals.read(start + offset) & (1 << 8 * width) - 1,
                base,
                lambda _uc, offset, _width, value, start: self.peripherals.write(start + offset, value),
                base,
            )
        self._count(hierarchy)

    def _map(self) -> None:
        pages = -(-len(self._code) // _PAGE) * _PAGE
        self.uc.mem_map(_FLASH, pages)
        self.uc.mem_write(_FLASH, self._code)
        for address, size in _RAMS:
            self.uc.mem_map(address, size)
        self.uc.mem_write(0, self._code[:_PAGE])
        self.uc.mem_map(*_SYSTEM_MEMORY)
        self.uc.mem_write(_SYSTEM_MEMORY[0], b"\xff" * _SYSTEM_MEMORY[1])

    def _count(self, hierarchy: Hierarchy | None) -> None:
        stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value or 0
        task = Counting(_FLASH, self._code, self._pc & ~1, (), None, _NO_LIMIT)
        self._counter = BlockCounter(task, stop)
        add_native_hook(self.uc, unicorn_const.UC_HOOK_BLOCK, self._counter.callback, self._counter.state_address)
        self._memories = simulate_memories(self.uc, self._counter, hierarchy, (_FLASH, self._code), 1)

    def counts(self) -> tuple[np.ndarray, ...]:
        """Returns a copy of all counts so far."""
        counts = self._counter.counts
        events = np.zeros(0, np.int64) if self._memories is None else self._memories.events.astype(np.int64)
        return counts.differences.copy(), counts.exits.copy(), events

    def stop(self) -> None:
        """Stops the emulation before its next block."""
        self.uc.emu_stop()

    def boot(self) -> None:
        """Runs from reset until the firmware says that it is ready."""
        pc, was_ready = self._pc, False
        for _ in range(_SLICES):
            self.uc.emu_start(pc | 1, _NOWHERE, count=_SLICE)
            pc = self._where()
            if was_ready:
                self._pc = pc
                return
            was_ready = self.is_ready  # one more slice takes it to where it waits for commands
            if self.peripherals.ticks:
                for _ in range(_TICKS):
                    self._call(_SYSTICK, _HANDLER_LIMIT)
        raise EngineError("the image does not get ready", where=f"{pc:#x}", fix="Report it with the image.")

    def command(self, text: str) -> None:
        """Hands over a command of the protocol, and runs it.

        Raises:
            EngineError: No interrupt handler takes the bytes.
        """
        self.peripherals.received.extend(f"{text}%".encode())
        received = self.peripherals.received
        while received:
            left = len(received)
            for number in sorted(self.peripherals.interrupts) if self._handler is None else (self._handler,):
                self._call(_FIRST_INTERRUPT + number, 0)
                if len(received) < left:
                    self._handler = number
                    break
            else:
                raise EngineError(f"nobody takes {text!r}", where=f"{self._pc:#x}", fix="Report it with the image.")

    def one_inference(self) -> Inference:
        """Returns the difference of two inferences and one, from the same state."""
        memories = [(address, bytes(self.uc.mem_read(address, size))) for address, size in _RAMS]
        context, registers = self.uc.context_save(), dict(self.peripherals.registers)
        spans = []
        for number in (1, 2):
            self._window.counts.clear()
            self._window.text.clear()
            if self._memories is not None:
                self._memories.reset()
            self.command(f"infer {number} 0")
            before, after = self._window.counts
            spans.append([late - early for early, late in zip(before, after, strict=True)])
            for address, content in memories:
                self.uc.mem_write(address, content)
            self.uc.context_restore(context)
            self.peripherals.registers = dict(registers)
            self.uc.ctl_flush_tb()
        differences, exits, events = (two - one for one, two in zip(*spans, strict=True))
        counts = self._counter.counts
        counts.differences[:], counts.exits[:] = differences, exits
        profile = counts.profile()
        return Inference(
            profile if self._memories is None else profile.with_events(events.astype(np.uint64)), self._code
        )

    def _call(self, vector: int, limit: int) -> None:
        """Runs an interrupt handler to its end, and goes back to where the firmware was."""
        context, stack = self.uc.context_save(), self.uc.reg_read(arm_const.UC_ARM_REG_SP)
        entry = int.from_bytes(self.uc.mem_read(self.peripherals.vectors + 4 * vector, 4), "little")
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, stack - 256 & ~7)
        self.uc.reg_write(arm_const.UC_ARM_REG_LR, self._trap | 1)
        with contextlib.suppress(OverflowError):
            self.uc.emu_start(entry | 1, self._trap, count=limit)
        self.uc.context_restore(context)

    def _where(self) -> int:
        return int(self.uc.reg_read(arm_const.UC_ARM_REG_PC))
