"""Finds a C compiler for Cortex-M: the GNU one if it is installed, else the one that pip installs."""

import shutil
from collections.abc import Callable, Mapping

from sparse_mcu.costmodel.errors import ToolchainError, suggestion
from sparse_mcu.simulation.toolchain import arm_gcc, zig
from sparse_mcu.simulation.toolchain.protocol import Toolchain

FINDERS: Mapping[str, Callable[[], Toolchain]] = {arm_gcc.NAME: arm_gcc.ArmGcc.find, zig.NAME: zig.Zig.find}
ALIASES = {"gcc": arm_gcc.NAME}


def find_toolchain(name: str | None = None) -> Toolchain:
    """Returns the toolchain of that name. Without a name, it is arm-none-eabi-gcc if that is on PATH, else zig.

    Raises:
        ToolchainError: The name is unknown, or the toolchain is not installed.
    """
    if name is None:
        return _preferred()
    finder = FINDERS.get(ALIASES.get(name, name))
    if finder is None:
        raise ToolchainError(
            f"unknown toolchain {name!r}",
            where="toolchain",
            fix=f"Choose one of: {', '.join(FINDERS)}.{suggestion(name, [*FINDERS, *ALIASES])}",
        )
    return finder()


def _preferred() -> Toolchain:
    if shutil.which(arm_gcc.NAME):
        return arm_gcc.ArmGcc.find()
    try:
        return zig.Zig.find()
    except ToolchainError as error:
        raise ToolchainError(
            f"there is no compiler: {arm_gcc.NAME} is not on PATH, and {error.what}",
            where="toolchain",
            fix=f"{zig.INSTALL_HINT} {arm_gcc.INSTALL_HINT}",
        ) from error
