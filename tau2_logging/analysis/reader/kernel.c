/* Reads lines whose shape is known, byte by byte, into typed columns; what does not fit exactly is left to the caller.
 *
 * `compiled.py` says what is done with it, and makes the structures below. No memory is allocated here, nothing is kept between calls, and
 * no byte is read outside of the line at hand.
 */
#include <float.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "one division has to be rounded once"
#endif

enum { NOTHING, WHOLE, DECIMAL, TRUTH, ID, WORD, PAYLOAD };
enum { ID_SIZE = 16, MOST_DIGITS = 16, EXACT_DIGITS = 15 };
enum { ROW, TIME, THREAD, LEVEL, TASK, HEADER_OUTS };

typedef uint8_t byte;
typedef struct { const byte *text; int64_t size, value; } Entry; /* text is NULL in a free slot */
typedef struct { Entry *entries; uint64_t mask, seed; } Table;   /* more slots than entries */
typedef struct { const byte *literal; int64_t size, kind; const Table *words; } Step;
typedef struct { const Step *steps; int64_t count, out, next; } Template; /* next: another one of the type, -1 for none */
typedef struct { const Table *levels, *days, *tasks, *types; const Template *templates; const int64_t *of_type; } Program;

static uint64_t hash(const byte *text, int64_t size, uint64_t seed) {
    uint64_t mixed = seed ^ (uint64_t)size, word;
    for (; size >= 8; size -= 8, text += 8) {
        memcpy(&word, text, 8);
        mixed = (mixed ^ word) * 0x9E3779B97F4A7C15u;
        mixed ^= mixed >> 32;
    }
    for (; size > 0; size--) mixed = (mixed ^ *text++) * 0x9E3779B97F4A7C15u;
    return mixed ^ (mixed >> 29);
}

static Entry *slot(const Table *table, const byte *text, int64_t size) {
    for (uint64_t place = hash(text, size, table->seed);; place++) {
        Entry *entry = &table->entries[place & table->mask];
        if (!entry->text || (entry->size == size && !memcmp(entry->text, text, (size_t)size))) return entry;
    }
}

/* Adds a word to a table that has room; its bytes have to stay. */
void put_word(const Table *table, const byte *text, int64_t size, int64_t value) {
    *slot(table, text, size) = (Entry){text, size, value};
}

/* Offsets of lines and of their newlines; how many there are, also where `room` is less. */
int64_t find_lines(const byte *text, int64_t begin, int64_t end, int64_t *starts, int64_t *ends, int64_t room) {
    int64_t count = 0;
    const byte *newline;
    for (; begin < end && (newline = memchr(text + begin, '\n', (size_t)(end - begin))); begin = newline - text + 1, count++) {
        if (count >= room) continue;
        starts[count] = begin;
        ends[count] = newline - text;
    }
    return count;
}

typedef struct { const byte *at, *end; } Line;

static int skip(Line *line, const byte *literal, int64_t size) {
    if (line->end - line->at < size || memcmp(line->at, literal, (size_t)size)) return 0;
    line->at += size;
    return 1;
}

static int word(Line *line, const Table *words, int64_t *value) {
    const byte *begin = line->at;
    while (line->at < line->end && *line->at > ' ') line->at++;
    const Entry *entry = slot(words, begin, line->at - begin);
    *value = entry->value;
    return entry->text != NULL;
}

/* Digits onto a number; how many. */
static int64_t digits(Line *line, int64_t most, int64_t *number) {
    const byte *begin = line->at, *end = line->end - begin > most ? begin + most : line->end;
    const byte *at = begin;
    int64_t value = *number;
    for (; at < end && (byte)(*at - '0') < 10; at++) value = 10 * value + (*at - '0');
    *number = value;
    line->at = at;
    return at - begin;
}

/* Without leading zeros; what follows a longest number has to be checked by the caller, as what follows any value. */
static int64_t whole(Line *line, int64_t *number) {
    int64_t count, zero = line->at < line->end && *line->at == '0';
    *number = 0;
    count = digits(line, MOST_DIGITS, number);
    return zero && count > 1 ? 0 : count;
}

/* At most 15 digits are exact in a double, and so is the power of ten: the one division gives the double that is nearest. */
static int decimal(Line *line, double *value) {
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    int64_t number, before = whole(line, &number), after;
    if (!before || before >= EXACT_DIGITS || !skip(line, (const byte *)".", 1)) return 0;
    after = digits(line, EXACT_DIGITS - before, &number);
    *value = (double)number / powers[after];
    return after > 0;
}

static int truth(Line *line, int8_t *value) {
    *value = skip(line, (const byte *)"true", 4) != 0;
    return *value || skip(line, (const byte *)"false", 5);
}

static int id(Line *line, byte *value) {
    int64_t size = 0;
    memset(value, 0, ID_SIZE);
    for (; line->at < line->end && *line->at > ' '; line->at++) {
        byte one = *line->at;
        if (size == ID_SIZE || one < '+' || one > '~' || one == '=' || one == '\\') return 0;
        value[size++] = one;
    }
    return size > 0;
}

/* A bare text, or a literal without escapes. The caller looks at what is in it. */
static int payload(Line *line) {
    if (line->at == line->end || *line->at != '"') {
        const byte *begin = line->at;
        while (line->at < line->end && *line->at > ' ') line->at++;
        return line->at > begin;
    }
    for (line->at++; line->at < line->end && *line->at != '"'; line->at++)
        if (*line->at < ' ' || *line->at == '\\') return 0;
    return skip(line, (const byte *)"\"", 1);
}

static int two(const byte *at, int64_t *value) {
    byte tens = (byte)(at[0] - '0'), ones = (byte)(at[1] - '0');
    *value = 10 * tens + ones;
    return tens < 10 && ones < 10;
}

/* Milliseconds since midnight of HH:MM:SS.mmm */
static int clock_ms(Line *line, int64_t *value) {
    const byte *at = line->at;
    int64_t hours, minutes, seconds, tens;
    if (line->end - at < 12 || at[2] != ':' || at[5] != ':' || at[8] != '.') return 0;
    if (!two(at, &hours) || !two(at + 3, &minutes) || !two(at + 6, &seconds) || !two(at + 9, &tens) || (byte)(at[11] - '0') > 9) return 0;
    *value = ((hours * 60 + minutes) * 60 + seconds) * 1000 + tens * 10 + (at[11] - '0');
    line->at += 12;
    return hours < 24 && minutes < 60 && seconds < 60;
}

/* The fields of a line, into row `n` of `outs`; whether all of the line fits. */
static int fields(Line line, const byte *text, const Template *shape, void **outs, int64_t n) {
    for (const Step *step = shape->steps, *last = step + shape->count; step < last; step++) {
        int64_t value;
        int good = 1;
        if (!skip(&line, step->literal, step->size)) return 0;
        switch (step->kind) {
        case WHOLE: good = whole(&line, (int64_t *)*outs++ + n) > 0; break;
        case DECIMAL: good = decimal(&line, (double *)*outs++ + n); break;
        case TRUTH: good = truth(&line, (int8_t *)*outs++ + n); break;
        case ID: good = id(&line, (byte *)*outs++ + ID_SIZE * n); break;
        case WORD: good = word(&line, step->words, &value); ((int32_t *)*outs++)[n] = (int32_t)value; break;
        case PAYLOAD:
            ((int64_t *)*outs++)[n] = line.at - text;
            good = payload(&line);
            ((int64_t *)*outs++)[n] = line.at - text;
        }
        if (!good) return 0;
    }
    return line.at == line.end;
}

/* Reads one line; whether it could. */
static int one_line(const byte *text, Line line, int64_t row, const Program *program, void **outs, int64_t *counts) {
    int64_t level, day, clock, task, thread, type;
    if (!word(&line, program->levels, &level) || !skip(&line, (const byte *)" ", 1)) return 0;
    if (!word(&line, program->days, &day) || !skip(&line, (const byte *)" ", 1)) return 0;
    if (!clock_ms(&line, &clock) || !skip(&line, (const byte *)" task=", 6) || !word(&line, program->tasks, &task)) return 0;
    if (!skip(&line, (const byte *)" thread=", 8) || !whole(&line, &thread)) return 0;
    if (!skip(&line, (const byte *)" type=", 6) || !word(&line, program->types, &type)) return 0;
    for (int64_t index = program->of_type[type]; index >= 0; index = program->templates[index].next) {
        const Template *shape = &program->templates[index];
        void **out = outs + shape->out;
        int64_t n = counts[index];
        if (!fields(line, text, shape, out + HEADER_OUTS, n)) continue;
        ((int64_t *)out[ROW])[n] = row;
        ((int64_t *)out[TIME])[n] = day + clock;
        ((int64_t *)out[THREAD])[n] = thread;
        ((int32_t *)out[LEVEL])[n] = (int32_t)level;
        ((int32_t *)out[TASK])[n] = (int32_t)task;
        counts[index]++;
        return 1;
    }
    return 0;
}

/* Reads the given lines of a text: `counts` of rows by template, in `left` the lines that fit none; how many these are. */
int64_t read_lines(const byte *text, const int64_t *starts, const int64_t *ends, const int64_t *lines, int64_t count, const Program *program,
                   void **outs, int64_t *counts, int64_t *left) {
    int64_t more = 0;
    for (int64_t index = 0; index < count; index++) {
        int64_t row = lines[index];
        Line line = {text + starts[row], text + ends[row]};
        if (!one_line(text, line, row, program, outs, counts)) left[more++] = row;
    }
    return more;
}
