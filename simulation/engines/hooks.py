"""Lets Unicorn call native functions. Its Python binding can only register Python ones, which are ten times slower."""

import ctypes

from unicorn import arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import Uc, uclib

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.timing.memory_system import Hierarchy
from sparse_mcu.simulation.engines.counting.counting import BlockCounter
from sparse_mcu.simulation.engines.memories.memories import MemorySimulation

_REGISTERS = (
    *range(arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R12 + 1),
    *(arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR, arm_const.UC_ARM_REG_PC),
)
"""Unicorn's number of r0 to r15."""


def add_native_hook(machine: Uc, kind: int, callback: int | None, state: int) -> None:
    """Lets the emulator call a native function. That must happen before any code is translated.

    Args:
        machine: The emulator.
        kind: When it calls: UC_HOOK_BLOCK or UC_HOOK_CODE.
        callback: Address of `void function(void *engine, uint64_t address, uint32_t size, void *state)`.
        state: Address of the state.

    Raises:
        EngineError: The emulator refuses.
    """
    handle = machine._uch  # noqa: SLF001 - the binding has no other way
    hook = ctypes.c_size_t()
    status = uclib.uc_hook_add(handle, ctypes.byref(hook), kind, callback, state, 1, 0)
    if status != unicorn_const.UC_ERR_OK:
        raise EngineError(f"a hook was refused with error {status}", where="unicorn", fix="Reinstall unicorn.")


def simulate_memories(
    machine: Uc, counter: BlockCounter, hierarchy: Hierarchy | None, code: tuple[int, bytes], phases: int
) -> MemorySimulation | None:
    """Attaches the native simulation of caches and flash. That must happen before any code is translated.

    Args:
        machine: The emulator.
        counter: The counter of the same run, which knows the phase.
        hierarchy: What to simulate; None attaches nothing.
        code: The address of the first byte of code, and all code.
        phases: The number of phases of the run.
    """
    if hierarchy is None:
        return None
    read = ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p).value or 0
    found = MemorySimulation(
        hierarchy,
        *code,
        phases=phases,
        marks_left=counter.marks_left_address,
        read_register=read,
        registers=_REGISTERS,
    )
    add_native_hook(machine, unicorn_const.UC_HOOK_CODE, found.callback, found.state_address)
    return found
