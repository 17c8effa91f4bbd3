/* Printable forms of untrusted values, for reasons and covers. */
#include "proxy/gate/verdict/verdict.h"

#include <arpa/inet.h>

#include "proxy/base/clock.h"

const char *cs_show_text(struct cs_arena *a, struct cs_span s)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    cs_text_put(&b, s, 200);
    const char *text = cs_arena_copy(a, cs_buf_span(&b));
    return text != NULL ? text : "";
}

const char *cs_show_hex(struct cs_arena *a, struct cs_span s)
{
    char hex[2 * 64 + 1];
    bool cut = s.len > 64;
    cs_hex(cs_span_of(s.at, cut ? 64 : s.len), hex);
    return cs_arena_printf(a, "%s%s", hex, cut ? "..." : "");
}

const char *cs_show_dns(struct cs_arena *a, struct cs_span name)
{
    return cs_arena_printf(a, "dns:%s", cs_show_text(a, name));
}

const char *cs_show_ip(struct cs_arena *a, struct cs_span ip)
{
    char text[INET6_ADDRSTRLEN];
    int family = ip.len == 4 ? AF_INET : AF_INET6;
    if ((ip.len != 4 && ip.len != 16) || inet_ntop(family, ip.at, text, sizeof text) == NULL)
        return cs_arena_printf(a, "ip:0x%s", cs_show_hex(a, ip));
    return cs_arena_printf(a, "ip:%s", text);
}

const char *cs_show_time(struct cs_arena *a, int64_t unix_s)
{
    char text[CS_TIME_TEXT_LEN];
    cs_time_text(unix_s, text);
    return cs_arena_printf(a, "%s", text);
}

const char *cs_show_duration(struct cs_arena *a, int64_t seconds)
{
    const char *sign = seconds < 0 ? "-" : "";
    uint64_t s = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
    if (s >= 86400)
        return cs_arena_printf(a, s % 86400 >= 3600 ? "%s%llu d %llu h" : "%s%llu d", sign,
                               (unsigned long long)(s / 86400), (unsigned long long)(s % 86400 / 3600));
    if (s >= 3600)
        return cs_arena_printf(a, s % 3600 >= 60 ? "%s%llu h %llu min" : "%s%llu h", sign,
                               (unsigned long long)(s / 3600), (unsigned long long)(s % 3600 / 60));
    return cs_arena_printf(a, "%s%llu s", sign, (unsigned long long)s);
}
