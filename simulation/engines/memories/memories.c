/* Simulates the memories between a core and its flash: the emulator calls observe before every instruction.
 *
 * Instructions are fetched by lines. A load reads flash by lines, too; on a core with a data cache, so does every load
 * and store of cached RAM. A line that a cache holds costs nothing. Every other one is an event, which belongs to the
 * instruction that needed it. What an event costs is priced afterwards.
 * Loads and stores are decoded when they first run, and their addresses come from the core's registers.
 * The structs are mirrored in memories.py.
 */
#include <stdint.h>

enum { LATEST = 7 }; /* the last FETCH_NEXT stands for this many instructions and more */
enum event { FETCH_JUMP, FETCH_NEXT, DATA_READ = FETCH_NEXT + LATEST + 1, DATA_LINE, RAM_LINE };
enum kind { UNKNOWN = 0, NEITHER, LOAD, STORE };

struct access {
    uint8_t kind;
    uint8_t width;   /* bytes of a unit */
    uint8_t units;   /* that lie behind each other */
    uint8_t base;    /* register */
    uint8_t index;   /* register; 16 for none */
    uint8_t shift;   /* of the index */
    int16_t offset;  /* bytes */
};

enum { HINTS = 256 };

struct cache {
    uint32_t shift;        /* log2 of the bytes of a line */
    uint32_t sets;         /* a power of two; 0 if there is no cache */
    uint32_t ways;
    uint32_t recent;       /* the line that was used last, counted from address 0 */
    uint32_t *lines;       /* [sets][ways] */
    uint32_t *older;       /* [sets][ways]: the place in the cache that was used before this one; a ring for each set */
    uint32_t *newer;       /* [sets][ways]: the inverse */
    uint32_t *newest;      /* [sets]: the place that was used last */
    uint32_t hints[HINTS]; /* where a line with these low bits was found last: spares the search */
};

struct memories {
    int32_t (*read_register)(void *engine, int32_t number, void *value);
    const int32_t *registers;    /* the emulator's number of each register */
    const uint16_t *code;
    uint64_t code_start;
    uint64_t halfwords;
    struct access *accesses;     /* [halfwords] */
    const uint64_t *marks_left;  /* of the counter: tells the phase */
    uint64_t phases;
    uint64_t *events;            /* [events][phases][halfwords] */
    uint64_t flash_start, flash_end;
    uint64_t ram_start, ram_end; /* the RAM behind the data cache; empty if there is none */
    struct cache fetch;
    struct cache data;           /* no sets: loads from flash use the cache of the fetches */
    uint32_t line;               /* the line of code that the core executes */
    uint32_t since;              /* instructions that it executed there, without leaving */
};

static struct access decode_narrow(uint32_t h)
{
    static const uint8_t widths[8] = {4, 2, 1, 1, 4, 2, 1, 2};
    uint32_t rn = (h >> 3) & 7, five = (h >> 6) & 31, load = (h >> 11) & 1 ? LOAD : STORE;
    if (h >> 11 == 9)
        return (struct access){LOAD, 4, 1, 15, 16, 0, (int16_t)((h & 255) * 4)};
    if (h >> 12 == 5)
        return (struct access){((h >> 9) & 7) >= 3 ? LOAD : STORE, widths[(h >> 9) & 7], 1, rn, (h >> 6) & 7, 0, 0};
    if (h >> 13 == 3)
        return (struct access){load, (h >> 12) & 1 ? 1 : 4, 1, rn, 16, 0, (int16_t)((h >> 12) & 1 ? five : five * 4)};
    if (h >> 12 == 8)
        return (struct access){load, 2, 1, rn, 16, 0, (int16_t)(five * 2)};
    if (h >> 12 == 9)
        return (struct access){load, 4, 1, 13, 16, 0, (int16_t)((h & 255) * 4)};
    if (h >> 12 == 12)
        return (struct access){load, 4, __builtin_popcount(h & 255), (h >> 8) & 7, 16, 0, 0};
    uint32_t units = __builtin_popcount(h & 511);
    if (h >> 9 == 0x5A)
        return (struct access){STORE, 4, units, 13, 16, 0, (int16_t)(-4 * (int)units)};
    if (h >> 9 == 0x5E)
        return (struct access){LOAD, 4, units, 13, 16, 0, 0};
    return (struct access){NEITHER, 0, 0, 0, 0, 0, 0};
}

static struct access decode_wide(uint32_t h, uint32_t g)
{
    struct access none = {NEITHER, 0, 0, 0, 0, 0, 0};
    uint32_t rn = h & 15, load = (h >> 4) & 1 ? LOAD : STORE, before = (h >> 8) & 1, back = (h >> 5) & 1;
    int32_t sign = (h >> 7) & 1 ? 1 : -1;
    if ((h & 0xFE40) == 0xE800) { /* ldm, stm, push, pop */
        uint32_t units = __builtin_popcount(g);
        return (struct access){load, 4, units, rn, 16, 0, (int16_t)(before ? -4 * (int)units : 0)};
    }
    if ((h & 0xFE40) == 0xE840 && h != 0xE97F) {
        if (before || back) /* ldrd, strd */
            return (struct access){load, 4, 2, rn, 16, 0, (int16_t)(before ? sign * (int)(g & 255) * 4 : 0)};
        if ((h & 0xFFE0) == 0xE840) /* ldrex, strex */
            return (struct access){load, 4, 1, rn, 16, 0, (int16_t)((g & 255) * 4)};
        uint32_t op = (g >> 4) & 15;
        if (load == LOAD && op < 2) /* tbb, tbh */
            return (struct access){LOAD, 1 + op, 1, rn, g & 15, op, 0};
        return (struct access){load, 1 << (op & 3), 1, rn, 16, 0, 0};
    }
    if ((h & 0xFE00) == 0xF800) {
        uint32_t size = (h >> 5) & 3, width = 1 << size;
        if (size == 3 || (load == LOAD && size < 2 && g >> 12 == 15)) /* preload hints */
            return none;
        if (load == LOAD && rn == 15)
            return (struct access){load, width, 1, rn, 16, 0, (int16_t)(sign * (int)(g & 4095))};
        if (sign > 0)
            return (struct access){load, width, 1, rn, 16, 0, (int16_t)(g & 4095)};
        if ((g >> 11) & 1)
            return (struct access){load, width, 1, rn, 16, 0,
                                   (int16_t)((g >> 10) & 1 ? ((g >> 9) & 1 ? 1 : -1) * (int)(g & 255) : 0)};
        return (struct access){load, width, 1, rn, g & 15, (g >> 4) & 3, 0};
    }
    if ((h & 0xFE00) == 0xEC00 && ((g >> 8) & 14) == 10) { /* vldr, vstr, vldm, vstm, vpush, vpop */
        if (before && !back)
            return (struct access){load, 4, 1 + ((g >> 8) & 1), rn, 16, 0, (int16_t)(sign * (int)(g & 255) * 4)};
        uint32_t units = g & ((g >> 8) & 1 ? 254 : 255);
        if (sign > 0 || before)
            return (struct access){load, 4, units, rn, 16, 0, (int16_t)(before ? -4 * (int)units : 0)};
    }
    return none;
}

/* Returns how a load or store finds its address; `second` is the halfword behind the first. */
struct access decode_access(uint32_t first, uint32_t second)
{
    return first >> 11 >= 29 ? decode_wide(first, second) : decode_narrow(first);
}

/* Makes a place the newest of its set. */
static void renew(struct cache *c, uint32_t set, uint32_t place)
{
    uint32_t newest = c->newest[set];
    if (place == newest)
        return;
    if (place != c->newer[newest]) { /* not the oldest, which only becomes the newest */
        uint32_t oldest = c->newer[newest];
        c->newer[c->older[place]] = c->newer[place];
        c->older[c->newer[place]] = c->older[place];
        c->newer[newest] = place;
        c->older[place] = newest;
        c->newer[place] = oldest;
        c->older[oldest] = place;
    }
    c->newest[set] = place;
}

/* Returns where the set holds a line, plus one; 0 if it does not. */
static uint32_t find(const uint32_t *lines, uint32_t ways, uint32_t line)
{
    uint32_t found = 0;
    for (uint32_t way = 0; way < ways; way++)
        found |= lines[way] == line ? way + 1 : 0;
    return found;
}

/* Tells whether the cache holds a line. If not, the line takes the place of the one that was used least recently. */
static int holds(struct cache *c, uint32_t line)
{
    uint32_t *hint = &c->hints[line & (HINTS - 1)], set = line & (c->sets - 1);
    if (c->lines[*hint] != line) {
        uint32_t found = find(c->lines + set * c->ways, c->ways, line);
        *hint = found ? set * c->ways + found - 1 : c->newer[c->newest[set]];
        if (!found) {
            c->lines[*hint] = line;
            renew(c, set, *hint);
            return 0;
        }
    }
    renew(c, set, *hint);
    return 1;
}

static void count(struct memories *m, enum event event, uint64_t halfword)
{
    m->events[(event * m->phases + m->phases - 1 - *m->marks_left) * m->halfwords + halfword]++;
}

static void fetch(struct memories *m, uint32_t line, uint64_t halfword)
{
    int follows = line == m->line + 1;
    if (!holds(&m->fetch, line))
        count(m, follows ? FETCH_NEXT + (m->since < LATEST ? m->since : LATEST) : FETCH_JUMP, halfword);
    m->line = line;
    m->since = 0;
}

static void touch(struct memories *m, enum kind kind, uint32_t address, uint64_t halfword)
{
    int is_flash = address >= m->flash_start && address < m->flash_end;
    if (is_flash && kind == LOAD)
        count(m, DATA_READ, halfword);
    else if (address < m->ram_start || address >= m->ram_end)
        return;
    struct cache *c = m->data.sets ? &m->data : &m->fetch;
    uint32_t line = address >> c->shift;
    if (c == &m->data && line == c->recent)
        return;
    c->recent = line;
    if (!holds(c, line) && kind == LOAD)
        count(m, is_flash ? DATA_LINE : RAM_LINE, halfword);
}

static uint32_t value(struct memories *m, void *engine, uint32_t number)
{
    uint32_t found = 0;
    m->read_register(engine, m->registers[number], &found);
    return found;
}

void observe(void *engine, uint64_t address, uint32_t size, void *state)
{
    struct memories *m = state;
    uint64_t halfword = (address - m->code_start) >> 1;
    if (halfword >= m->halfwords)
        return;
    uint32_t line = (uint32_t)address >> m->fetch.shift, last = (uint32_t)(address + size - 1) >> m->fetch.shift;
    if (line != m->line)
        fetch(m, line, halfword);
    if (last != line)
        fetch(m, last, halfword);
    m->since++;
    struct access *a = &m->accesses[halfword];
    if (a->kind == UNKNOWN)
        *a = decode_access(m->code[halfword], halfword + 1 < m->halfwords ? m->code[halfword + 1] : 0);
    if (a->kind == NEITHER)
        return;
    uint32_t at = a->base == 15 ? ((uint32_t)address + 4) & ~3u : value(m, engine, a->base);
    if (a->index != 16)
        at += value(m, engine, a->index) << a->shift;
    at += (uint32_t)(int32_t)a->offset;
    for (uint32_t unit = 0; unit < a->units; unit++)
        touch(m, a->kind, at + unit * a->width, halfword);
}
