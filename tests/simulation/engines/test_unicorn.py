"""What is Unicorn's own: being stopped from outside, stalls, speed."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from small_firmware import executions, run
from unicorn.unicorn_py3.unicorn import Uc

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.engines import unicorn
from sparse_mcu.simulation.engines.protocol import Verdict
from sparse_mcu.simulation.engines.unicorn import UnicornEngine

Assemble = Callable[..., FirmwareImage]

M4 = load_board("nucleo-l4r5zi")
ENDLESS = {"Reset_Handler": "1: nop\nb 1b"}
# A dot product as a compiler writes it: a block of eight instructions, two loads and a multiply-accumulate in it.
DOT_PRODUCT = """
    ldr r0, =0x20001000
    ldr r7, =20000
1:  mov r1, r0
    movs r5, #250
2:  ldrsb r2, [r1], #1
    ldrsb r3, [r1, #64]
    mla r4, r2, r3, r4
    ldrsb r2, [r1], #1
    ldrsb r3, [r1, #64]
    mla r4, r2, r3, r4
    subs r5, #1
    bne 2b
    subs r7, #1
    bne 1b
    b firmware_done
    .ltorg
"""


def test_ctrl_c_ends_an_endless_run_at_once(assemble: Assemble) -> None:
    image = assemble(ENDLESS, M4)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(UnicornEngine(), image, M4, budget=10**15)
    timer.join()
    assert time.monotonic() - started < 5
    for thread in threading.enumerate():
        if thread.name == unicorn.NAME:
            thread.join(5)
            assert not thread.is_alive()


def test_an_engine_that_makes_no_progress_is_given_up(assemble: Assemble, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(_: Uc, _begin: int, _until: int) -> None:
        time.sleep(1.0)

    monkeypatch.setattr(Uc, "emu_start", hang)
    monkeypatch.setattr(unicorn, "_STALLED_SECONDS", 0.2)
    monkeypatch.setattr(unicorn, "_POLL_SECONDS", 0.05)
    result = run(UnicornEngine(), assemble(ENDLESS, M4), M4, reads={"ram": (M4.ram.origin, 4)})
    assert result.verdict is Verdict.ENGINE_DIED
    assert result.detail == "no progress for 0.2 s"
    assert result.profile.instructions == 0


def test_runs_in_parallel_do_not_disturb_each_other(assemble: Assemble) -> None:
    image = assemble(
        {
            "Reset_Handler": "movs r0, #200\n1: movs r1, #200\n2: subs r1, #1\nbne 2b\n"
            "subs r0, #1\nbne 1b\nb firmware_done"
        },
        M4,
    )
    alone = executions(image, run(UnicornEngine(), image, M4), "Reset_Handler")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run(UnicornEngine(), image, M4), range(12)))
    assert all(executions(image, result, "Reset_Handler") == alone for result in results)


def test_forty_million_instructions_are_all_counted(assemble: Assemble) -> None:
    image = assemble({"Reset_Handler": DOT_PRODUCT}, M4)
    result = run(UnicornEngine(), image, M4, budget=10**9)
    assert result.verdict is Verdict.FINISHED
    assert result.profile.instructions == 2 + 20000 * (2 + 250 * 8 + 2) + 1


def test_a_stop_without_reason_is_no_success(assemble: Assemble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Uc, "emu_start", lambda *_: None)
    result = run(UnicornEngine(), assemble({"Reset_Handler": "nop\nb firmware_done"}, M4), M4)
    assert result.verdict is Verdict.ENGINE_DIED
    assert "stopped without a reason" in result.detail
    assert "(Reset_Handler)" in result.detail


def test_a_refused_counter_is_an_error(assemble: Assemble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unicorn.uclib, "uc_hook_add", lambda *_: 1)
    with pytest.raises(EngineError, match="hook was refused"):
        run(UnicornEngine(), assemble(ENDLESS, M4), M4)
