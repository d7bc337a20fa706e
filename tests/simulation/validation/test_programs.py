"""Building and running benchmark programs, on a checkout of two small programs."""

import json
from pathlib import Path

import pytest
from needed import need

from sparse_mcu.costmodel.errors import EngineError, SparseMcuError
from sparse_mcu.simulation.validation.items import predict
from sparse_mcu.simulation.validation.measure import embench_items
from sparse_mcu.simulation.validation.programs import coremark, embench

SUPPORT = """
void initialise_board(void); void start_trigger(void); void stop_trigger(void);
int benchmark(void); int verify_benchmark(int result);
"""
MAIN = """
#include "support.h"
int main(void) {
    initialise_board();
    start_trigger();
    int result = benchmark();
    stop_trigger();
    return !verify_benchmark(result);
}
"""
PROGRAM = """
#include "support.h"
#include <string.h>
static volatile char text[] = "a byte and a byte";
static char copy[sizeof text];
static volatile size_t size = sizeof text;
int benchmark(void) {
    for (int i = 0; i < GLOBAL_SCALE_FACTOR; ++i) memcpy(copy, (char *)text, size);
    return (int)strlen(copy);
}
int verify_benchmark(int result) { return result == RIGHT; }
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    need("arm-none-eabi-gcc")
    for name in ("support", "baseline-data", "src/tiny"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "support" / "support.h").write_text(SUPPORT)
    (tmp_path / "support" / "main.c").write_text(MAIN)
    (tmp_path / "support" / "beebsc.c").write_text("typedef int nothing;\n")
    (tmp_path / "src" / "tiny" / "tiny.c").write_text(PROGRAM.replace("RIGHT", "17"))
    (tmp_path / "baseline-data" / "speed.json").write_text(json.dumps({"tiny": 1}))
    return tmp_path


def test_a_program_is_counted_between_its_triggers(checkout: Path) -> None:
    told: list[str] = []
    (item,) = embench_items(checkout, told.append)
    assert told == ["tiny"]
    assert item.measured_cycles == 16_000
    executed = item.execution.executed[0]
    # 16 copies of 18 bytes, byte by byte, one store each.
    stores = [count for each, count in zip(item.execution.instructions, executed, strict=True) if each.name == "strb"]
    assert 16 * 18 in stores
    assert 16 * 18 * 4 < executed.sum() < 16 * 18 * 7
    assert predict(item).total > executed.sum()


def test_a_wrong_result_is_refused(checkout: Path) -> None:
    (checkout / "src" / "tiny" / "tiny.c").write_text(PROGRAM.replace("RIGHT", "18"))
    with pytest.raises(EngineError, match=r"tiny: .*wrong result"):
        embench_items(checkout, lambda _: None)


def test_a_folder_that_is_no_checkout_is_named(tmp_path: Path) -> None:
    with pytest.raises(SparseMcuError, match="no checkout of Embench"):
        embench.programs(tmp_path)
    with pytest.raises(SparseMcuError, match="no checkout of CoreMark"):
        coremark.program(tmp_path)
