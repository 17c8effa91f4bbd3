#include "proxy/gate/der/der.h"

#include "proxy/base/clock.h"

static const char *integer_flaw(struct cs_span v)
{
    if (v.len == 0)
        return "INTEGER without content";
    if (v.len > 1 && ((v.at[0] == 0x00 && v.at[1] < 0x80) || (v.at[0] == 0xff && v.at[1] >= 0x80)))
        return "INTEGER with a padding octet";
    return NULL;
}

static const char *bit_string_flaw(struct cs_span v)
{
    if (v.len == 0)
        return "BIT STRING without its count of unused bits";
    if (v.at[0] > 7)
        return "BIT STRING with more than seven unused bits";
    if (v.len == 1)
        return v.at[0] == 0 ? NULL : "empty BIT STRING with unused bits";
    if ((v.at[v.len - 1] & ((1u << v.at[0]) - 1)) != 0)
        return "BIT STRING whose unused bits are not zero";
    return NULL;
}

const char *cs_der_named_bits_flaw(struct cs_span v)
{
    const char *flaw = bit_string_flaw(v);
    if (flaw != NULL || v.len == 1)
        return flaw;
    if ((v.at[v.len - 1] & (1u << v.at[0])) == 0)
        return "named bit list with trailing zero bits";
    return NULL;
}

static const char *oid_flaw(struct cs_span v)
{
    if (v.len == 0)
        return "OBJECT IDENTIFIER without content";
    bool first = true; /* of a subidentifier */
    for (size_t i = 0; i < v.len; i++) {
        if (first && v.at[i] == 0x80)
            return "OBJECT IDENTIFIER with a padded subidentifier";
        first = v.at[i] < 0x80;
    }
    return first ? NULL : "OBJECT IDENTIFIER ends inside a subidentifier";
}

/* X.680 41.4, table 10: letters, digits, space and '()+,-./:=? as one bit for each of 128 characters. */
static bool is_printable(uint8_t c)
{
    static const uint64_t set[2] = { UINT64_C(0xa7fffb8100000000), UINT64_C(0x07fffffe07fffffe) };
    return c < 0x80 && (set[c >> 6] >> (c & 63) & 1) != 0;
}

static bool all_printable(struct cs_span v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!is_printable(v.at[i]))
            return false;
    return true;
}

static bool all_numeric(struct cs_span v)
{
    for (size_t i = 0; i < v.len; i++)
        if ((v.at[i] < '0' || v.at[i] > '9') && v.at[i] != ' ')
            return false;
    return true;
}

static bool all_between(struct cs_span v, uint8_t low, uint8_t high)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.at[i] < low || v.at[i] > high)
            return false;
    return true;
}

/* UCS-2 or UCS-4: whole characters, no surrogates, none past 10FFFF. */
static bool is_ucs(struct cs_span v, size_t width)
{
    if (v.len % width != 0)
        return false;
    for (size_t i = 0; i < v.len; i += width) {
        uint32_t c = 0;
        for (size_t k = 0; k < width; k++)
            c = c << 8 | v.at[i + k];
        if ((c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
            return false;
    }
    return true;
}

const char *cs_der_flaw(uint8_t tag, struct cs_span v)
{
    switch (tag) {
    case CS_DER_BOOLEAN:
        if (v.len != 1)
            return "BOOLEAN is not one octet";
        return v.at[0] == 0x00 || v.at[0] == 0xff ? NULL : "BOOLEAN is neither 00 nor FF";
    case CS_DER_INTEGER:
    case CS_DER_ENUMERATED:
        return integer_flaw(v);
    case CS_DER_BIT_STRING:
        return bit_string_flaw(v);
    case CS_DER_OCTET_STRING:
    case CS_DER_TELETEX_STRING:
        return NULL;
    case CS_DER_NULL:
        return v.len == 0 ? NULL : "NULL with content";
    case CS_DER_OID:
        return oid_flaw(v);
    case CS_DER_UTF8_STRING:
        return cs_utf8_valid(v) ? NULL : "UTF8String is not UTF-8";
    case CS_DER_NUMERIC_STRING:
        return all_numeric(v) ? NULL : "NumericString with a character outside its alphabet";
    case CS_DER_PRINTABLE_STRING:
        return all_printable(v) ? NULL : "PrintableString with a character outside its alphabet";
    case CS_DER_IA5_STRING:
        return all_between(v, 0x00, 0x7f) ? NULL : "IA5String with an octet above 7F";
    case CS_DER_VISIBLE_STRING:
        return all_between(v, 0x20, 0x7e) ? NULL : "VisibleString with a character outside its alphabet";
    case CS_DER_UTC_TIME:
    case CS_DER_GENERALIZED_TIME:
        return cs_der_time_flaw(tag, v);
    case CS_DER_UNIVERSAL_STRING:
        return is_ucs(v, 4) ? NULL : "UniversalString is not UCS-4";
    case CS_DER_BMP_STRING:
        return is_ucs(v, 2) ? NULL : "BMPString is not UCS-2";
    case 0x10:
    case 0x11:
        return "primitive form of a type that is constructed";
    default:
        return "universal type that has no place in a certificate";
    }
}

struct civil {
    int year, month, day, hour, minute, second;
};

/* Reads n decimal digits of v at *at; -1 when one is no digit. *at + n is inside v. */
static int digits(struct cs_span v, size_t *at, size_t n)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = v.at[(*at)++];
        if (c < '0' || c > '9')
            return -1;
        sum = sum * 10 + (c - '0');
    }
    return sum;
}

static int days_of(int year, int month)
{
    static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* *at is left behind the seconds. */
static const char *civil_read(uint8_t tag, struct cs_span v, struct civil *out, size_t *at)
{
    bool utc = tag == CS_DER_UTC_TIME;
    size_t n_year = utc ? 2 : 4;
    if (v.len < n_year + 11) /* MMDDHHMMSSZ */
        return "time without seconds and Z";
    *at = 0;
    struct civil c = { .year = digits(v, at, n_year) };
    c.month = digits(v, at, 2);
    c.day = digits(v, at, 2);
    c.hour = digits(v, at, 2);
    c.minute = digits(v, at, 2);
    c.second = digits(v, at, 2);
    if (c.year < 0 || c.month < 0 || c.day < 0 || c.hour < 0 || c.minute < 0 || c.second < 0)
        return "time with something else than digits before its Z";
    if (utc)
        c.year += c.year < 50 ? 2000 : 1900;
    if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > days_of(c.year, c.month))
        return "time on a date that the calendar lacks";
    if (c.hour > 23 || c.minute > 59 || c.second > 59)
        return "time past 23:59:59";
    *out = c;
    return NULL;
}

const char *cs_der_time_flaw(uint8_t tag, struct cs_span v)
{
    struct civil c;
    size_t at;
    const char *flaw = civil_read(tag, v, &c, &at);
    if (flaw != NULL)
        return flaw;
    if (tag == CS_DER_GENERALIZED_TIME && v.at[at] == '.') {
        uint8_t last = 0;
        for (at++; at < v.len && v.at[at] >= '0' && v.at[at] <= '9'; at++)
            last = v.at[at];
        if (last == 0 || last == '0')
            return "time with a fraction that is empty or ends in 0";
    }
    return v.len - at == 1 && v.at[at] == 'Z' ? NULL : "time that does not end in Z";
}

const char *cs_der_time_rfc5280(uint8_t tag, struct cs_span v, int64_t *out_unix_s)
{
    if (tag != CS_DER_UTC_TIME && tag != CS_DER_GENERALIZED_TIME)
        return "neither UTCTime nor GeneralizedTime";
    struct civil c;
    size_t at;
    const char *flaw = civil_read(tag, v, &c, &at);
    if (flaw != NULL)
        return flaw;
    if (v.len - at != 1 || v.at[at] != 'Z')
        return "time that does not end in Z right behind the seconds";
    if (tag == CS_DER_GENERALIZED_TIME && c.year < 2050)
        return "GeneralizedTime before 2050, UTCTime was needed";
    *out_unix_s = cs_time_from_civil(c.year, c.month, c.day, c.hour, c.minute, c.second);
    return NULL;
}
