/* Counts a run at native speed: the emulator calls count_block at the start of every translation block.
 *
 * It counts by difference: +1 where a block starts, -1 where it ends; a running sum then gives the
 * executions of every halfword, however the emulator split the code into blocks. A block that does not
 * begin where the previous one ended was jumped to: the exit belongs to the instruction that ends there.
 * The struct is mirrored in counting.py.
 */
#include <stdint.h>

enum cause { RUNNING = 0, FAULT_SYMBOL = 1, BUDGET = 2, NOT_CODE = 3 };

struct counter {
    int32_t (*stop)(void *engine);
    uint64_t code_start;       /* address of halfword 0 */
    uint64_t halfwords;        /* length of the code */
    uint64_t fault_address;    /* reaching it stops the run */
    uint64_t limit;            /* more executed halfwords stop the run */
    const uint64_t *marks;     /* addresses that begin the next phase */
    uint64_t marks_left;
    int64_t *counts;           /* current phase: halfwords + 1 differences */
    uint64_t *exits;           /* current phase: halfwords + 1 counts, by the address after the jump */
    uint64_t executed;         /* halfwords so far */
    uint64_t begin;            /* of the last block */
    uint64_t end;              /* of the last block */
    uint64_t stopped_at;
    uint32_t cause;
};

void count_block(void *engine, uint64_t address, uint32_t size, void *state)
{
    struct counter *c = state;
    if (c->cause != RUNNING) {
        c->stop(engine);
        return;
    }
    if (address != c->end) {
        c->exits[(c->end - c->code_start) >> 1]++;
    }
    uint64_t first = (address - c->code_start) >> 1;
    if (address == c->fault_address) {
        c->cause = FAULT_SYMBOL;
    } else if (first >= c->halfwords) {
        c->cause = NOT_CODE;
    } else if (c->executed > c->limit) {
        c->cause = BUDGET;
    }
    if (c->cause != RUNNING) {
        c->stopped_at = address;
        c->stop(engine);
        return;
    }
    if (c->marks_left != 0 && address == *c->marks) {
        c->marks++;
        c->marks_left--;
        c->counts += c->halfwords + 1;
        c->exits += c->halfwords + 1;
    }
    uint64_t length = size >> 1;
    if (length > c->halfwords - first) {
        length = c->halfwords - first; /* runs out of the code: the next block is none */
    }
    c->counts[first]++;
    c->counts[first + length]--;
    c->executed += length;
    c->begin = address;
    c->end = address + 2 * length;
}
