"""Finds how much stack the firmware can need: the deepest path through its call graph.

Every function is followed instruction by instruction. So the depth of the stack at each call is known, and a call after
the frame has been released costs nothing of that frame. The compiler's own report (-fstack-usage) covers what
instructions alone do not tell: frames that are allocated through a register. This firmware enables no interrupt, so all
paths begin at the reset handler.

Example: the reset handler pushes 8 bytes and calls `main`. `main` pushes 16 bytes, calls `f` at depth 16, pops its 16
bytes and jumps to `g` at depth 0. `f` pushes at most 40 bytes, `g` at most 48. So `main` needs the largest of 16 (its
own frame), 16 + 40 (through `f`) and 0 + 48 (through `g`), which is 56. The bound is 8 + 56 = 64 bytes, and the chain
is the reset handler, `main`, `f`. The largest sum of whole frames would be 8 + 16 + 48 = 72 bytes, which no run uses.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.binary.disassembly import Disassembler, Flow, Instruction
from sparse_mcu.simulation.binary.image import FirmwareImage

ENTRY = "Reset_Handler"
_DEPTHS_AT_ONE_PLACE = 16  # compiled code has one depth at each place; more than a few mean that it pushes in a loop
_CLONE = re.compile(r"\.\d+$|@0x[0-9a-f]+$")  # gcc reports "f.constprop" for the symbol "f.constprop.0"


@dataclass(frozen=True, slots=True)
class StackBound:
    """Describes the deepest use of the stack.

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
    """Describes one function as it was followed.

    Attributes:
        name: Its name.
        peak: Largest depth within it, in bytes.
        calls: The depth at which it enters each other function, in bytes, by the function's address.
        returns: Whether it can come back to its caller.
    """

    name: str
    peak: int
    calls: Mapping[int, int]
    returns: bool


def stack_bound(image: FirmwareImage) -> StackBound:
    """Finds the stack that `image` needs from its reset handler on.

    Raises:
        ToolchainError: A function is recursive, calls or jumps through a register, or has a frame of unknown size. The
            message names it.
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
    """Finds every function that the reset handler reaches, by address.

    The code after a call is reached only if the callee can return. So a function is followed again whenever one of its
    callees turns out to return.
    """
    if ENTRY not in image.symbols:
        raise ToolchainError(f"there is no function {ENTRY}", where=image.path.name, fix="Define it at start-up.")
    follower = _Follower(Disassembler(image), _function_names(image), image.stack_usage)
    found: dict[int, _Procedure] = {}
    callers: dict[int, set[int]] = {}
    waiting = [image.symbols[ENTRY].address]
    while waiting:
        address = waiting.pop()
        procedure = follower.follow(address)
        found[address] = procedure
        for callee in procedure.calls:
            callers.setdefault(callee, set()).add(address)
            if callee not in found:
                waiting.append(callee)
        if procedure.returns and address not in follower.returning:
            follower.returning.add(address)
            waiting.extend(callers.get(address, ()))
    return found


def _function_names(image: FirmwareImage) -> dict[int, str]:
    """Returns a name for each function's address. Of several names, the compiler's report decides."""
    names: dict[int, str] = {}
    for name, symbol in sorted(image.symbols.items()):
        if symbol.is_function and (symbol.address not in names or name in image.stack_usage):
            names[symbol.address] = name
    return names


class _Follower:
    """Follows functions from their entries, and tracks the depth of the stack at each instruction.

    Args:
        code: The instructions.
        names: The functions' entries.
        reported: Frames as the compiler reported them.
    """

    def __init__(self, code: Disassembler, names: Mapping[int, str], reported: Mapping[str, int]) -> None:
        self._code, self._names, self._reported = code, names, reported
        self._entries = sorted(names)
        self.returning: set[int] = set()  # entries of functions that are known to return

    def follow(self, entry: int) -> _Procedure:
        """Follows everything that is reached from `entry` without entering another function."""
        name = self._names.get(entry, f"{entry:#x}")
        depths: dict[int, int] = {}
        visits: Counter[int] = Counter()
        calls: dict[int, int] = {}
        waiting = [(entry, 0)]
        peak, opaque, returns = 0, False, False
        while waiting:
            address, depth = waiting.pop()
            if depth <= depths.get(address, -1):
                continue
            depths[address] = depth
            visits[address] += 1
            instruction = self._code.at(address)
            opaque |= instruction.pushed is None
            after = depth + (instruction.pushed or 0)
            peak = max(peak, after)
            _check(instruction, name, visits[address])
            entered, successors = self._leave(instruction, entry, after)
            for callee in entered:
                calls[callee] = max(after, calls.get(callee, 0))
            tail_calls = () if instruction.flow is Flow.CALL else entered
            returns |= instruction.flow is Flow.RETURN or any(callee in self.returning for callee in tail_calls)
            waiting.extend((successor, after) for successor in successors)
        return self._account(_Procedure(name, peak, calls, returns), opaque=opaque)

    def _leave(self, instruction: Instruction, entry: int, depth: int) -> tuple[list[int], list[int]]:
        """Returns the functions that `instruction` enters, and the instructions of this function that come next."""
        following, target = instruction.address + instruction.size, instruction.target
        if target is not None and instruction.flow is Flow.CALL and not self._within(instruction.address, target):
            return [target], [following] if target in self.returning or instruction.conditional else []
        successors = [following] if instruction.flow is Flow.NEXT or instruction.conditional else []
        if target is not None:
            successors.append(target)
        entered = [each for each in successors if each in self._names and (each != entry or depth > 0)]
        return entered, [each for each in successors if each not in entered]

    def _within(self, address: int, target: int) -> bool:
        """Whether a BL stays in its function. On ARMv6-M, B reaches only 2 KiB, and LLVM uses BL to jump further."""
        entries = self._entries
        return target not in self._names and bisect_right(entries, address) == bisect_right(entries, target)

    def _account(self, procedure: _Procedure, *, opaque: bool) -> _Procedure:
        """Uses the compiler's report if the instructions do not tell the frame."""
        frame = self._reported.get(procedure.name, self._reported.get(_CLONE.sub("", procedure.name)))
        if frame is not None and (opaque or frame > procedure.peak):
            return replace(procedure, peak=frame, calls=dict.fromkeys(procedure.calls, frame))
        if opaque:
            raise ToolchainError(
                f"{procedure.name} moves the stack pointer by a register, and the compiler reported no frame for it",
                where="stack bound",
                fix="Give the function a frame of constant size.",
            )
        return procedure


def _check(instruction: Instruction, name: str, visits: int) -> None:
    if instruction.flow is Flow.INDIRECT:
        raise ToolchainError(
            f"{name} jumps through a register at {instruction.address:#x} ({instruction.text})",
            where="stack bound",
            fix="Call functions by name only.",
        )
    if visits > _DEPTHS_AT_ONE_PLACE:
        raise ToolchainError(f"{name} pushes in a loop", where="stack bound", fix="Give the stack a bound.")


def _callees_first(procedures: Mapping[int, _Procedure], entry: int) -> list[int]:
    """Sorts the procedures so that each comes after those it calls. `entry` comes last."""
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
            raise ToolchainError(f"recursion: {names}", where="stack bound", fix="Remove the recursion.")
        elif address not in done:
            path.append(address)
            waiting.append((address, True))
            waiting.extend((callee, False) for callee in procedures[address].calls)
    return order
