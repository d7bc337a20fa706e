"""Golden bytes and cycles: two small networks on every board, exact, one file a toolchain version.

They change only when generated code, a compiler or a timing table changes; then look at the difference, and
renew them with `python -m sparse_mcu.benchmarks.golden`.
"""

import json
import tempfile
from pathlib import Path

from sparse_mcu.benchmarks.networks import NETWORKS, write_network
from sparse_mcu.costmodel.devices import all_boards
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.toolchain import FINDERS
from sparse_mcu.simulation.toolchain.protocol import Toolchain

FOLDER = Path(__file__).parent / "baselines" / "golden"

Costs = dict[str, dict[str, dict[str, int]]]


def golden_file(toolchain: Toolchain) -> Path:
    """Where the figures of that compiler and version are kept."""
    version = toolchain.version.split()[0]
    return FOLDER / f"{toolchain.name}-{version}.json"


def measure(toolchain: Toolchain) -> Costs:
    """Costs by network and board, as `sparse-mcu simulate` reports them.

    Raises:
        EngineError: A firmware did not finish.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = {network: write_network(network, folder) for network in NETWORKS}
        return {
            network: {board.name: _costs(path, board, toolchain, folder / "build") for board in all_boards()}
            for network, path in models.items()
        }


def _costs(path: Path, board: Board, toolchain: Toolchain, folder: Path) -> dict[str, int]:
    report = simulate_model(path, Target(board, toolchain.name), directory=folder)
    return {
        "ram_bytes": report.ram.total_bytes or 0,
        "arena_bytes": report.ram.arena_bytes,
        "stack_bytes": report.ram.stack_bytes or 0,
        "flash_bytes": report.flash.total_bytes or 0,
        "code_bytes": report.flash.code_bytes or 0,
        "instructions": report.instructions,
        "cycles": report.cycles.total,
    }


def main() -> None:
    """Renew the file of every toolchain that is installed."""
    for find in FINDERS.values():
        toolchain = find()
        write_atomically(golden_file(toolchain), json.dumps(measure(toolchain), indent=1) + "\n")


if __name__ == "__main__":
    main()
