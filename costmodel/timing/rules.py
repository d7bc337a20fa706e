"""The rules of a pipeline: when a pair of neighbours, a jump or an instruction costs more, or less, than its row says.

A rule here says when it applies, how often it is charged, and to what its cycles count. The file of a core in
costmodel/timing/cores switches it on, gives its cycles and names the source. To add a rule, write one function.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sparse_mcu.costmodel.timing.causes import Cause
from sparse_mcu.costmodel.timing.counts import When
from sparse_mcu.costmodel.timing.decode import Instruction
from sparse_mcu.costmodel.timing.operands import PC

_SINGLE_LOADS = frozenset({"ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "ldrt", "ldrbt", "ldrht", "ldrsbt", "ldrsht"})
_SINGLE_STORES = frozenset({"str", "strb", "strh", "strt", "strbt", "strht"})
_ANY_LOADS = _SINGLE_LOADS | {"ldrd", "ldm", "ldmdb", "pop", "vldr", "vldmia", "vldmdb", "vpop"}
_LOOSE = frozenset({"nop", "hint"})


Moment = When | Literal["follows"]


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction, and what stands before it in memory.

    Attributes:
        before: The instruction right before it; None if that did not run, or is not adjacent.
        now: The instruction.
        is_target: Whether a direct branch that ran leads to it.
        wide_run: How many wide instructions at odd halfwords stand in a row, this one included.
    """

    before: Instruction | None
    now: Instruction
    is_target: bool
    wide_run: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        applies: Whether it applies to a step.
        when: What executions of the instruction are charged; "follows" means those in which it followed `before`.
        cause: What its cycles count for.
    """

    applies: Callable[[Step], bool]
    when: Moment
    cause: Cause


RULES: dict[str, Rule] = {}


def _rule(name: str, when: Moment, cause: Cause) -> Callable[[Callable[[Step], bool]], Callable[[Step], bool]]:
    def register(applies: Callable[[Step], bool]) -> Callable[[Step], bool]:
        RULES[name] = Rule(applies, when, cause)
        return applies

    return register


def _pairs(step: Step, first: frozenset[str], second: frozenset[str]) -> Instruction | None:
    """The instruction before, if both are of the given kinds."""
    before = step.before
    return before if before is not None and before.name in first and step.now.name in second else None


@_rule("load after load", "follows", "loads")
def load_after_load(step: Step) -> bool:
    """A load overlaps with the load before.

    It does not if its address needs the result or the moved base of the load before, nor if only one of them loads a
    literal: literals lie in flash, most data in RAM, and accesses to two memories do not overlap.
    """
    return _overlaps(step, _SINGLE_LOADS)


@_rule("indexed store after load", "follows", "loads")
def indexed_store_after_load(step: Step) -> bool:
    """A store with a register as offset overlaps with the load before, under the conditions of `load_after_load`."""
    return step.now.is_indexed and _overlaps(step, _SINGLE_STORES)


@_rule("store after load", "follows", "loads")
def store_after_load(step: Step) -> bool:
    """A store with a constant offset overlaps with the load before, under the conditions of `load_after_load`."""
    return not step.now.is_indexed and _overlaps(step, _SINGLE_STORES)


def _overlaps(step: Step, kinds: frozenset[str]) -> bool:
    before = _pairs(step, _SINGLE_LOADS, kinds)
    if before is None or PC in before.operands.loads or before.is_literal is not step.now.is_literal:
        return False
    return not before.operands.results & step.now.reads("address")


@_rule("load after store", "follows", "stores")
def load_after_store(step: Step) -> bool:
    """Nothing overlaps with a store: a load waits until the data of the store before are on the bus."""
    return _pairs(step, _SINGLE_STORES, _ANY_LOADS) is not None


@_rule("nop after load", "follows", "loads")
def nop_after_load(step: Step) -> bool:
    """A load overlaps with a `nop`."""
    return _pairs(step, _SINGLE_LOADS, _LOOSE) is not None


@_rule("address after arithmetic", "follows", "dependencies")
def address_after_arithmetic(step: Step) -> bool:
    """A load or store waits for an address that the instruction before computes, or a single store moves.

    Loaded values are forwarded.
    """
    before = step.before
    if before is None or before.operands.loads or before.operands.words:
        return False
    return bool(before.operands.results & step.now.reads("address"))


@_rule("it folded", "follows", "issue")
def it_folded(step: Step) -> bool:
    """An `it` is folded into the 16-bit instruction before."""
    return step.now.name == "it" and step.before is not None and step.before.halfwords == 1


@_rule("it with the instruction before", "follows", "issue")
def it_with_any(step: Step) -> bool:
    """An `it` is issued with whatever instruction stands before."""
    return step.now.name == "it" and step.before is not None


@_rule("wide target", "entered", "branches")
def wide_target(step: Step) -> bool:
    """A jump to a 32-bit instruction that does not begin at a word needs two fetches."""
    return step.now.halfwords == 2 and not step.now.is_aligned  # noqa: PLR2004


@_rule("three wide instructions", "follows", "issue")
def three_wide(step: Step) -> bool:
    """Three 32-bit instructions in a row that do not begin at words empty the fetch queue."""
    return step.wide_run == 3  # noqa: PLR2004


@_rule("misprediction", "unusual", "branches")
def misprediction(step: Step) -> bool:
    """A conditional branch that goes the other way than it mostly does is predicted wrongly."""
    return step.now.target is not None and step.now.is_conditional


@_rule("branch not taken in the second slot", "not taken", "issue")
def second_slot_not_taken(step: Step) -> bool:
    """A 16-bit branch that is not taken is issued with the 16-bit instruction before."""
    return _is_narrow_branch(step) and step.before is not None and step.before.halfwords == 1


@_rule("branch taken in the second slot", "taken", "issue")
def second_slot_taken(step: Step) -> bool:
    """A 16-bit branch that is taken is issued with the 16-bit instruction before, if that sets no flags."""
    before = step.before
    return _is_narrow_branch(step) and before is not None and before.halfwords == 1 and not before.sets_flags


def _is_narrow_branch(step: Step) -> bool:
    return step.now.name in {"b", "bx"} and step.now.halfwords == 1 and not step.is_target


@_rule("nop in a pair", "follows", "issue")
def nop_in_a_pair(step: Step) -> bool:
    """A 16-bit `nop` before is issued with a 16-bit instruction."""
    before = step.before
    if before is None or before.halfwords != 1 or step.now.halfwords != 1:
        return False
    return before.name in _LOOSE and not _is_narrow_branch(step) and step.now.name not in _LOOSE


@_rule("flags after a shift", "executed", "dependencies")
def flags_after_a_shift(step: Step) -> bool:
    """An instruction that sets flags from a shifted constant takes both stages for itself."""
    return step.now.sets_flags and step.now.is_shifted and not _has_shifted_register(step.now)


def _has_shifted_register(instruction: Instruction) -> bool:
    return bool(instruction.reads("shifted"))


Apart = Callable[[Instruction, Instruction], bool]
RESTRICTIONS: dict[str, Apart] = {}
"""When two neighbours that both have a unit are not issued together. The first one is the older."""


def _restriction(name: str) -> Callable[[Apart], Apart]:
    def register(apart: Apart) -> Apart:
        RESTRICTIONS[name] = apart
        return apart

    return register


@_restriction("two shifted operands")
def two_shifted(older: Instruction, younger: Instruction) -> bool:
    """There is one shifter before the arithmetic: not two shifted second operands, or one and a bit field."""
    return _needs_shifter(older) and _needs_shifter(younger)


@_restriction("shift before a shifted operand")
def shift_before_shifted(older: Instruction, younger: Instruction) -> bool:
    """A plain shift is not issued with a younger instruction that shifts its operand."""
    return older.name in {"lsl", "lsr", "asr", "ror"} and younger.is_shifted


@_restriction("same destination")
def same_destination(older: Instruction, younger: Instruction) -> bool:
    """Two instructions do not write the same register in one cycle, but for the halves of a constant."""
    together = older.name == "movw" and younger.name == "movt"
    return bool(older.operands.results & younger.operands.results) and not together


_SHIFTER = ("bf", "sbfx", "ubfx", "rbit", "rev", "sxta", "uxta", "pkh")


def _needs_shifter(instruction: Instruction) -> bool:
    return instruction.is_shifted or instruction.name.startswith(_SHIFTER)


def rule_names() -> Mapping[str, str]:
    """Returns what each rule says, by name."""
    described = {name: rule.applies.__doc__ for name, rule in RULES.items()}
    return {name: text or "" for name, text in (described | {n: f.__doc__ for n, f in RESTRICTIONS.items()}).items()}
