"""The stack's bound against the compiler's account and against what runs show."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_firmware import build_assembly, build_c, run

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.binary.stack_bound import StackBound, stack_bound
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.engines.protocol import Verdict
from sparse_mcu.simulation.toolchain import find_toolchain
from sparse_mcu.simulation.toolchain.protocol import Toolchain

M4 = load_board("nucleo-l4r5zi")
ONE_PER_ARCHITECTURE = ["microbit", "bluepill", "nucleo-l4r5zi", "nucleo-u575zi-q"]

FRAMES = """
#include <stdint.h>
int main(void);
volatile int32_t sink;
static void touch(volatile int8_t *p, int32_t n)
{
    for (int32_t i = 0; i < n; i++) { p[i] = (int8_t)i; sink += p[i]; }
}
#define FRAME(name, bytes) \\
    __attribute__((noinline)) int32_t name(int32_t x); \\
    __attribute__((noinline)) int32_t name(int32_t x) \\
    { volatile int8_t a[bytes]; touch(a, bytes); return a[x & 3] + x; }
FRAME(leaf_8, 8)
FRAME(leaf_100, 100)
FRAME(leaf_400, 400)
FRAME(leaf_516, 516)
FRAME(leaf_1500, 1500)
FRAME(leaf_5000, 5000)
__attribute__((noinline)) int32_t nested(int32_t x);
__attribute__((noinline)) int32_t nested(int32_t x) { return leaf_100(x) * 3 + leaf_8(x + 1); }
__attribute__((noinline)) int32_t tail(int32_t x);
__attribute__((noinline)) int32_t tail(int32_t x) { sink = leaf_8(x); return leaf_1500(x + 1); }
__attribute__((noinline)) int32_t early(int32_t x);
__attribute__((noinline)) int32_t early(int32_t x) { if (x < 0) return 1; return leaf_516(x) + leaf_400(x); }
__attribute__((noinline)) int64_t wide(int64_t a, int64_t b);
__attribute__((noinline)) int64_t wide(int64_t a, int64_t b) { return a * b + a / (b | 1) + (a << (b & 31)); }
int main(void)
{
    sink += nested(sink) + tail(sink) + early(sink) + leaf_5000(sink) + (int32_t)wide(sink, sink + 1);
    return 0;
}
"""


@pytest.mark.parametrize("board_name", ONE_PER_ARCHITECTURE)
def test_decoded_frames_equal_the_compilers(toolchain: Toolchain, tmp_path: Path, board_name: str) -> None:
    """The two sources of frames, independent of each other, wherever both speak."""
    image = build_c(FRAMES, load_board(board_name), tmp_path, toolchain)
    decoded = {name: frame_without_report(image, name) for name in image.stack_usage}
    assert {"nested", "tail", "early", "wide", "leaf_8", "leaf_100", "leaf_400"} <= set(decoded)
    for name, size in image.stack_usage.items():
        assert decoded[name] == size or (decoded[name] is None and size > 500)


def frame_without_report(image: FirmwareImage, name: str) -> int | None:
    """A function's frame by its instructions alone; None where they allocate it through a register."""
    others = {other: size for other, size in image.stack_usage.items() if other != name}
    try:
        return stack_bound(dataclasses.replace(image, stack_usage=others)).frames.get(name, image.stack_usage[name])
    except ToolchainError as error:
        if "moves the stack pointer by a register" in str(error):
            return None
        raise


@pytest.mark.parametrize("board_name", ONE_PER_ARCHITECTURE)
def test_the_bound_is_at_or_closely_above_what_a_run_uses(
    toolchain: Toolchain, tmp_path: Path, board_name: str
) -> None:
    board = load_board(board_name)
    code = FRAMES.replace("leaf_5000(sink)", "0")
    image = build_c(code, board, tmp_path, toolchain)
    result = run(find_engine("unicorn"), image, board)
    assert result.verdict is Verdict.FINISHED
    bound = stack_bound(image).bytes
    assert result.stack_used_bytes <= bound <= result.stack_used_bytes + 32
    assert image.sections[".stack"].size_bytes == -(-bound // 8) * 8


def bound_of(functions: Mapping[str, str], folder: Path) -> StackBound:
    """The bound of functions in assembly on a Cortex-M4."""
    return stack_bound(build_assembly(functions, M4, folder))


def test_the_example_of_the_module(tmp_path: Path) -> None:
    functions = {
        "Reset_Handler": "push {r4, lr}\nbl main\nbl firmware_done",
        "main": "push {r4-r6, lr}\nbl f\npop {r4-r6, lr}\nb g",
        "f": "sub sp, #40\nadd sp, #40\nbx lr",
        "g": "sub sp, #48\nadd sp, #48\nbx lr",
    }
    bound = bound_of(functions, tmp_path)
    assert (bound.bytes, bound.chain) == (64, ("Reset_Handler", "main", "f"))
    assert bound.frames == {"Reset_Handler": 8, "main": 16, "f": 40, "g": 48, "firmware_done": 0}


def test_the_chain_names_the_deepest_path(tmp_path: Path) -> None:
    functions = {
        "Reset_Handler": "push {r4, lr}\nbl a\nbl b\nbl firmware_done",
        "a": "push {r4-r7, lr}\nbl c\npop {r4-r7, pc}",
        "b": "push {lr}\nsub sp, #100\nbl c\nadd sp, #100\npop {pc}",
        "c": "push {r0}\npop {r0}\nbx lr",
    }
    bound = bound_of(functions, tmp_path)
    assert bound.bytes == 8 + 104 + 4
    assert bound.chain == ("Reset_Handler", "b", "c")
    assert bound.frames == {"Reset_Handler": 8, "a": 20, "b": 104, "c": 4, "firmware_done": 0}


def test_a_call_after_the_frame_is_gone_costs_none_of_it(tmp_path: Path) -> None:
    functions = {
        "Reset_Handler": "bl a\nb firmware_done",
        "a": "push {r4-r7, lr}\npop {r4-r7, lr}\nb.w b",
        "b": "sub sp, #12\nadd sp, #12\nbx lr",
    }
    assert bound_of(functions, tmp_path).bytes == 20


def test_a_function_that_does_not_return_ends_its_callers_path(tmp_path: Path) -> None:
    """What lies behind the call is another function, here one that would make a recursion."""
    functions = {
        "Reset_Handler": "bl a\nb firmware_done",
        "a": "push {r4, lr}\nbl stop",
        "a_neighbour": "push {r4, lr}\nbl a\npop {r4, pc}",
        "stop": "bl firmware_done",
    }
    assert bound_of(functions, tmp_path).bytes == 8


def test_a_call_within_an_it_block_counts_and_may_not_happen(tmp_path: Path) -> None:
    functions = {
        "Reset_Handler": "cmp r0, #0\nit eq\nbleq never_back\npush {r0-r7}\nb firmware_done",
        "never_back": "push {r0-r3}\n1: b 1b",
    }
    assert bound_of(functions, tmp_path).bytes == 32
    functions["never_back"] = "push {r0-r7, lr}\n1: b 1b"
    assert bound_of(functions, tmp_path).chain == ("Reset_Handler", "never_back")


def test_every_way_to_move_the_stack_pointer_is_understood(tmp_path: Path) -> None:
    moves = [
        ("push {r4, r5, lr}", "pop {r4, r5, lr}", 12),
        ("push.w {r4, r8, lr}", "pop.w {r4, r8, lr}", 12),
        ("stmdb sp!, {r4, r5}", "ldm sp!, {r4, r5}", 8),
        ("str lr, [sp, #-4]!", "ldr lr, [sp], #4", 4),
        ("strd r4, r5, [sp, #-16]!", "ldrd r4, r5, [sp], #16", 16),
        ("sub sp, #24", "add sp, #24", 24),
        ("sub sp, sp, #1024", "add sp, sp, #1024", 1024),
        ("subw sp, sp, #1028", "addw sp, sp, #1028", 1028),
    ]
    body = "\n".join([down for down, _, _ in moves] + [up for _, up, _ in reversed(moves)])
    bound = bound_of({"Reset_Handler": f"{body}\nb firmware_done"}, tmp_path)
    assert bound.bytes == sum(size for _, _, size in moves)


CALL_A = "bl a\nb firmware_done"
RECURSIVE = "push {lr}\nbl a\npop {pc}"


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"a": "push {lr}\nbl b\npop {pc}", "b": RECURSIVE}, "recursion: a -> b -> a"),
        ({"a": RECURSIVE}, "recursion: a -> a"),
        ({"a": "blx r0\nbx lr"}, r"a jumps through a register at \S+ \(blx r0\)"),
        ({"a": "bx r3"}, r"a jumps through a register at \S+ \(bx r3\)"),
        ({"a": "ldr pc, [r3]"}, "a jumps through a register"),
        ({"a": "mov pc, r3"}, "a jumps through a register"),
        ({"a": "tbb [pc, r0]"}, "a jumps through a register"),
        ({"a": "sub sp, r3\nadd sp, r3\nbx lr"}, "a moves the stack pointer by a register"),
        ({"a": "nop\n1: push {r0}\nb 1b"}, "a pushes in a loop"),
        ({"Reset_Handler": "nop"}, "where there is no code"),
    ],
)
def test_what_has_no_bound_is_refused_by_name(tmp_path: Path, functions: dict[str, str], message: str) -> None:
    with pytest.raises(ToolchainError, match=message):
        bound_of({"Reset_Handler": CALL_A, **functions}, tmp_path)


def test_a_loop_that_begins_at_the_function_is_no_recursion(tmp_path: Path) -> None:
    functions = {"Reset_Handler": "movs r0, #3\nbl a\nb firmware_done", "a": "subs r0, #1\nbne a\nbx lr"}
    assert bound_of(functions, tmp_path).bytes == 0


def test_literal_pools_are_not_read_as_code(tmp_path: Path) -> None:
    """0xf7ff, 0xfffe would be a call to itself."""
    functions = {"Reset_Handler": "ldr r0, =0xfffef7ff\nb firmware_done\n.ltorg"}
    assert bound_of(functions, tmp_path).bytes == 0


@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_random_call_graphs_use_exactly_their_bound(data: st.DataObject) -> None:
    """Every function calls all its callees, so a run reaches the deepest chain."""
    count = data.draw(st.integers(2, 12))
    functions = {}
    for index in range(count):
        callees = data.draw(st.sets(st.integers(index + 1, count - 1), max_size=3)) if index + 1 < count else set()
        local = 4 * data.draw(st.integers(1, 30))
        calls = "\n".join(f"bl f{callee}" for callee in sorted(callees))
        down = f"push {{r4, lr}}\nsub sp, #{local}\nmovs r4, #0\nstr r4, [sp]"
        functions[f"f{index}"] = f"{down}\n{calls}\nadd sp, #{local}\npop {{r4, pc}}"
    functions["Reset_Handler"] = "bl f0\nb firmware_done"
    board = load_board(data.draw(st.sampled_from(["microbit", "nucleo-l4r5zi"])))
    with TemporaryDirectory() as folder:
        image = build_assembly(functions, board, Path(folder), find_toolchain("zig"), stack_bytes=4096)
        result = run(find_engine("unicorn"), image, board, budget=10**8)
        assert result.verdict is Verdict.FINISHED
        assert stack_bound(image).bytes == result.stack_used_bytes
