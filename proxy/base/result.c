#include "proxy/base/result.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    enum cs_class cls;
    const char *text;
} rows[] = { [CS_NUM_OK_] = { "OK", CS_CLASS_NONE, "done" },
#define X(num, c, t) [CS_NUM_##num] = { #num, CS_CLASS_##c, t },
             CS_RESULTS(X)
#undef X
};

enum cs_class cs_result_class_of_number(enum cs_result_number num)
{
    return (uint32_t)num < CS_NUM_COUNT ? rows[num].cls : CS_CLASS_BUG;
}

const char *cs_result_name(cs_result r)
{
    uint32_t num = r.code & 0xffffu;
    return num < CS_NUM_COUNT ? rows[num].name : "UNKNOWN";
}

const char *cs_result_text(cs_result r)
{
    uint32_t num = r.code & 0xffffu;
    return num < CS_NUM_COUNT ? rows[num].text : "unknown failure";
}

void cs_note_set(struct cs_note *note, const char *format, ...)
{
    if (note == NULL)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(note->text, sizeof note->text, format, args);
    va_end(args);
}
