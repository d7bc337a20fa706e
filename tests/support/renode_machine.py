"""Emulates the machine of the stand-in by Unicorn. It behaves like Renode as far as our driver can see."""

import re
from collections.abc import Callable
from pathlib import Path

import unicorn
from renode_counting import Counting
from unicorn import arm_const, unicorn_const

_MODELS = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M3,  # Renode's executes more than the real one
    "cortex-m0+": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}
_PAGE = 4096
_WIDTHS = {1: "Byte", 2: "Word", 4: "DoubleWord"}
_WRITES = {unicorn_const.UC_MEM_WRITE_UNMAPPED, unicorn_const.UC_MEM_WRITE_PROT}
_FETCHES = {unicorn_const.UC_MEM_FETCH_UNMAPPED, unicorn_const.UC_MEM_FETCH_PROT}
_STATE = [*(f"R{number}" for number in range(13)), "SP", "LR", "PC", "PRIMASK", "FAULTMASK", "BASEPRI", "CONTROL"]
_WFI, _WFE = b"\x30\xbf", b"\x20\xbf"
_NOWHERE = 0xFFFFFFF0
_INSTRUCTIONS_PER_SECOND = 100_000_000
TICKS_1_15, TICKS_1_16 = 10**6, 10**9
"""The ticks in a second of Renode's intervals, in its versions 1.15 and 1.16."""


def interval_instructions(seconds: str, ticks: int) -> int:
    """Returns the instructions in an interval. Renode cuts off the fraction after a product of floats."""
    whole, _, fraction = seconds.partition(".")
    return (int(whole) * ticks + int(float(f"0.{fraction}") * ticks)) * _INSTRUCTIONS_PER_SECOND // ticks


class Machine:
    """Emulates a core with the memories of a platform description.

    Args:
        description: The .repl.
        log: Takes log lines.
        broken: What a reset does wrongly: see `keeps` in renode_standin.py.
    """

    def __init__(self, description: str, log: Callable[[str], None], broken: str = "") -> None:
        cpu_type = re.search(r'cpuType: "([^"]+)"', description)
        assert cpu_type is not None
        self._uc = unicorn.Uc(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB)
        self._uc.ctl_set_cpu_model(_MODELS[cpu_type[1]])
        memories = re.findall(r"Memory\.MappedMemory @ sysbus (\w+)\s+size: (\w+)", description)
        self._memories = [(int(origin, 0), int(size, 0)) for origin, size in memories]
        for origin, size in self._memories:
            self._uc.mem_map(origin, -(-size // _PAGE) * _PAGE)
        self._uc.mem_map(0xE0000000, 0x10000)
        self._log = log
        self._broken, self._was_reset = broken, False
        self._new = self._uc.context_save()
        self._hooks: set[int] = set()
        self._vectors = 0
        self._counting: Counting | None = None  # what the hook in the core feeds
        self._table: Counting | None = None  # what is dumped
        self._started = self._stopping = False
        self.halted = self.aborted = False
        self.executed = 0
        self._block: tuple[int, int] | None = None
        self._uc.hook_add(unicorn_const.UC_HOOK_BLOCK, self._on_block)
        self._uc.hook_add(unicorn_const.UC_HOOK_MEM_INVALID, self._on_access)
        self._uc.hook_add(unicorn_const.UC_HOOK_INTR, self._on_exception)
        self._uc.hook_add(unicorn_const.UC_HOOK_MEM_READ | unicorn_const.UC_HOOK_MEM_WRITE, self._on_slack)

    def register(self, name: str) -> int:
        """Returns the value of a register."""
        return int(self._uc.reg_read(getattr(arm_const, f"UC_ARM_REG_{name}")))

    @property
    def pc(self) -> int:
        """Returns the program counter."""
        return int(self._uc.reg_read(arm_const.UC_ARM_REG_PC))

    def reset(self) -> None:
        """Clear core and instruction count; memory, hooks, counter and halt stay."""
        self._was_reset = True
        if self._broken != "registers":
            self._uc.context_restore(self._new)
        if self._broken != "count":
            self.executed = 0
        if self._broken == "hooks":
            self._hooks, self._first_hook = set(), _NOWHERE
        self._started = self._stopping = self.aborted = False
        self._block = None

    def release(self) -> None:
        """Let a halted core go on."""
        self.halted = self._was_reset and self._broken == "halt"

    def registers(self) -> list[tuple[str, int]]:
        """Names and values of the core's registers."""
        return [(name, self.register(name)) for name in _STATE]

    def load(self, path: Path, address: int) -> None:
        """Fill memory."""
        if not (self._was_reset and self._broken == "memory"):
            self._uc.mem_write(address, path.read_bytes())

    def read(self, address: int, size: int) -> bytes:
        """Returns bytes of memory."""
        return bytes(self._uc.mem_read(address, size))

    def set_vectors(self, address: int) -> None:
        """Sets the address of the vector table."""
        self._vectors = address

    def add_hook(self, address: int) -> None:
        """Makes the core halt at an address."""
        self._hooks.add(address)
        if len(self._hooks) == 1:
            self._first_hook = address

    def count(self, task: Path) -> None:
        """Count blocks from now on."""
        self._table = Counting(task.read_bytes())
        if not (self._was_reset and self._broken == "blocks"):
            self._counting = self._table

    def table(self) -> bytes:
        """What was counted."""
        assert self._table is not None
        return self._table.table()

    def run(self, instructions: int) -> None:
        """Runs about so many instructions, unless the core halts, sleeps or aborts."""
        if not self._started:
            self._started = True
            words = self.read(self._vectors, 8)
            if self._was_reset and self._broken == "result":
                self._uc.mem_write(self._memories[1][0] + 1000, b"stray")
            self._uc.reg_write(arm_const.UC_ARM_REG_SP, int.from_bytes(words[:4], "little"))
            self._uc.reg_write(arm_const.UC_ARM_REG_PC, int.from_bytes(words[4:], "little"))
        self._limit = self.executed + instructions
        while not (self.halted or self.aborted or self._asleep() or self.executed >= self._limit):
            self._stopping = False
            try:
                self._uc.emu_start(self.pc | 1, self._first_hook)
                self.halted = self.halted or self.pc == self._first_hook
            except unicorn.UcError:
                if not self._stopping and self.read(self.pc - 2, 2) != _WFE:
                    self._fault()
            self._finish()

    def _asleep(self) -> bool:
        try:
            return self.read(self.pc - 2, 2) in {_WFI, _WFE} and self._block is None
        except unicorn.UcError:
            return False

    def _on_block(self, _: unicorn.Uc, address: int, size: int, _data: object) -> None:
        self._finish_block()
        if address in self._hooks or self.executed >= self._limit:
            self.halted = address in self._hooks
            self._stop()
            self._uc.reg_write(arm_const.UC_ARM_REG_PC, address | 1)
            if self.halted and self._counting is not None:
                self._counting.enter(address, 0)
            return
        if address < self._first_hook < address + size:
            size = self._first_hook - address  # Renode ends a block at a hook
        self._block = address, size
        if self._counting is not None and not self._counting.enter(address, len(self._instructions(address, size))):
            self.halted = True
            self._block = None
            self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._uc.emu_stop()

    def _finish_block(self) -> None:
        """Counts the instructions of the last block, which ran to its end."""
        if self._block is not None:
            self.executed += len(self._instructions(*self._block))
            self._block = None

    def _finish(self) -> None:
        """Counts the instructions of the last block up to the program counter, since the emulation stopped there."""
        if self._block is not None:
            begin, size = self._block
            pc = self.pc
            self.executed += len(self._instructions(begin, pc - begin if begin <= pc < begin + size else size))
            self._block = None

    def _instructions(self, address: int, size: int) -> list[int]:
        code, starts = self.read(address, size), []
        offset = 0
        while offset < size:
            starts.append(address + offset)
            offset += 4 if code[offset + 1] >= 0xE8 else 2
        return starts

    def _on_access(self, _: unicorn.Uc, kind: int, address: int, size: int, value: int, _data: object) -> bool:
        if kind in _FETCHES:
            self._log(f"[WARNING] sysbus: [cpu: 0x{address:X}] ReadByte from non existing peripheral at 0x{address:X}.")
            reason = f"Trying to execute code outside RAM or ROM at 0x{address:X}"
            self._log(f"[ERROR] cpu: CPU abort [PC=0x{address:X}]: {reason}.")
            self.aborted = True
            self._stop()
            return False
        self._warn(kind in _WRITES, address, size, value)
        self.halted = True
        self._stop()
        return False

    def _on_slack(self, _: unicorn.Uc, kind: int, address: int, size: int, value: int, _data: object) -> None:
        """Warns of accesses behind a memory but in its last page, since Unicorn's pages are larger than Renode's."""
        inside = any(origin <= address < origin + length for origin, length in self._memories)
        if not inside and address < 0xE0000000:
            self._warn(kind == unicorn_const.UC_MEM_WRITE, address, size, value)

    def _warn(self, write: bool, address: int, size: int, value: int) -> None:
        what = f"Write{_WIDTHS[size]} to" if write else f"Read{_WIDTHS[size]} from"
        end = f", value 0x{value & 0xFFFFFFFF:X}." if write else "."
        self._log(f"[WARNING] sysbus: [cpu: 0x{self.pc:X}] {what} non existing peripheral at 0x{address:X}{end}")

    def _on_exception(self, _: unicorn.Uc, _number: int, _data: object) -> None:
        self._stop()
        self._fault()

    def _fault(self) -> None:
        """Pushes a frame and jumps to HardFault's vector."""
        self._finish()
        frame = self.register("SP") - 32
        self._uc.mem_write(frame + 24, self.pc.to_bytes(4, "little"))
        self._uc.reg_write(arm_const.UC_ARM_REG_SP, frame)
        self._uc.reg_write(arm_const.UC_ARM_REG_LR, 0xFFFFFFF9)
        handler = int.from_bytes(self.read(self._vectors + 12, 4), "little")
        self._uc.reg_write(arm_const.UC_ARM_REG_PC, handler)
        self.halted = handler & ~1 in self._hooks
