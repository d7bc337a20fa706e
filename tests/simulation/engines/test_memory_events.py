"""Runs whose memories are simulated: the same instructions, a small program's events, the replay of Renode's."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.timing.memory_system import Cache, Event, Hierarchy, load_memory_system
from sparse_mcu.simulation.binary.image import FirmwareImage, executable_code
from sparse_mcu.simulation.engines import find_engine, with_events
from sparse_mcu.simulation.engines.cached import CachedEngine
from sparse_mcu.simulation.engines.protocol import Engine, RunRequest, RunResult

Assemble = Callable[..., FirmwareImage]
BOARDS = [load_board(name) for name in ("nucleo-g0b1re", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q")]
M4 = BOARDS[1]
PROGRAM = {
    "Reset_Handler": "ldr r0, =table\nmovs r1, #0\nbl loop\nbl firmware_done",
    "loop": "ldr r2, [r0, r1]\nadds r1, #4\ncmp r1, #64\nbne loop\npush {r4, lr}\npop {r4, pc}",
    "table": ".rept 16\n.word 7\n.endr",
}
FLASH = (M4.flash.origin, M4.flash.origin + M4.flash.size_bytes)


def asked(assemble: Assemble, board, hierarchy: Hierarchy | None) -> RunRequest:  # noqa: ANN001 - a board
    """Returns a request to run the program."""
    image = assemble(PROGRAM, board)
    return RunRequest(
        image=image,
        board=board,
        writes={},
        reads={"ram": (board.ram.origin, 64)},
        phases=(image.symbols["loop"].address,),
        stop_address=image.symbols["firmware_done"].address,
        budget_instructions=1000,
        hierarchy=hierarchy,
    )


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_simulating_the_memories_changes_nothing_else(board, assemble: Assemble) -> None:  # noqa: ANN001 - a board
    hierarchy = load_memory_system(board).hierarchy
    plain, simulated = (find_engine("unicorn").run(asked(assemble, board, each)) for each in (None, hierarchy))
    assert plain.profile.events is None
    assert simulated.profile.events is not None
    np.testing.assert_array_equal(plain.profile.executed, simulated.profile.executed)
    np.testing.assert_array_equal(plain.profile.taken, simulated.profile.taken)
    assert (plain.memory, plain.stack_used_bytes, plain.verdict) == (
        simulated.memory,
        simulated.stack_used_bytes,
        simulated.verdict,
    )


@pytest.mark.parametrize(("line_bytes", "lines"), [(4, 16), (16, 4), (32, 2)])
def test_a_table_of_64_bytes_is_read_by_lines(line_bytes: int, lines: int, assemble: Assemble) -> None:
    hierarchy = Hierarchy(FLASH, Cache(8, 1, 64), Cache(line_bytes, 1, 1))
    request = asked(assemble, M4, hierarchy)
    profile = find_engine("unicorn").run(request).profile
    assert profile.events is not None
    start = executable_code(request.image)[0]
    load = (request.image.symbols["loop"].address - start) // 2
    table = request.image.symbols["table"].address
    crossed = (table + 63) // line_bytes - table // line_bytes + 1
    assert profile.events[Event.DATA_READ, 1, load] == 16
    assert profile.events[Event.DATA_LINE, 1, load] == crossed
    assert lines <= crossed <= lines + 1


def test_the_store_of_runs_keeps_events(assemble: Assemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path / "cache"))
    request = asked(assemble, M4, load_memory_system(M4).hierarchy)
    first, second = (CachedEngine(find_engine("unicorn")).run(request).profile for _ in range(2))
    plain = CachedEngine(find_engine("unicorn")).run(dataclasses.replace(request, hierarchy=None)).profile
    assert first.events is not None
    assert second.events is not None
    np.testing.assert_array_equal(first.events, second.events)
    assert plain.events is None


def test_every_engine_gives_the_same_events(engine: Engine, assemble: Assemble) -> None:
    request = asked(assemble, M4, load_memory_system(M4).hierarchy)
    expected = find_engine("unicorn").run(request).profile.events
    found = with_events(engine.run(request), request).profile.events
    assert expected is not None
    assert found is not None
    np.testing.assert_array_equal(found, expected)


def test_a_replay_of_another_run_is_an_error(assemble: Assemble) -> None:
    request = asked(assemble, M4, load_memory_system(M4).hierarchy)
    result = find_engine("unicorn").run(dataclasses.replace(request, hierarchy=None))
    result.profile.executed[0, 0] += np.uint64(1)
    with pytest.raises(EngineError, match="executed other instructions"):
        with_events(result, request)


def test_without_a_hierarchy_nothing_is_replayed(assemble: Assemble) -> None:
    request = asked(assemble, M4, None)
    result: RunResult = find_engine("unicorn").run(request)
    assert with_events(result, request) is result
