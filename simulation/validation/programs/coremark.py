"""Builds CoreMark for a core."""

from pathlib import Path

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.simulation.validation.programs.build import Program

ITERATIONS = 10
FLAGS = ("-O3", "-DPERFORMANCE_RUN=1", f"-DITERATIONS={ITERATIONS}")
_FILES = ("core_list_join.c", "core_main.c", "core_matrix.c", "core_state.c", "core_util.c")
_HEADER = """
#ifndef CORE_PORTME_H
#define CORE_PORTME_H
#include <stddef.h>
typedef signed short ee_s16;
typedef unsigned short ee_u16;
typedef signed int ee_s32;
typedef double ee_f32;
typedef unsigned char ee_u8;
typedef unsigned int ee_u32;
typedef ee_u32 ee_ptr_int;
typedef size_t ee_size_t;
typedef ee_u32 CORE_TICKS;
typedef struct { ee_u8 portable_id; } core_portable;
#define HAS_FLOAT 0
#define HAS_TIME_H 0
#define USE_CLOCK 0
#define HAS_STDIO 0
#define HAS_PRINTF 0
#define COMPILER_VERSION ""
#define COMPILER_FLAGS ""
#define MEM_LOCATION "STACK"
#define align_mem(x) (void *)(4 + (((ee_ptr_int)(x)-1) & ~3))
#define SEED_METHOD SEED_VOLATILE
#define MEM_METHOD MEM_STACK
#define MULTITHREAD 1
#define MAIN_HAS_NOARGC 0
#define MAIN_HAS_NORETURN 0
#define USE_PTHREAD 0
#define USE_FORK 0
#define USE_SOCKET 0
extern ee_u32 default_num_contexts;
void portable_init(core_portable *p, int *argc, char *argv[]);
void portable_fini(core_portable *p);
int ee_printf(const char *format, ...);
#endif
"""
_PORT = """
#include "coremark.h"
volatile ee_s32 seed1_volatile = 0, seed2_volatile = 0, seed3_volatile = 0x66;
volatile ee_s32 seed4_volatile = ITERATIONS, seed5_volatile = 0;
ee_u32 default_num_contexts = 1;
__attribute__((noinline)) void start_time(void) { __asm__ volatile(""); }
__attribute__((noinline)) void stop_time(void) { __asm__ volatile(""); }
CORE_TICKS get_time(void) { return 20; }
secs_ret time_in_secs(CORE_TICKS ticks) { return ticks; }
void portable_init(core_portable *p, int *argc, char *argv[]) { p->portable_id = 1; }
void portable_fini(core_portable *p) { p->portable_id = 0; }
int ee_printf(const char *format, ...) { return 0; }
"""


def program(folder: Path) -> Program:
    """Returns the program of a checkout of eembc/coremark.

    Raises:
        SparseMcuError: The folder is none.
    """
    if not (folder / "core_main.c").is_file():
        raise SparseMcuError(
            "the folder is no checkout of CoreMark", where=str(folder), fix="Clone github.com/eembc/coremark."
        )
    return Program(
        name="coremark",
        sources=[folder / name for name in _FILES],
        includes=[folder],
        flags=FLAGS,
        extra={"core_portme.h": _HEADER, "core_portme.c": _PORT},
        begin="start_time",
        end="stop_time",
    )
