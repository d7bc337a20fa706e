"""Windows and scratch memory in the working memory of a stream."""

from collections.abc import Sequence

import pytest

from sparse_mcu.costmodel.graph.operators import Operator
from sparse_mcu.costmodel.memory.model.plan import KernelContract
from sparse_mcu.costmodel.memory.model.stream import RowWindow
from sparse_mcu.costmodel.memory.streaming.windows import StageNeeds, pack


def window(tensor: str, rows: int, row_bytes: int = 100) -> RowWindow:
    return RowWindow(tensor, 0, rows, 1, 0, row_bytes, 0, row_bytes, 1)


def stages(*contracts: KernelContract, firings: int = 1) -> list[StageNeeds]:
    """A chain of operators that read t0 and write t1, read t1 and write t2, ..."""
    operators = [Operator(name=f"o{i}", inputs=(f"t{i}",), output=f"t{i + 1}") for i in range(len(contracts))]
    return [StageNeeds(one, contract, 1, firings) for one, contract in zip(operators, contracts, strict=True)]


def packed_size(needs: Sequence[StageNeeds], *windows: RowWindow) -> int:
    packed = pack(needs, {each.tensor: each for each in windows})
    assert packed.least_bytes <= packed.size_bytes
    return packed.size_bytes


NOTHING = KernelContract()


@pytest.mark.parametrize(("firings", "size"), [(1, 300), (2, 380)])
def test_scratch_may_lie_where_new_rows_will_be(firings: int, size: int) -> None:
    """Unless the rows of a turn come in several ticks."""
    needs = stages(NOTHING, NOTHING, KernelContract(80), firings=firings)
    assert packed_size(needs, window("t1", 3)) == size


def test_rows_that_are_not_kept_share_bytes_with_later_ones() -> None:
    assert packed_size(stages(NOTHING, NOTHING, NOTHING, NOTHING), window("t1", 1), window("t3", 1)) == 100


def test_a_kernel_that_allows_it_writes_over_rows_that_die() -> None:
    windows = window("t1", 1), window("t2", 1)
    assert packed_size(stages(NOTHING, NOTHING, NOTHING), *windows) == 200
    assert packed_size(stages(NOTHING, KernelContract(0, {"t1": 0}), NOTHING), *windows) == 100


@pytest.mark.parametrize(("first", "second"), [(100, 60), (60, 100)])
def test_of_two_rows_in_the_same_place_only_the_longer_one_counts(first: int, second: int) -> None:
    windows = {"t1": window("t1", 1, first), "t2": window("t2", 1, second)}
    packed = pack(stages(NOTHING, KernelContract(40, {"t1": 0}), NOTHING), windows)
    assert packed.least_bytes == packed.size_bytes == 100 + 40
