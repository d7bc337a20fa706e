"""Two engines that must agree."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_firmware import run

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.engines.both import BothEngines
from sparse_mcu.simulation.engines.protocol import RunRequest, RunResult, Verdict
from sparse_mcu.simulation.engines.renode import RenodeEngine
from sparse_mcu.simulation.engines.unicorn import UnicornEngine

Assemble = Callable[..., FirmwareImage]
Change = Callable[[RunResult], RunResult]
M4 = load_board("nucleo-l4r5zi")
LOOP = {"Reset_Handler": "bl loop\nbl firmware_done", "loop": "movs r0, #100\n1: subs r0, #1\nbne 1b\nbx lr"}
READS = {"ram": (M4.ram.origin, 64)}


class Other:
    """Unicorn, except for one thing."""

    name, version = "other", "0"

    def __init__(self, change: Change) -> None:
        self._change = change

    def run(self, request: RunRequest) -> RunResult:
        """Run in Unicorn and change the result."""
        return dataclasses.replace(self._change(UnicornEngine().run(request)), engine="other", engine_version="0")


def one_more(result: RunResult, what: str) -> RunResult:
    """A result in which one count is larger by one."""
    counts = {"executed": result.profile.executed.copy(), "taken": result.profile.taken.copy()}
    phase, halfword = np.argwhere(counts[what] > 1)[0]
    counts[what][phase, halfword] += 1
    return dataclasses.replace(result, profile=Profile(result.profile.code_start, **counts))


def test_engines_that_agree_answer_as_one(assemble: Assemble, standin: Path) -> None:
    renode = RenodeEngine(standin)
    engine = BothEngines(UnicornEngine(), renode)
    result = run(engine, assemble(LOOP, M4), M4, phases=("loop",), reads=READS)
    renode.close()
    assert result.verdict is Verdict.FINISHED
    assert result.profile.instructions == 2 + 1 + 2 * 100 + 1
    assert (result.engine, engine.name) == ("unicorn+renode", "unicorn+renode")
    assert result.engine_version == f"{UnicornEngine.version}+1.16.1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda r: dataclasses.replace(r, verdict=Verdict.FAULT, detail="there"),
            r"verdict finished against fault \(there\)",
        ),
        (lambda r: one_more(r, "executed"), r"\(loop\+0x2\) was executed 100 against 101 times in phase 0"),
        (lambda r: one_more(r, "taken"), r"\(loop\+0x4\) was taken 99 against 100 times in phase 0"),
        (lambda r: dataclasses.replace(r, memory={"ram": b""}), "memory 'ram' holds other bytes"),
        (lambda r: dataclasses.replace(r, stack_used_bytes=4), "stack 0 against 4 bytes"),
    ],
)
def test_whatever_differs_is_named(assemble: Assemble, change: Change, message: str) -> None:
    with pytest.raises(EngineError, match=rf"unicorn {UnicornEngine.version} and other 0 differ: .*{message}"):
        run(BothEngines(UnicornEngine(), Other(change)), assemble(LOOP, M4), M4, reads=READS)


def test_of_runs_that_do_not_finish_the_verdict_must_be_the_same(assemble: Assemble) -> None:
    image = assemble({"Reset_Handler": "1: b 1b"}, M4)
    other = Other(lambda result: dataclasses.replace(result, stack_used_bytes=4, detail="elsewhere"))
    assert run(BothEngines(UnicornEngine(), other), image, M4, budget=100).verdict is Verdict.BUDGET_EXCEEDED
