"""Stubs the peripherals of an STM32, as far as firmware must see them to get through its start-up.

Ready bits follow enable bits, the status of the clock switch follows its setting, timers count up, and the serial port
is always ready. Everything else is plain memory. If firmware reads such a register over and over at the same place, it
waits for some bit: then the answer changes from read to read.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

_SERIAL_SIZE = 0x400
_STATUS, _RECEIVED, _SENT = 0x1C, 0x24, 0x28  # of a serial port
_ALWAYS_READY = 1 << 7 | 1 << 6 | 1 << 21 | 1 << 22  # transmitter empty and done, both directions acknowledged
_NOT_EMPTY = 1 << 5
_CYCLE_COUNTER, _VECTOR_TABLE = 0xE0001004, 0xE000ED08
_IDENTITY = {0xE000ED00: 0x410FC241, 0xE000ED04: 0}  # the core's number, and no pending interrupt
_SYSTEM = 0xE0000000
_ENABLE_INTERRUPTS, _SYSTICK_CONTROL = range(0xE000E100, 0xE000E140), 0xE000E010
_TIMERS = frozenset({0x40000024, 0x50000024, 0x40000C24})  # counters of timers 2 and 5
_PATIENCE = 3  # reads of the same value before the answer changes
_WORD = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Family:
    """Where a family of chips has the registers that firmware waits for.

    Attributes:
        clocks: Address of the register that enables oscillators.
        reset: Its value after reset.
        oscillators: Bits that enable one, each with the bit that says that it is ready.
        always: Bits of that register that are always set.
        switch: Address of the register that chooses the clock.
        switch_bits: Its choice, as a mask of the lowest bits; the status stands right above.
        fixed: Other registers with the bits that firmware waits for.
        copies: Registers that repeat bits of others: address -> (address of the other, mask).
        serial_ports: Base addresses of the serial ports.
    """

    clocks: int
    reset: int
    oscillators: tuple[tuple[int, int], ...]
    switch: int
    switch_bits: int
    serial_ports: tuple[int, ...]
    always: int = 0
    fixed: dict[int, int] = field(default_factory=dict)
    copies: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)


_PLLS = ((16, 17), (24, 25), (26, 27), (28, 29))
_APB_PORTS = (0x40013800, 0x40004400, 0x40004800, 0x40004C00, 0x40005000)
FAMILIES = {
    "stm32g0": Family(0x40021000, 0x500, (*_PLLS, (8, 10)), 0x40021008, 7, _APB_PORTS),
    "stm32l4": Family(
        *(0x40021000, 0x63, (*_PLLS, (0, 1), (8, 10)), 0x40021008, 3, (*_APB_PORTS, 0x40008000)),
        fixed={0x48001810: 0xFFFF},  # the external power supply of the board is good
    ),
    "stm32f7": Family(0x40023800, 0x83, (*_PLLS, (0, 1)), 0x40023808, 3, (0x40011000, *_APB_PORTS)),
    "stm32h7": Family(
        *(0x58024400, 0x25, (*_PLLS, (0, 2), (7, 8), (12, 13)), 0x58024410, 7, _APB_PORTS),
        always=0xC000,
    ),
    "stm32u5": Family(
        *(0x46020C00, 0x35, (*_PLLS, (0, 2), (4, 5), (8, 10), (12, 13)), 0x46020C1C, 3, (*_APB_PORTS, 0x46002400)),
        copies={0x4602083C: ((0x4602080C, 0x30000), (0x46020808, 2))},
        fixed={0x4602083C: 0x8000},
    ),
}
"""The families by name. Addresses: the CMSIS device headers of ST."""


class Peripherals:
    """Answers reads and writes of peripheral registers, and of the system control space.

    Args:
        family: The family of the chip.
        vectors: Where the vector table lies after reset.
        where: Returns the program counter.
        sent: Is called with each byte that the firmware sends.
    """

    def __init__(self, family: Family, vectors: int, where: Callable[[], int], sent: Callable[[int], None]) -> None:
        self.received: deque[int] = deque()
        self.interrupts: set[int] = set()
        self.registers: dict[int, int] = {_VECTOR_TABLE: vectors, family.clocks: family.reset}
        self._family = family
        self._where = where
        self._sent = sent
        self._time = 0
        self._polled = (-1, -1)
        self._repeats = 0

    @property
    def vectors(self) -> int:
        """Where the vector table lies."""
        return self.registers[_VECTOR_TABLE]

    @property
    def ticks(self) -> bool:
        """Whether the system timer and its interrupt are on."""
        return self.registers.get(_SYSTICK_CONTROL, 0) & 3 == 3  # noqa: PLR2004 - both bits

    def read(self, address: int) -> int:
        """Returns what a register holds."""
        if (port := self._port(address)) is not None and address - port in {_STATUS, _RECEIVED}:
            return self._serial(address - port)
        if (known := self._clock_tree(address)) is not None:
            return known
        if address == _CYCLE_COUNTER or address in _TIMERS:
            self._time += 1000
            return self._time & _WORD
        if address >= _SYSTEM:
            return _IDENTITY.get(address, self.registers.get(address, 0))
        return self._plain(address)

    def write(self, address: int, value: int) -> None:
        """Takes what the firmware writes into a register."""
        self._polled = (-1, -1)
        if (port := self._port(address)) is not None and address - port == _SENT:
            self._sent(value & 0xFF)
        if address in _ENABLE_INTERRUPTS:
            self.interrupts |= {8 * (address - _ENABLE_INTERRUPTS.start) + bit for bit in range(32) if value >> bit & 1}
        self.registers[address] = value

    def _clock_tree(self, address: int) -> int | None:
        """Returns what a register of the family's clocks and supplies holds; None if it is none of them."""
        family = self._family
        if address == family.clocks:
            return self._clocks()
        if address == family.switch:
            choice = self.registers.get(address, 0)
            width = family.switch_bits.bit_length()
            return choice & ~(family.switch_bits << width) | (choice & family.switch_bits) << width
        if address in family.fixed or address in family.copies:
            copied = (self.registers.get(other, 0) & bits for other, bits in family.copies.get(address, ()))
            return family.fixed.get(address, 0) | sum(copied)
        return None

    def _port(self, address: int) -> int | None:
        return next((port for port in self._family.serial_ports if port <= address < port + _SERIAL_SIZE), None)

    def _serial(self, offset: int) -> int:
        if offset == _STATUS:
            return _ALWAYS_READY | (_NOT_EMPTY if self.received else 0)
        return self.received.popleft() if self.received else 0

    def _clocks(self) -> int:
        value = self.registers[self._family.clocks]
        for enable, ready in self._family.oscillators:
            value = value & ~(1 << ready) | (value >> enable & 1) << ready
        return value | self._family.always

    def _plain(self, address: int) -> int:
        """Returns the register's value, or, if the firmware keeps asking, also its opposite, all ones and zeros."""
        place = self._where(), address
        self._repeats = self._repeats + 1 if place == self._polled else 0
        self._polled = place
        value = self.registers.get(address, 0)
        answers = value, _WORD, 0, value ^ _WORD
        return value if self._repeats < _PATIENCE else answers[self._repeats % len(answers)]
