/* Subjects by profile: attributes with usual values, and requests that have them. */
#ifndef TESTS_UNIT_RULES_SUBJECTS_H
#define TESTS_UNIT_RULES_SUBJECTS_H

#include "tests/unit/rules/tables.h"

#define C      "\x55\x04\x06"
#define ST     "\x55\x04\x08"
#define L      "\x55\x04\x07"
#define POSTAL "\x55\x04\x11"
#define STREET "\x55\x04\x09"
#define O      "\x55\x04\x0a"
#define SN     "\x55\x04\x04"
#define GN     "\x55\x04\x2a"
#define OU     "\x55\x04\x0b"
#define CN     "\x55\x04\x03"
#define BC     "\x55\x04\x0f"
#define SERIAL "\x55\x04\x05"
#define ORGID  "\x55\x04\x61"
#define DC     "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"
#define EMAIL  "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"
#define JC     "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03"
#define JST    "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02"
#define JL     "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01"

enum { DV, IV, OV, EV, PRINTABLE = 0x13, UTF8 = 0x0c, IA5 = 0x16, TELETEX = 0x14 };

struct attribute {
    const char *oid;
    uint8_t tag;
    const char *value;
};

#define US                 \
    {                      \
        C, PRINTABLE, "US" \
    }
#define XST              \
    {                    \
        ST, UTF8, "Ohio" \
    }
#define XL               \
    {                    \
        L, UTF8, "Delft" \
    }
#define XO              \
    {                   \
        O, UTF8, "Acme" \
    }
#define XSN             \
    {                   \
        SN, UTF8, "Doe" \
    }
#define XGN            \
    {                  \
        GN, UTF8, "Jo" \
    }
#define XCN                         \
    {                               \
        CN, UTF8, "www.example.com" \
    }
#define XBC                              \
    {                                    \
        BC, UTF8, "Private Organization" \
    }
#define XJC                 \
    {                       \
        JC, PRINTABLE, "US" \
    }
#define XSE                          \
    {                                \
        SERIAL, PRINTABLE, "1234567" \
    }

/* A request of this profile (DV ... EV) for www.example.com with these attributes, up to the first without
 * an OID, and all the evidence it needs. */
void subject_request(int which, const struct attribute *a, size_t n);

#endif
