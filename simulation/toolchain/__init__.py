"""C compilers for Cortex-M: the GNU one where it is installed, else the one that pip installs."""

import shutil
from collections.abc import Callable, Mapping

from sparse_mcu.costmodel.errors import ToolchainError, suggestion
from sparse_mcu.simulation.toolchain import arm_gcc, zig
from sparse_mcu.simulation.toolchain.protocol import Toolchain

FINDERS: Mapping[str, Callable[[], Toolchain]] = {arm_gcc.NAME: arm_gcc.ArmGcc.find, zig.NAME: zig.Zig.find}
ALIASES = {"gcc": arm_gcc.NAME}


def find_toolchain(name: str | None = None) -> Toolchain:
    """The toolchain of that name; without one, arm-none-eabi-gcc where it is on PATH, else zig.

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
            fix=f"There are: {', '.join(FINDERS)}.{suggestion(name, [*FINDERS, *ALIASES])}",
        )
    return finder()


def _preferred() -> Toolchain:
    if shutil.which(arm_gcc.NAME):
        return arm_gcc.ArmGcc.find()
    try:
        return zig.Zig.find()
    except ToolchainError as error:
        raise ToolchainError(
            f"no compiler: {arm_gcc.NAME} is not on PATH, and {error.what}",
            where="toolchain",
            fix=f"{zig.INSTALL_HINT} {arm_gcc.INSTALL_HINT}",
        ) from error
