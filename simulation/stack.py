"""How much stack the firmware can need: the deepest path through its call graph.

Every function is followed instruction by instruction, so the depth at each call site is known and a
call after the frame is gone costs none of it. The compiler's own account (-fstack-usage) covers what
cannot be read from the instruction alone: frames that are allocated through a register.
No interrupt is enabled in this firmware, so the reset handler's paths are all there are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from costmodel.errors import ToolchainError
from simulation.disassembly import Disassembler, Flow, Instruction
from simulation.image import FirmwareImage

ENTRY = "Reset_Handler"
_DEEPEST_FRAME_BYTES = 2**24
_CLONE = re.compile(r"\.\d+$|@0x[0-9a-f]+$")  # gcc reports "f.constprop" for the symbol "f.constprop.0"


@dataclass(frozen=True, slots=True)
class StackBound:
    """The deepest use of the stack.

    Attributes:
        bytes: No run uses more.
        chain: The functions on the deepest path, outermost first.
        frames: Largest depth within each reachable function, in bytes, by name.
    """

    bytes: int
    chain: tuple[str, ...]
    frames: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Procedure:
    """A function's own depth, and the depth at which it enters each other function (bytes)."""

    name: str
    peak: int
    calls: Mapping[int, int]


def stack_bound(image: FirmwareImage) -> StackBound:
    """The stack that `image` needs from its reset handler on.

    Raises:
        ToolchainError: A function is recursive, calls or jumps through a register, or has a frame of
            unknown size; the message names it.
    """
    procedures = _reachable(image)
    order = _callees_first(procedures, image.symbols[ENTRY].address)
    need: dict[int, int] = {}
    chains: dict[int, tuple[str, ...]] = {}
    for address in order:
        own = procedures[address]
        depths = {callee: depth + need[callee] for callee, depth in own.calls.items()}
        deepest = max(depths, key=depths.__getitem__, default=None)
        below = deepest if deepest is not None and depths[deepest] >= own.peak else None
        need[address] = own.peak if below is None else depths[below]
        chains[address] = (own.name, *(() if below is None else chains[below]))
    frames = {procedure.name: procedure.peak for procedure in procedures.values()}
    return StackBound(need[order[-1]], chains[order[-1]], frames)


def _reachable(image: FirmwareImage) -> dict[int, _Procedure]:
    """Every function that the reset handler reaches, by address."""
    if ENTRY not in image.symbols:
        raise ToolchainError(f"no function {ENTRY}", where=image.path.name, fix="The start-up code must define it.")
    names = _function_names(image)
    code = Disassembler(image)
    found: dict[int, _Procedure] = {}
    waiting = [image.symbols[ENTRY].address]
    while waiting:
        address = waiting.pop()
        if address not in found:
            found[address] = _follow(code, names, address, image.stack_usage)
            waiting.extend(found[address].calls)
    return found


def _function_names(image: FirmwareImage) -> dict[int, str]:
    """A name for each function's address; of several, the one that the compiler reported."""
    names: dict[int, str] = {}
    for name, symbol in sorted(image.symbols.items()):
        if symbol.is_function and (symbol.address not in names or name in image.stack_usage):
            names[symbol.address] = name
    return names


def _follow(code: Disassembler, names: Mapping[int, str], entry: int, reported: Mapping[str, int]) -> _Procedure:
    """Follow one function from its entry with the depth of the stack at each instruction."""
    name = names.get(entry, f"{entry:#x}")
    frame = reported.get(name, reported.get(_CLONE.sub("", name)))
    depths: dict[int, int] = {}
    calls: dict[int, int] = {}
    waiting = [(entry, 0)]
    opaque = False
    peak = 0
    while waiting:
        address, depth = waiting.pop()
        if depth <= depths.get(address, -1):
            continue
        depths[address] = depth
        instruction = code.at(address)
        opaque |= instruction.pushed is None
        after = depth + (instruction.pushed or 0)
        peak = max(peak, after)
        _check(instruction, name, peak)
        if (callee := instruction.target) is not None and instruction.flow is Flow.CALL and callee in names:
            calls[callee] = max(after, calls.get(callee, 0))
        for successor in _successors(instruction, names):
            if successor in names and (successor != entry or after > 0):
                calls[successor] = max(after, calls.get(successor, 0))
            else:
                waiting.append((successor, after))
    if frame is not None and (opaque or frame > peak):
        return _Procedure(name, frame, dict.fromkeys(calls, frame))
    if opaque:
        raise ToolchainError(
            f"{name} moves the stack pointer by a register, and the compiler reported no frame for it",
            where="stack bound",
            fix="Give the function a frame of constant size.",
        )
    return _Procedure(name, peak, calls)


def _successors(instruction: Instruction, names: Mapping[int, str]) -> list[int]:
    following = instruction.address + instruction.size
    if instruction.flow is Flow.NEXT or (instruction.flow is Flow.CALL and instruction.target in names):
        return [following]
    # A BL to what is no function is a far jump: ARMv6-M's B reaches 2 KiB only, and LLVM writes BL instead.
    successors = [following] if instruction.conditional else []
    if instruction.target is not None:
        successors.append(instruction.target)
    return successors


def _check(instruction: Instruction, name: str, depth: int) -> None:
    if instruction.flow is Flow.INDIRECT:
        raise ToolchainError(
            f"{name} jumps through a register at {instruction.address:#x} ({instruction.text})",
            where="stack bound",
            fix="Generated firmware must call functions by name only.",
        )
    if depth > _DEEPEST_FRAME_BYTES:
        raise ToolchainError(f"{name} pushes in a loop", where="stack bound", fix="The stack must have a bound.")


def _callees_first(procedures: Mapping[int, _Procedure], entry: int) -> list[int]:
    """Every procedure after those it calls; `entry` comes last."""
    order: list[int] = []
    done: set[int] = set()
    path: list[int] = []
    waiting = [(entry, False)]
    while waiting:
        address, left = waiting.pop()
        if left:
            order.append(path.pop())
            done.add(address)
        elif address in path:
            names = " -> ".join(procedures[each].name for each in [*path[path.index(address) :], address])
            raise ToolchainError(f"recursion: {names}", where="stack bound", fix="Generated firmware must not recurse.")
        elif address not in done:
            path.append(address)
            waiting.append((address, True))
            waiting.extend((callee, False) for callee in procedures[address].calls)
    return order
