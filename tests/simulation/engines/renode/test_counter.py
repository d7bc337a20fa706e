"""Task and table of the block counter, and the counter itself where C# can be compiled."""

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from renode_counting import Counting
from renode_recordings import read_blocks

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.binary.image import describe_address, executable_code, read_image
from sparse_mcu.simulation.engines.renode.counter import PLUGIN, Cause, Task, read_table

BASE = 0x08000100
NARROW, WIDE = bytes.fromhex("00bf"), bytes.fromhex("aff30080")
# What the plugin uses of Renode, so that it compiles without; then it is fed with the blocks of a file.
STUB = """
using System;
using System.IO;
namespace Antmicro.Renode.Peripherals.CPU
{
    public interface IBus { byte[] ReadBytes(ulong at, int count, bool onlyMemory = false, object context = null); }
    public class TranslationCPU
    {
        public Action<ulong, uint> Hook;
        public bool IsHalted { get; set; }
        public IBus Bus { get; set; }
        public void SetHookAtBlockBegin(Action<ulong, uint> hook) { Hook = hook; }
    }
}
static class Program
{
    static void Main(string[] arguments)
    {
        var cpu = new Antmicro.Renode.Peripherals.CPU.TranslationCPU();
        SparseMcu.BlockCounterExtensions.CountBlocks(cpu, arguments[0]);
        using(var reader = new BinaryReader(File.OpenRead(arguments[1])))
        {
            while(reader.BaseStream.Position < reader.BaseStream.Length && !cpu.IsHalted)
            {
                var address = reader.ReadUInt32();
                cpu.Hook(address, reader.ReadUInt32());
            }
        }
        SparseMcu.BlockCounterExtensions.DumpBlocks(cpu, arguments[2]);
        Console.Write(cpu.IsHalted);
    }
}
"""


def counted(task: Task, blocks: list[tuple[int, int]]) -> Counting:
    counting = Counting(task.to_bytes())
    for address, instructions in blocks:
        counting.enter(address, instructions)
    return counting


def test_the_recorded_blocks_give_the_recorded_count(shared_data: Path) -> None:
    image = read_image(shared_data / "renode" / "loop_m4f.elf", toolchain="gcc", version="", stack_usage={})
    start, code = executable_code(image)
    done, loop, main = (image.symbols[name].address for name in ("done", "loop", "main"))
    task = Task(start, code, (main, loop), done, None)
    blocks = read_blocks(shared_data / "renode" / "blocks.bin")
    table = read_table(counted(task, [*blocks, (done, 0)]).table(), task)
    assert table.instructions == 3030
    assert table.phase == 2
    assert table.cause is Cause.ENDED
    assert describe_address(image, table.last_block[1] - 2) == "0x8000068 (main+0x40)"
    table.counts.finish(table.phase, table.last_block, done)
    profile = table.counts.profile()
    assert profile.instructions == 3030
    assert profile.executed.sum(axis=1).tolist() == [1, 14, 2 + 3 * 1000 + 1 + 12]
    subtract, branch, back, last = ((loop + offset - start) // 2 for offset in (6, 8, 10, 0x4C))
    assert profile.executed[2, [subtract, branch, back, last]].tolist() == [1000, 1000, 1, 1]
    assert profile.taken[2, [subtract, branch, back, last]].tolist() == [0, 999, 1, 1]
    assert profile.taken.sum() == 1 + 1 + 999 + 1 + 1


def test_marks_in_order_begin_phases() -> None:
    task = Task(BASE, NARROW * 20, (BASE + 8, BASE + 4), BASE + 30, None)
    blocks = [(BASE + 4, 1), (BASE + 8, 1), (BASE + 8, 2), (BASE + 4, 1), (BASE + 8, 1)]
    table = read_table(counted(task, blocks).table(), task)
    assert table.counts.profile().executed.sum(axis=1).tolist() == [1, 3, 2]


def test_execution_outside_the_code_stops_the_run() -> None:
    task = Task(BASE, NARROW * 4, (), BASE + 6, None)
    counting = counted(task, [(BASE, 2)])
    assert not counting.enter(0x20000000, 3)
    table = read_table(counting.table(), task)
    assert (table.cause, table.stopped_at) == (Cause.NOT_CODE, 0x20000000)
    assert table.counts.profile().taken[0].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("data", [b"", b"SMCUBLK1", b"x" * 48, b"SMCUBLK1" + bytes(45)])
def test_a_torn_table_is_refused(data: bytes) -> None:
    with pytest.raises(EngineError, match="counts is damaged"):
        read_table(data, Task(BASE, NARROW, (), BASE, None))


@pytest.mark.parametrize("place", [(1, 0), (-1, 0), (0, 3), (0, -1)])
def test_a_table_of_other_code_is_refused(place: tuple[int, int]) -> None:
    task = Task(BASE, NARROW * 2, (), BASE, None)
    data = counted(task, []).table() + struct.pack("<iiqQ", *place, 1, 0)
    with pytest.raises(EngineError, match="other code"):
        read_table(data, task)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin, compiled with the compiler that Renode uses."""
    if not (shutil.which("mcs") and shutil.which("mono")):
        pytest.skip("no Mono: install mono-mcs and mono-runtime to test the C# counter without Renode")
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "stub.cs").write_text(STUB)
    command = ["mcs", "-warnaserror", "-langversion:5", "-out:counter.exe", "stub.cs", str(PLUGIN)]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "counter.exe"


@st.composite
def streams(draw: st.DrawFn) -> tuple[Task, list[tuple[int, int]]]:
    """Code of narrow and wide instructions, marks, and blocks, some of them where no code is."""
    wide = draw(st.lists(st.booleans(), min_size=2, max_size=12))
    starts = np.cumsum([BASE] + [4 if each else 2 for each in wide]).tolist()
    addresses = st.sampled_from(starts[:-1])
    marks = draw(st.lists(addresses, max_size=3))
    stop = draw(st.sampled_from([*starts, BASE + 0x1000]))
    fault = draw(st.none() | addresses)
    blocks = draw(st.lists(st.tuples(addresses | st.just(BASE - 4), st.integers(0, 14)), max_size=30))
    code = b"".join(WIDE if each else NARROW for each in wide)
    return Task(BASE, code, tuple(marks), stop, fault), blocks


@settings(max_examples=15, deadline=None)
@given(stream=streams())
def test_the_plugin_counts_as_its_oracle_does(compiled: Path, stream: tuple[Task, list[tuple[int, int]]]) -> None:
    task, blocks = stream
    folder = compiled.parent
    (folder / "task").write_bytes(task.to_bytes())
    (folder / "blocks").write_bytes(b"".join(struct.pack("<II", *block) for block in blocks))
    command = ["mono", str(compiled), "task", "blocks", "table"]
    halted = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    oracle = counted(task, blocks)
    assert (folder / "table").read_bytes() == oracle.table()
    assert halted == str(oracle.cause == Cause.NOT_CODE)
