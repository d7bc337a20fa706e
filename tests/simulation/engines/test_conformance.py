"""What every engine must do, told by firmware whose counts can be read from its text."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_firmware import executions, run

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.engines.protocol import Engine, Verdict

Assemble = Callable[..., FirmwareImage]

M4 = load_board("nucleo-l4r5zi")
M0 = load_board("microbit")
ONE_PER_CORE = ["microbit", "rp2040-pico", "bluepill", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q"]
WITH_IT_BLOCKS = ["bluepill", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q"]
WITH_SUPERSET_CORES = {"renode"}
FOUND_AFTERWARDS = {("renode", "write flash")}  # seen, but not by whom

LOOP = {"Reset_Handler": "bl loop\nbl firmware_done", "loop": "movs r0, #100\n1: subs r0, #1\nbne 1b\nbx lr"}


@pytest.mark.parametrize("board_name", ONE_PER_CORE)
def test_a_loop_is_counted_exactly_on_each_core(engine: Engine, assemble: Assemble, board_name: str) -> None:
    board = load_board(board_name)
    image = assemble(LOOP, board)
    result = run(engine, image, board)
    assert result.verdict is Verdict.FINISHED
    assert result.detail == ""
    assert executions(image, result, "loop") == ([1, 100, 100, 1], [0, 0, 99, 1])
    assert result.profile.instructions == 2 + 1 + 100 + 100 + 1


def test_the_jump_to_the_end_counts_and_the_end_does_not(engine: Engine, assemble: Assemble) -> None:
    image = assemble(LOOP, M4)
    result = run(engine, image, M4)
    assert executions(image, result, "Reset_Handler") == ([1, 1], [1, 1])
    assert executions(image, result, "firmware_done") == ([], [])


def test_running_into_the_end_stops_there(engine: Engine, assemble: Assemble) -> None:
    image = assemble({"Reset_Handler": "nop\nnop\n.global middle\n.thumb_func\nmiddle:\nnop\nb firmware_done"}, M4)
    stop = image.symbols["middle"].address
    symbols = {**image.symbols, "firmware_done": dataclasses.replace(image.symbols["middle"], address=stop)}
    result = run(engine, dataclasses.replace(image, symbols=symbols), M4)
    assert result.verdict is Verdict.FINISHED
    assert executions(image, result, "Reset_Handler") == ([1, 1], [0, 0])


def test_code_across_pages_is_counted_once(engine: Engine, assemble: Assemble) -> None:
    """Engines split blocks at page ends and at a length limit; the counts must not show it."""
    image = assemble(
        {"Reset_Handler": "movs r0, #3\n1: .rept 5000\nnop.w\n.endr\nsubs r0, #1\nbne.w 1b\nbl firmware_done"}, M4
    )
    result = run(engine, image, M4)
    executed, taken = executions(image, result, "Reset_Handler")
    assert executed == [1] + [3] * 5002 + [1]
    assert taken == [0] * 5002 + [2, 1]


@pytest.mark.parametrize("board_name", WITH_IT_BLOCKS)
def test_a_skipped_conditional_instruction_counts(engine: Engine, assemble: Assemble, board_name: str) -> None:
    board = load_board(board_name)
    loop = "movs r1, #0\nmovs r0, #10\n1: tst r0, #1\nite eq\naddeq r1, #1\naddne r1, #16\nsubs r0, #1\nbne 1b"
    body = f"{loop}\nldr r2, =0x20000100\nstr r1, [r2]\nb firmware_done\n.ltorg"
    image = assemble({"Reset_Handler": body}, board)
    result = run(engine, image, board, reads={"sum": (0x20000100, 4)})
    assert executions(image, result, "Reset_Handler") == ([1, 1] + [10] * 6 + [1, 1, 1], [0] * 7 + [9, 0, 0, 1])
    assert result.memory["sum"] == (5 * 1 + 5 * 16).to_bytes(4, "little")


@pytest.mark.parametrize("board_name", WITH_IT_BLOCKS)
def test_a_conditional_return_within_an_it_block(engine: Engine, assemble: Assemble, board_name: str) -> None:
    board = load_board(board_name)
    functions = {
        "Reset_Handler": "movs r0, #0\nbl f\nmovs r0, #1\nbl f\nb firmware_done",
        "f": "cmp r0, #0\nit eq\nbxeq lr\nnop\nbx lr",
    }
    image = assemble(functions, board)
    result = run(engine, image, board)
    assert executions(image, result, "f") == ([2, 2, 2, 1, 1], [0, 0, 1, 0, 1])


@pytest.mark.parametrize("board_name", WITH_IT_BLOCKS)
def test_division(engine: Engine, assemble: Assemble, board_name: str) -> None:
    board = load_board(board_name)
    body = "ldr r0, =1000003\nmovs r1, #7\nudiv r0, r0, r1\nldr r2, =0x20000100\nstr r0, [r2]\nb firmware_done\n.ltorg"
    result = run(engine, assemble({"Reset_Handler": body}, board), board, reads={"quotient": (0x20000100, 4)})
    assert result.verdict is Verdict.FINISHED
    assert result.memory["quotient"] == (1000003 // 7).to_bytes(4, "little")


@pytest.mark.parametrize("encoding", ["0xfbb0, 0xf0f1", "0xfb21, 0x0002", "0xbf08"], ids=["udiv", "smlad", "it"])
def test_what_the_core_does_not_have_is_not_run(engine: Engine, assemble: Assemble, encoding: str) -> None:
    if engine.name in WITH_SUPERSET_CORES:
        pytest.skip("this engine runs it")
    halfwords = "\n".join(f".inst.n {halfword}" for halfword in encoding.split(", "))
    image = assemble({"Reset_Handler": f"movs r1, #1\n{halfwords}\nb firmware_done"}, M0)
    result = run(engine, image, M0, reads={"ram": (M0.ram.origin, 4)})
    assert result.verdict is Verdict.ISA_VIOLATION
    assert result.detail.startswith("cortex-m0 does not have the instruction at")
    assert result.detail.endswith("(Reset_Handler+0x2)")
    assert result.profile.instructions == 0
    assert result.memory == {"ram": b""}


def test_phases_begin_in_order_when_their_function_is_first_reached(engine: Engine, assemble: Assemble) -> None:
    functions = {
        "Reset_Handler": "bl b\nbl a\nnop\nbl b\nbl a\nbl c\nb firmware_done",
        "a": "nop\nbx lr",
        "b": "nop\nnop\nbx lr",
        "c": "bx lr",
    }
    image = assemble(functions, M4)
    result = run(engine, image, M4, phases=("a", "b", "c"))
    assert result.profile.executed.sum(axis=1).tolist() == [1 + 3 + 1, 2 + 2, 3 + 1 + 2 + 1, 1 + 1]
    assert result.profile.taken.sum(axis=1).tolist() == [1 + 1 + 1, 1 + 1, 1 + 1 + 1 + 1, 1 + 1]


def test_one_function_may_begin_several_phases(engine: Engine, assemble: Assemble) -> None:
    image = assemble({"Reset_Handler": "bl a\nbl a\nb firmware_done", "a": "nop\nbx lr"}, M4)
    result = run(engine, image, M4, phases=("a", "a"))
    assert result.profile.executed.sum(axis=1).tolist() == [1, 3, 3]


def test_a_phase_that_is_never_reached_stays_empty(engine: Engine, assemble: Assemble) -> None:
    image = assemble({**LOOP, "Reset_Handler": "bl loop\nb firmware_done\nbl other", "other": "bx lr"}, M4)
    result = run(engine, image, M4, phases=("other",))
    assert result.verdict is Verdict.FINISHED
    assert result.profile.executed[1].sum() == 0


def test_a_phase_that_is_run_into_is_refused(engine: Engine, assemble: Assemble) -> None:
    image = assemble({"Reset_Handler": "nop\n.global inside\n.thumb_func\ninside:\nnop\nb firmware_done"}, M4)
    with pytest.raises(EngineError, match="Reset_Handler"):
        run(engine, image, M4, phases=("inside",))


FAULTS = {
    "udf": ("nop\nudf #0", Verdict.FAULT, "undefined instruction at", "(Reset_Handler+0x2)"),
    "svc": ("nop\nsvc #0", Verdict.FAULT, "supervisor call at", "(Reset_Handler+0x2)"),
    "bkpt": ("nop\nbkpt #0", Verdict.FAULT, "breakpoint at", "(Reset_Handler+0x2)"),
    "firmware_fault": ("nop\nbl firmware_fault", Verdict.FAULT, "firmware_fault reached from", "(Reset_Handler"),
    "read": ("movs r0, #0\nmvns r0, r0\nldrb r1, [r0]", Verdict.BAD_MEMORY_ACCESS, "0xffffffff", "(Reset_Handler+0x4)"),
    "write flash": (
        "adr r0, 1f\nstr r0, [r0]\n.balign 4\n1: nop",
        Verdict.BAD_MEMORY_ACCESS,
        "write to",
        "(Reset_Handler+0x2)",
    ),
    "below RAM": (
        "movs r0, #0x20\nlsls r0, #24\nsubs r0, #4\nstr r0, [r0]",
        Verdict.BAD_MEMORY_ACCESS,
        "0x1ffffffc",
        "(Reset_Handler+0x6)",
    ),
    "jump nowhere": ("ldr r0, =0x60000001\nbx r0\n.ltorg", Verdict.BAD_MEMORY_ACCESS, "0x60000000", "Reset_Handler"),
    "jump to RAM": ("ldr r0, =0x20000001\nbx r0\n.ltorg", Verdict.BAD_MEMORY_ACCESS, "0x20000000", "Reset_Handler"),
    "jump to data": ("ldr r0, =vectors_in_flash\nbx r0\n.ltorg", Verdict.BAD_MEMORY_ACCESS, "no code", "Reset_Handler"),
    "endless loop": ("1: b 1b", Verdict.BUDGET_EXCEEDED, "1000 instructions", "Reset_Handler"),
    "wfi": ("nop\nwfi\nb firmware_done", Verdict.BUDGET_EXCEEDED, "asleep in wfi", "(Reset_Handler+0x2)"),
    "wfe": ("nop\nwfe\nb firmware_done", Verdict.BUDGET_EXCEEDED, "asleep in wfe", "(Reset_Handler+0x2)"),
}


@pytest.mark.parametrize("case", FAULTS)
@pytest.mark.parametrize("board_name", ["microbit", "nucleo-l4r5zi"])
def test_every_way_to_fail_has_its_verdict(engine: Engine, assemble: Assemble, board_name: str, case: str) -> None:
    board = load_board(board_name)
    body, verdict, what, where = FAULTS[case]
    flash = f".equ vectors_in_flash, {board.flash.origin + 1:#x}\n"
    result = run(engine, assemble({"Reset_Handler": flash + body}, board), board, budget=1000)
    assert result.verdict is verdict
    assert what in result.detail
    assert where in result.detail or (engine.name, case) in FOUND_AFTERWARDS


def test_an_m0_faults_on_an_unaligned_access(engine: Engine, assemble: Assemble) -> None:
    if engine.name in WITH_SUPERSET_CORES:
        pytest.skip("this engine's M0 executes more than the real one")
    body = "ldr r0, =0x20000001\nldr r1, [r0]\nb firmware_done\n.ltorg"
    result = run(engine, assemble({"Reset_Handler": body}, M0), M0)
    assert result.verdict is Verdict.FAULT
    assert "unaligned access at" in result.detail
    assert run(engine, assemble({"Reset_Handler": body}, M4), M4).verdict is Verdict.FINISHED


def test_the_budget_is_exact(engine: Engine, assemble: Assemble) -> None:
    image = assemble(LOOP, M4)
    instructions = run(engine, image, M4).profile.instructions
    assert run(engine, image, M4, budget=instructions).verdict is Verdict.FINISHED
    assert run(engine, image, M4, budget=instructions - 1).verdict is Verdict.BUDGET_EXCEEDED
    assert run(engine, image, M4, budget=10).verdict is Verdict.BUDGET_EXCEEDED


def test_an_endless_run_ends_soon_after_its_budget(engine: Engine, assemble: Assemble) -> None:
    image = assemble({"Reset_Handler": "1: nop\nb 1b"}, M4)
    result = run(engine, image, M4, budget=100_000)
    assert result.verdict is Verdict.BUDGET_EXCEEDED
    assert 100_000 < result.profile.instructions <= 200_010


@pytest.mark.parametrize("depth", [0, 1, 17])
def test_the_stack_is_measured_to_the_byte(engine: Engine, assemble: Assemble, depth: int) -> None:
    pushes = "push {r0}\n" * depth + f"add sp, #{4 * depth}\n"
    image = assemble({"Reset_Handler": f"movs r0, #0\n{pushes}b firmware_done"}, M4)
    assert run(engine, image, M4).stack_used_bytes == 4 * depth


def test_a_stack_overflow_faults_instead_of_corrupting_memory(engine: Engine, assemble: Assemble) -> None:
    image = assemble(
        {"Reset_Handler": "push {r0-r3}\nsubs r1, r0, r0\nmov r2, sp\nsubs r2, #4\nstr r1, [r2]\nb firmware_done"},
        M4,
        stack_bytes=16,
    )
    assert image.sections[".stack"].address == M4.ram.origin
    result = run(engine, image, M4)
    assert result.verdict is Verdict.BAD_MEMORY_ACCESS
    assert f"{M4.ram.origin - 4:#x}" in result.detail


@pytest.mark.parametrize("board_name", ["bluepill", "rp2040-pico", "nucleo-h743zi2"])
def test_ram_is_exactly_as_large_as_the_board_says(engine: Engine, assemble: Assemble, board_name: str) -> None:
    board = load_board(board_name)
    end = board.ram.origin + board.ram.size_bytes
    body = "ldr r0, ={address:#x}\nmovs r1, #7\nstrb r1, [r0]\nb firmware_done\n.ltorg"
    last = assemble({"Reset_Handler": body.format(address=end - 1)}, board)
    result = run(engine, last, board, reads={"last": (end - 1, 1)})
    assert result.verdict is Verdict.FINISHED
    assert result.memory["last"] == b"\7"
    beyond = run(engine, assemble({"Reset_Handler": body.format(address=end)}, board), board)
    assert beyond.verdict is Verdict.BAD_MEMORY_ACCESS
    assert f"{end:#x}" in beyond.detail


def test_a_write_past_odd_ram_is_found(engine: Engine, assemble: Assemble) -> None:
    board = dataclasses.replace(M4, ram=dataclasses.replace(M4.ram, size_bytes=5000))
    body = "ldr r0, =0x20001388\nmovs r1, #7\nstrb r1, [r0]\nb firmware_done\n.ltorg"
    result = run(engine, assemble({"Reset_Handler": body}, board), board)
    assert result.verdict is Verdict.BAD_MEMORY_ACCESS
    assert "0x20001388" in result.detail


def test_inputs_go_in_and_results_come_out(engine: Engine, assemble: Assemble) -> None:
    body = "ldr r0, =0x20000200\nldm r0!, {r1, r2}\nadds r1, r1, r2\nstr r1, [r0]\nb firmware_done\n.ltorg"
    image = assemble({"Reset_Handler": body}, M4)
    numbers = np.array([40, 2], "<u4")
    result = run(engine, image, M4, writes={0x20000200: numbers.tobytes()}, reads={"sum": (0x20000208, 4)})
    assert int.from_bytes(result.memory["sum"], "little") == 42


def test_initial_values_lie_in_flash_where_start_up_expects_them(engine: Engine, assemble: Assemble) -> None:
    data = '.section .data.x,"aw",%progbits\nx: .word 0x1234abcd\n.section .text.Reset_Handler'
    copy = "ldr r0, =x\nldr r0, =__load_of_data\nldr r1, [r0]\nldr r0, =0x20000200\nstr r1, [r0]"
    body = f"{data}\n{copy}\nb firmware_done\n.ltorg"
    image = assemble({"Reset_Handler": body}, M4)
    result = run(engine, image, M4, reads={"copy": (0x20000200, 4), "ram": (image.sections[".data"].address, 4)})
    assert int.from_bytes(result.memory["copy"], "little") == 0x1234ABCD
    assert result.memory["ram"] == bytes(4)


def test_a_firmware_for_another_board_is_refused(engine: Engine, assemble: Assemble) -> None:
    with pytest.raises(EngineError, match="outside the board's memories"):
        run(engine, assemble(LOOP, M4), M0)


def test_a_core_that_no_engine_knows_is_refused(engine: Engine, assemble: Assemble) -> None:
    image = assemble(LOOP, M4)
    strange = dataclasses.replace(M4, core=dataclasses.replace(M4.core, name="cortex-a9"))
    with pytest.raises(EngineError, match="cortex-a9"):
        run(engine, image, strange)


def test_a_run_can_be_repeated(engine: Engine, assemble: Assemble) -> None:
    image = assemble({**LOOP, "Reset_Handler": "push {r4, lr}\nbl loop\nbl loop\npop {r4, r5}\nb firmware_done"}, M4)
    first, second = (run(engine, image, M4, phases=("loop",), reads={"all": (M4.ram.origin, 64)}) for _ in range(2))
    assert first.verdict is second.verdict is Verdict.FINISHED
    np.testing.assert_array_equal(first.profile.executed, second.profile.executed)
    np.testing.assert_array_equal(first.profile.taken, second.profile.taken)
    assert (first.memory, first.stack_used_bytes) == (second.memory, second.stack_used_bytes) == (first.memory, 8)


def test_a_result_says_who_made_it(engine: Engine, assemble: Assemble) -> None:
    result = run(engine, assemble(LOOP, M4), M4)
    assert (result.engine, result.engine_version) == (engine.name, engine.version)
    assert engine.version
    assert result.seconds > 0


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    loops=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 50), st.integers(1, 30)), min_size=1, max_size=6),
    board_name=st.sampled_from(["microbit", "nucleo-l4r5zi"]),
)
def test_nested_loops_are_counted_as_calculated(
    engine: Engine, assemble: Assemble, loops: list[tuple[int, int, int]], board_name: str
) -> None:
    """Loops of two levels: (instructions in the inner body, outer repetitions, inner repetitions)."""
    board = load_board(board_name)
    lines: list[str] = []
    executed: list[int] = []
    taken: list[int] = []
    for body, outer, inner in loops:
        lines += [f"movs r0, #{outer}", f"1: movs r1, #{inner}", "2: mov r8, r8", *["adds r2, #1"] * body]
        lines += ["subs r1, #1", "bne 2b", "subs r0, #1", "bne 1b"]
        both = outer * inner
        executed += [1, outer, *[both] * (body + 1), both, both, outer, outer]
        taken += [0, 0, *[0] * (body + 1), 0, both - outer, 0, outer - 1]
    image = assemble({"Reset_Handler": "\n".join([*lines, "b firmware_done"])}, board)
    result = run(engine, image, board)
    assert executions(image, result, "Reset_Handler") == ([*executed, 1], [*taken, 1])
