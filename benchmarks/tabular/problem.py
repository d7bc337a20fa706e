"""Makes the search problem of a shipped table."""

from pathlib import Path

from sparse_mcu.benchmarks.tabular.pool import LIMITS
from sparse_mcu.benchmarks.tabular.prices import KeptPrices
from sparse_mcu.benchmarks.tabular.rows import BOARDS
from sparse_mcu.benchmarks.tabular.surrogate import Surrogate
from sparse_mcu.benchmarks.tabular.table import read_table, table_path
from sparse_mcu.benchmarks.tabular.task import TabularTask
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task

TASKS = {"mnist5k": Task((1, 28, 28), 10), "digits": Task((1, 8, 8), 10)}
IMAGES = {"mnist5k": 1000, "digits": 359}
"""The numbers of validation images behind an error."""


def tabular_task(dataset: str, bounds: Bounds, prices: Path | None) -> tuple[TabularTask, int]:
    """Returns the task of a shipped table, and the number of its rows.

    Args:
        dataset: The dataset of the table.
        bounds: The limits. The board's memories are added.
        prices: The file that keeps prices; None keeps them in memory.

    Raises:
        DataFileError: The table is missing or damaged.
    """
    rows, board = read_table(table_path(dataset)), load_board(BOARDS[0])
    surrogate = Surrogate.fit(rows, Space(TASKS[dataset], LIMITS), IMAGES[dataset])
    price = KeptPrices(TASKS[dataset], BOARDS[0], prices)
    return TabularTask(surrogate, price, bounds.within(board), board), len(rows)
