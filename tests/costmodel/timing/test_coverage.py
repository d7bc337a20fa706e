"""Everything that compilers emit has a price: compiled kernels, and gcc's own library, instruction by instruction."""

import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from code_sections import all_code
from elftools.elf.elffile import ELFFile
from needed import need

from sparse_mcu.costmodel.devices import core_names, load_core
from sparse_mcu.costmodel.timing import Profile, price
from sparse_mcu.costmodel.timing.decode import decode
from sparse_mcu.costmodel.timing.table import load_table

SOURCE = """
#include <stdint.h>
#include <stddef.h>
#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
int32_t dsp(const uint32_t *x, const uint32_t *w, int n) {
    int32_t sum = 0; int64_t wide = 0;
    for (int i = 0; i < n; ++i) {
        uint32_t a = x[i], b = w[i];
        sum = __smlad(__sxtb16(a), __sxtb16(b), sum);
        sum = __smladx(__sxtb16((a >> 8) | (a << 24)), __sxtab16(b, a), sum);
        sum = __smlabb(a, b, __smlatt(a, b, sum));
        wide = __smlald(a, b, wide);
        sum += (int32_t)__usad8(a, __uqadd8(a, b));
        sum = __ssat(__qadd(sum, (int32_t)__sadd16(a, b)), 8);
        sum += (int32_t)__usat(__qsub(sum, 3), 7);
    }
    return sum + (int32_t)(wide >> 7);
}
int32_t high(int32_t a, int32_t m, int32_t z) { return z + (int32_t)(((int64_t)a * m + 0x80000000LL) >> 32); }
#endif
struct big { int32_t v[9]; };
struct bits { unsigned a : 5, b : 7; int c : 9; };
volatile struct big sink, fountain;
void dense(const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y, int n, int m, int32_t q, int32_t z) {
    for (int o = 0; o < m; ++o) {
        int32_t sum = b[o];
        for (int i = 0; i < n; ++i) sum += x[i] * w[o * n + i];
        int64_t scaled = (int64_t)sum * q + 0x80000000LL;
        int32_t r = (int32_t)(scaled >> 32) + z;
        y[o] = (int8_t)(r < -128 ? -128 : r > 127 ? 127 : r);
    }
}
void pool(const uint16_t *x, int16_t *y, int n) {
    for (int i = 0; i < n; i += 2) y[i / 2] = (int16_t)(x[i] > x[i + 1] ? x[i] : x[i + 1]);
}
uint32_t softmax(const uint32_t *e, uint32_t s, int n) {
    uint32_t t = 0;
    for (int i = 0; i < n; ++i) t += e[i] / s + e[i] % 10u;
    return t;
}
int32_t average(int32_t s, int32_t n) { return s / n; }
uint64_t divide(uint64_t a, uint64_t b) { return a / b; }
int64_t wide(int64_t a, int64_t b) { return a * b + (a >> 3) - (b << 5); }
int pick(int k, int a, int b) {
    switch (k) { case 0: return a * 3; case 1: return b ^ a; case 2: return a & ~b; case 3: return a | b;
                 case 4: return -a; case 5: return ~b; case 6: return a >> (b & 31); case 7: return a - 7 * b; }
    return k;
}
unsigned flags(struct bits f) { f.a++; f.c = -3; return f.a + f.b + (unsigned)f.c; }
unsigned swap(unsigned a) { return __builtin_bswap32(a) ^ __builtin_bswap16((uint16_t)a); }
unsigned zeros(unsigned a) { return (unsigned)__builtin_clz(a | 1u); }
unsigned parts(unsigned a) { return ((a >> 3) & 0x7fu) | ((a << 9) & 0xf000u); }
void copy(void) { sink = fountain; }
int call(int (*f)(int, int, int), int a) { return f(a, a + 1, a + 2) + pick(a, 1, 2); }
void move(uint64_t *to, const uint64_t *from, size_t n) { while (n--) *to++ = *from++; }
uint8_t *fill(uint8_t *to, int v, size_t n) { for (size_t i = 0; i < n; ++i) to[i] = (uint8_t)v; return to; }
void start(void) { for (;;) __asm__ volatile("bkpt 0xab"); }
"""


OPTIONS = ["-O2", "-mfloat-abi=soft", "-ffreestanding"]


def gcc(core: str) -> tuple[list[str], list[str]]:
    """Command, and what comes after the source: gcc's library goes into the program."""
    link = ["-nostdlib", "-Wl,-e,start", "-Wl,--no-gc-sections", "-lgcc"]
    return ["arm-none-eabi-gcc", "-mthumb", f"-mcpu={core}"], link


def zig(core: str) -> tuple[list[str], list[str]]:
    """Command, and what comes after the source; zig leaves the DSP extension out of M33 unless asked."""
    cpu = core.replace("-", "_") + ("+dsp" if core == "cortex-m33" else "")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "thumb-freestanding-eabi", f"-mcpu={cpu}"]
    return [*command, "-fno-sanitize=all"], ["-c"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("coverage") / "sample.c"
    path.write_text(SOURCE)
    return path


@pytest.mark.parametrize("name", core_names())
@pytest.mark.parametrize("compiler", [gcc, zig])
def test_every_emitted_instruction_has_exactly_one_row(
    source: Path, compiler: Callable[[str], tuple[list[str], list[str]]], name: str
) -> None:
    core, (command, rest) = load_core(name), compiler(name)
    need(command[0])
    target = source.with_name(f"{compiler.__name__}-{name}.elf")
    subprocess.run([*command, *OPTIONS, source, "-o", target, *rest], check=True)
    names: set[str] = set()
    for address, data, starts in all_code(ELFFile(BytesIO(target.read_bytes()))):
        executed = np.zeros((1, len(data) // 2), np.uint64)
        executed[0, starts] = 1
        assert price(Profile(address, executed, np.zeros_like(executed)), data, core).total > 0
        names.update(item.keys[-1] for item in decode(data, executed[0] > 0, core, address))
    assert names <= set(load_table(name).rows)
    assert len(names) >= 30, sorted(names)
    if core.has_dsp:
        assert {"smlad", "sxtb16", "smlald"} <= names
    if core.has_hardware_divide:
        assert {"udiv", "sdiv"} <= names
