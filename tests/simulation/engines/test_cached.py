"""The engine that remembers: the same result, once; another one for whatever else is asked."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_firmware import run

from sparse_mcu import costmodel
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.cache.store import LIMIT_VARIABLE
from sparse_mcu.simulation.engines.cached import DECIDING, CachedEngine, _own_code
from sparse_mcu.simulation.engines.protocol import RunRequest, RunResult, Verdict
from sparse_mcu.simulation.engines.unicorn import UnicornEngine

Assemble = Callable[..., FirmwareImage]
M4, M7 = load_board("nucleo-l4r5zi"), load_board("nucleo-f746zg")
LOOP = {"Reset_Handler": "bl loop\nbl firmware_done", "loop": "movs r0, #100\n1: subs r0, #1\nbne 1b\nbx lr"}


class CountingEngine:
    """Unicorn that remembers what it was asked."""

    def __init__(self, version: str = "1") -> None:
        self.name, self.version, self.asked = "counting", version, list[RunRequest]()
        self.verdict: Verdict | None = None

    def run(self, request: RunRequest) -> RunResult:
        """See `Engine.run`."""
        self.asked.append(request)
        result = UnicornEngine().run(request)
        return result if self.verdict is None else dataclasses.replace(result, verdict=self.verdict)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CountingEngine:
    """An engine, and an empty cache."""
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path / "cache"))
    return CountingEngine()


def test_the_second_answer_is_the_first_one(engine: CountingEngine, assemble: Assemble) -> None:
    image, reads = assemble(LOOP, M4), {"ram": (M4.ram.origin, 64), "other": (M4.ram.origin, 2)}
    first, second = (run(CachedEngine(engine), image, M4, phases=("loop",), reads=reads) for _ in range(2))
    assert len(engine.asked) == 1
    for field in dataclasses.fields(RunResult):
        if field.name != "profile":
            assert getattr(first, field.name) == getattr(second, field.name)
    for field in dataclasses.fields(Profile):
        np.testing.assert_array_equal(getattr(first.profile, field.name), getattr(second.profile, field.name))
    assert second.profile.executed.dtype == first.profile.executed.dtype
    assert second.profile.executed.flags.writeable


CHANGES: dict[str, Callable[[RunRequest], RunRequest]] = {
    "firmware": lambda r: dataclasses.replace(r, image=dataclasses.replace(r.image, sha256="0" * 64)),
    "core": lambda r: dataclasses.replace(r, board=dataclasses.replace(r.board, core=M7.core)),
    "what the core has": lambda r: dataclasses.replace(
        r, board=dataclasses.replace(r.board, core=dataclasses.replace(r.board.core, has_dsp=False))
    ),
    "ram": lambda r: dataclasses.replace(
        r, board=dataclasses.replace(r.board, ram=dataclasses.replace(r.board.ram, size_bytes=8192))
    ),
    "flash": lambda r: dataclasses.replace(
        r, board=dataclasses.replace(r.board, flash=dataclasses.replace(r.board.flash, size_bytes=8192))
    ),
    "input": lambda r: dataclasses.replace(r, writes={M4.ram.origin + 512: b"2"}),
    "where the input goes": lambda r: dataclasses.replace(r, writes={M4.ram.origin + 513: b"1"}),
    "reads": lambda r: dataclasses.replace(r, reads={"ram": (M4.ram.origin, 5)}),
    "phases": lambda r: dataclasses.replace(r, phases=(r.image.symbols["loop"].address,)),
    "end": lambda r: dataclasses.replace(r, stop_address=r.image.symbols["loop"].address),
    "budget": lambda r: dataclasses.replace(r, budget_instructions=10),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_else_is_asked_is_run(engine: CountingEngine, assemble: Assemble, change: str) -> None:
    cached = CachedEngine(engine)
    run(cached, assemble(LOOP, M4), M4, writes={M4.ram.origin + 512: b"1"}, reads={"ram": (M4.ram.origin, 4)})
    cached.run(CHANGES[change](engine.asked[0]))
    assert len(engine.asked) == 2
    cached.run(engine.asked[0])
    assert len(engine.asked) == 2


def test_another_version_of_engine_or_project_runs_again(
    engine: CountingEngine, assemble: Assemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, other = assemble(LOOP, M4), CountingEngine("2")
    run(CachedEngine(engine), image, M4)
    run(CachedEngine(other), image, M4)
    assert len(other.asked) == 1
    monkeypatch.setattr("sparse_mcu.simulation.engines.cached.__version__", "next")
    run(CachedEngine(engine), image, M4)
    assert len(engine.asked) == 2


def test_the_price_of_a_board_does_not_matter(engine: CountingEngine, assemble: Assemble) -> None:
    image = assemble(LOOP, M4)
    run(CachedEngine(engine), image, M4)
    run(CachedEngine(engine), image, dataclasses.replace(M4, clock_hz=1, active_power_mw=1.0, name="mine"))
    assert len(engine.asked) == 1


def test_a_fault_is_kept_and_an_engine_that_died_is_not(engine: CountingEngine, assemble: Assemble) -> None:
    fault = assemble({"Reset_Handler": "nop\nudf #0"}, M4)
    first, second = (run(CachedEngine(engine), fault, M4) for _ in range(2))
    assert first.verdict is second.verdict is Verdict.FAULT
    assert first.detail == second.detail
    assert len(engine.asked) == 1
    engine.verdict = Verdict.ENGINE_DIED
    image = assemble(LOOP, M4)
    run(CachedEngine(engine), image, M4)
    run(CachedEngine(engine), image, M4)
    assert len(engine.asked) == 3


def test_it_can_be_turned_off(engine: CountingEngine, assemble: Assemble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    image = assemble(LOOP, M4)
    run(CachedEngine(engine), image, M4)
    run(CachedEngine(engine), image, M4)
    assert len(engine.asked) == 2


LOADED = """
import sys
from pathlib import Path
import sparse_mcu.simulation.engines.unicorn, sparse_mcu.simulation.engines.renode, sparse_mcu.simulation.engines.both
for name, module in sys.modules.items():
    if name.startswith("sparse_mcu.") and module.__file__:
        print(name)
"""
UNDECIDING = {  # what engines load, though no result follows from it but by what the key holds in another way
    "costmodel.cli": "prints",
    "costmodel.devices": "boards and cores: their facts are in the key",
    "costmodel.errors": "words of errors, which are not kept",
    "costmodel.files": "writes files",
    "costmodel.records": "refuses unknown fields and wrong types of data files",
    "costmodel.timing": "its profile and thumb count; prices are put on afterwards",
    "simulation.cache": "keeps",
    "simulation.processes": "starts and ends processes",
    "simulation.toolchain": "compiles the counter, whose source counts",
}


def test_all_code_that_decides_a_result_is_in_the_key() -> None:
    root = Path(costmodel.__file__).parents[1]
    deciding = {path for pattern in DECIDING for path in root.glob(pattern)}
    assert {"isa.toml", "image.py", "counting.c", "BlockCounter.cs", "thumb.py"} <= {path.name for path in deciding}
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True).stdout.split()
    assert "sparse_mcu.simulation.engines.counting.counts" in loaded
    packages = {"sparse_mcu.costmodel", "sparse_mcu.simulation"}
    for name in set(loaded) - packages:
        path = root.joinpath(*name.split(".")[1:])
        known = path.with_suffix(".py") in deciding or path / "__init__.py" in deciding
        assert known or name.removeprefix("sparse_mcu.").startswith(tuple(UNDECIDING)), name


@pytest.mark.parametrize("pattern", DECIDING)
def test_another_text_of_our_own_code_runs_again(
    engine: CountingEngine, assemble: Assemble, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    image = assemble(LOOP, M4)
    run(CachedEngine(engine), image, M4)
    changed = next(path for path in Path(costmodel.__file__).parents[1].glob(pattern) if path.suffix == ".py")
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: whole(path) + (b"#" if path == changed else b""))
    _own_code.cache_clear()
    run(CachedEngine(engine), image, M4)
    monkeypatch.undo()
    _own_code.cache_clear()
    assert len(engine.asked) == 2
