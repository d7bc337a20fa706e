"""Names what cycles are spent on."""

from typing import Literal, get_args

Cause = Literal["issue", "loads", "stores", "multiply", "floating point", "branches", "dependencies"]
"""Each instruction costs a cycle of `issue`, and its further cycles count for what it does.

A core that issues two instructions at once spends less than one cycle on an instruction. `dependencies` are waits for
the result of an ordinary instruction. A wait for a loaded value counts for `loads`, and so on.
"""

CAUSES: tuple[Cause, ...] = get_args(Cause)

_STARTS: tuple[tuple[tuple[str, ...], Cause], ...] = (
    (("ldr", "ldm", "pop", "lda", "pld", "vldr", "vldm", "vpop", "fldm", "vlldm"), "loads"),
    (("str", "stm", "push", "stl", "vstr", "vstm", "vpush", "fstm", "vlstm"), "stores"),
    (("v", "fconst", "fmstat", "fmdhr", "fmdlr"), "floating point"),
    (("mul", "mla", "mls", "smul", "smla", "smls", "smm", "smuad", "smusd", "umul", "umla", "umaal"), "multiply"),
    (("sdiv", "udiv"), "multiply"),
)
_BRANCHES = frozenset({"b", "bl", "bx", "blx", "bxns", "blxns", "cbz", "cbnz", "tbb", "tbh"})


def cause_of(mnemonic: str) -> Cause:
    """Returns what the cycles beyond the first of an instruction count for, and the waits for its result."""
    if mnemonic in _BRANCHES:
        return "branches"
    return next((cause for starts, cause in _STARTS if mnemonic.startswith(starts)), "dependencies")
