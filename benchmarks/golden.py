"""Measures golden bytes and cycles: two small networks on every core, with one file for each compiler and version.

The figures are exact. They change only if generated code, a compiler or a timing table changes. Look at the difference
then, and renew the files with `python -m sparse_mcu.benchmarks.golden`. Each line names its network, core and compiler,
so that a difference explains itself.
"""

import csv
import io
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pydantic import TypeAdapter

from sparse_mcu.benchmarks.networks import NETWORKS, write_network
from sparse_mcu.costmodel.devices import all_boards, at_operating_point
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.costmodel.timing.memory_system import IDEAL
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.toolchain import FINDERS
from sparse_mcu.simulation.toolchain.protocol import Toolchain

FOLDER = Path(__file__).parent / "baselines" / "golden"


@dataclass(frozen=True, slots=True)
class Line:
    """The costs of one network on one core, built by one compiler."""

    network: str
    core: str
    compiler: str
    ram_bytes: int
    arena_bytes: int
    stack_bytes: int
    flash_bytes: int
    code_bytes: int
    instructions: int
    cycles: int


_LINES = TypeAdapter(list[Line])


def boards_by_core() -> dict[str, Board]:
    """Returns the first board of each core. Other boards with that core have the same figures."""
    first = {board.core.name: board for board in reversed(all_boards())}
    return {core: first[core] for core in sorted(first)}


def golden_file(toolchain: Toolchain) -> Path:
    """Returns the file with the figures of a compiler and version."""
    return FOLDER / f"{_compiler(toolchain)}.csv"


def read_golden(path: Path) -> list[Line]:
    """Returns the lines of a golden file."""
    with path.open(encoding="utf-8", newline="") as file:
        return _LINES.validate_python(list(csv.DictReader(file)))


def measure(board: Board, toolchain: Toolchain) -> list[Line]:
    """Returns the costs of each network on a board, as `sparse-mcu simulate --memory zero-wait-states` reports them.

    Raises:
        EngineError: A firmware did not finish.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            _line(network, write_network(network, folder), board, toolchain, folder / "build") for network in NETWORKS
        ]


def _line(network: str, path: Path, board: Board, toolchain: Toolchain, folder: Path) -> Line:
    report = simulate_model(path, Target(at_operating_point(board, memory=IDEAL), toolchain.name), directory=folder)
    return Line(
        network=network,
        core=board.core.name,
        compiler=_compiler(toolchain),
        ram_bytes=report.ram.total_bytes or 0,
        arena_bytes=report.ram.arena_bytes,
        stack_bytes=report.ram.stack_bytes or 0,
        flash_bytes=report.flash.total_bytes or 0,
        code_bytes=report.flash.code_bytes or 0,
        instructions=report.instructions,
        cycles=report.cycles.total,
    )


def _compiler(toolchain: Toolchain) -> str:
    return f"{toolchain.name}-{toolchain.version.split()[0]}"


def _table(lines: list[Line]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [each.name for each in fields(Line)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(line) for line in lines)
    return text.getvalue()


def main() -> None:
    """Renews the file of every toolchain.

    Raises:
        ToolchainError: A toolchain is not installed.
    """
    for find in FINDERS.values():
        toolchain = find()
        lines = [line for board in boards_by_core().values() for line in measure(board, toolchain)]
        write_atomically(golden_file(toolchain), _table(lines))


if __name__ == "__main__":
    main()
