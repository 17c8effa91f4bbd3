#include "client/cli/times.h"

#include <string.h>

#include "client/cli/options.h"
#include "proxy/base/clock.h"

/* Reads n digits at *at and moves on; -1 when there are not so many. */
static int digits(const char **at, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return -1;
        v = v * 10 + (c - '0');
    }
    *at += n;
    return v;
}

static bool mark(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* "Z", or "+hh:mm" / "-hh:mm". */
static bool offset_of(const char **at, int64_t *out_s)
{
    *out_s = 0;
    if (mark(at, 'Z'))
        return true;
    int sign = **at == '+' ? 1 : **at == '-' ? -1 : 0;
    if (sign == 0)
        return false;
    (*at)++;
    int hour = digits(at, 2);
    if (hour < 0 || hour > 23 || !mark(at, ':'))
        return false;
    int minute = digits(at, 2);
    if (minute < 0 || minute > 59)
        return false;
    *out_s = sign * (hour * 3600 + minute * 60);
    return true;
}

bool cs_time_of_rfc3339(const char *text, int64_t *out_unix_s)
{
    const char *at = text;
    int year = digits(&at, 4);
    if (year < 1 || !mark(&at, '-'))
        return false;
    int month = digits(&at, 2);
    if (month < 1 || month > 12 || !mark(&at, '-'))
        return false;
    int day = digits(&at, 2);
    if (day < 1 || day > days_in_month(year, month) || !mark(&at, 'T'))
        return false;
    int hour = digits(&at, 2);
    if (hour < 0 || hour > 23 || !mark(&at, ':'))
        return false;
    int minute = digits(&at, 2);
    if (minute < 0 || minute > 59 || !mark(&at, ':'))
        return false;
    int second = digits(&at, 2);
    if (second < 0 || second > 59)
        return false;
    int64_t offset_s;
    if (!offset_of(&at, &offset_s) || *at != '\0')
        return false;
    *out_unix_s = cs_time_from_civil(year, month, day, hour, minute, second) - offset_s;
    return true;
}

bool cs_duration_of(const char *text, int64_t *out_s)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 } };
    static const int64_t longest_s = (int64_t)100 * 366 * 86400;
    char number[16];
    size_t len = strlen(text);
    if (len < 2 || len > sizeof number)
        return false;
    memcpy(number, text, len - 1);
    number[len - 1] = '\0';
    uint64_t n;
    if (!cs_number_of(number, (uint64_t)longest_s, &n))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].letter == text[len - 1] && (int64_t)n <= longest_s / units[i].seconds) {
            *out_s = (int64_t)n * units[i].seconds;
            return true;
        }
    return false;
}

bool cs_time_of(const char *text, int64_t now_unix_s, int64_t base_unix_s, int64_t *out_unix_s)
{
    int64_t distance_s;
    if (strcmp(text, "now") == 0) {
        *out_unix_s = now_unix_s;
        return true;
    }
    if ((text[0] == '+' || text[0] == '-') && cs_duration_of(text + 1, &distance_s)) {
        *out_unix_s = text[0] == '+' ? base_unix_s + distance_s : base_unix_s - distance_s;
        return true;
    }
    return cs_time_of_rfc3339(text, out_unix_s);
}
