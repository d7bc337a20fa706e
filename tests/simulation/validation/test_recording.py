"""Recordings: programs can be priced again from them, and nothing of their code is in them."""

from dataclasses import replace

import numpy as np
import pytest

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.errors import DataFileError
from sparse_mcu.costmodel.timing import Profile
from sparse_mcu.costmodel.timing.memory_system import KINDS, Event
from sparse_mcu.costmodel.timing.pricing import execution_of
from sparse_mcu.simulation.validation.items import Item, Memories, compare, predict, summarise
from sparse_mcu.simulation.validation.recording import read_items, recorded_items, write_items

CODE = bytes.fromhex("2068 0130 02eb8103 fad1 0868 7047".replace(" ", ""))  # LDR, ADDS, ADD.W shifted, BNE, LDR, BX LR


def item(code_start: int = 0x08000100) -> Item:
    executed = np.zeros((2, len(CODE) // 2), np.uint64)
    executed[:, [0, 1, 2, 4, 5, 6]] = [[3, 3, 3, 3, 1, 1], [0, 0, 0, 0, 2, 2]]
    taken = np.zeros_like(executed)
    taken[0, 4], taken[:, 6] = 2, [1, 2]
    execution = execution_of(Profile(code_start, executed, taken), CODE, load_core("cortex-m4"))
    return Item("made up", "tests", "cortex-m4", "none", 40, "counted by hand", execution)


def on_flash() -> Item:
    """The same on an STM32L4+ at 120 MHz, which missed three lines of code after jumps, and one of data."""
    events = np.zeros((KINDS, 2), np.uint64)
    events[Event.FETCH_JUMP], events[Event.DATA_LINE] = [2, 1], [1, 0]
    return replace(item(), memories=Memories("stm32l4plus", 120_000_000, events))


def test_waits_for_memories_are_recorded_and_priced() -> None:
    (read,) = read_items(write_items([on_flash()]), "memory")
    assert predict(read) == predict(on_flash())
    assert predict(read).total == predict(item()).total + 3 * 5 + 5


def test_what_is_read_is_what_was_written() -> None:
    written = item()
    (read,) = read_items(write_items([written]), "memory")
    assert predict(read) == predict(written)
    assert read.execution.instructions == written.execution.instructions
    assert np.array_equal(read.execution.executed, written.execution.executed)
    assert (read.name, read.core, read.measured_cycles) == ("made up", "cortex-m4", 40)


def test_a_comparison_says_how_far_off_it_is_and_why() -> None:
    # Three passes of LDR 2, ADDS 1, ADD.W 1, BNE 1, twice taken; three times LDR 2 and BX LR 2.
    compared = compare(item(), predict(item()))
    assert compared.predicted_cycles == 3 * 5 + 2 + 3 * 4
    assert compared.error_percent == pytest.approx(100 * (29 / 40 - 1))
    assert sum(compared.causes.values()) == 29
    assert compared.causes["branches"] == 2 + 3
    (summary,) = summarise([compared, compared]).summary
    assert (summary.items, summary.worst_percent) == (2, compared.error_percent)
    assert summary.mean_absolute_percent == -summary.mean_percent == -compared.error_percent


def test_code_that_begins_at_no_word_cannot_be_recorded() -> None:
    with pytest.raises(DataFileError, match="code begins at 0x8000102"):
        write_items([item(0x08000102)])


@pytest.mark.parametrize("content", [b"", b"no recording"])
def test_a_broken_recording_is_named(content: bytes) -> None:
    with pytest.raises(DataFileError, match=r"here\.xz: .*no recording"):
        read_items(content, "here.xz")


def test_recordings_hold_counts_and_no_code() -> None:
    items = recorded_items()
    assert {each.group for each in items} >= {"embench", "coremark", "mlperf-tiny"}
    for each in items:
        assert each.measured_cycles > (3 * 10**5 if each.group == "mlperf-tiny" else 10**6)
        assert (each.memories is not None) == (each.group == "mlperf-tiny")
        assert len(each.source) > 15
        assert each.execution.executed.all()
