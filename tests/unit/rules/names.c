/* T17. */
#include "tests/unit/rules/tables.h"

#define TEN "abcdefghij"
#define L63 TEN TEN TEN TEN TEN TEN "abc"
#define L61 TEN TEN TEN TEN TEN TEN "a"

void name_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool ok;
    } rows[] = {
        { "example.com", true },
        { "WWW.Example.COM", true },
        { "a.b", true },
        { "3com.1x.example", true },
        { "*.example.com", true },
        { "xn--bcher-kva.example", true },
        { "xn--p1ai.xn--p1ai", true },
        { ONION_NAME, true },
        { "www." ONION_NAME, true },
        { L63 ".com", true },
        { L63 "." L63 "." L63 "." L61, true }, /* 253 octets */
        { L63 "." L63 "." L63 "." L61 "b", false },
        { "a" L63 ".com", false },
        { "", false },
        { "com", false },
        { "localhost", false },
        { "*", false },
        { "*.", false },
        { "*.com", false },
        { "w*.example.com", false },
        { "*w.example.com", false },
        { "www.*.example.com", false },
        { "*.*.example.com", false },
        { "**.example.com", false },
        { "example.com.", false },
        { ".example.com", false },
        { "www..example.com", false },
        { "_acme.example.com", false },
        { "a_b.example.com", false },
        { "-a.example.com", false },
        { "a-.example.com", false },
        { "ab--cd.example.com", false },
        { "xn--.example.com", false },
        { "xn--a.example.com", true },        /* U+0080: not nice, but Punycode */
        { "xn--999999b.example.com", false }, /* beyond Unicode */
        { "xn--99999999999.example.com", false },
        /* U+D7FF, D800, DFFF, E000, 10FFFF and 110000, alone and after "ab" */
        { "xn--hb9b.example.com", true },
        { "xn--ab-vd9k.example.com", true },
        { "xn--ib9b.example.com", false },
        { "xn--ab-yd9k.example.com", false },
        { "xn--zy0c.example.com", false },
        { "xn--ab-fe4l.example.com", false },
        { "xn--0y0c.example.com", true },
        { "xn--ab-ie4l.example.com", true },
        { "xn--dn32g.example.com", true },
        { "xn--ab-je24y.example.com", true },
        { "xn--en32g.example.com", false },
        { "xn--ab-me24y.example.com", false },
        { "exa mple.com", false },
        { "ex\xc3\xa4mple.com", false },
        { "example.com\x01", false },
        { "user@example.com", false },
        { "192.0.2.1", false },
        { "example.123", false },
        { "example.1a", true },
        { "1.2.0.192.in-addr.arpa", false },
        { "x.IP6.arpa", false },
        { "in-addr.arpa", false },
        { "in-addr.arpa.example", true },
        { "myin-addr.arpa", true },
        { "short.onion", false },
        { "www.short.onion", false },
        { "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscrya.onion", false }, /* not version 3 */
        { "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4psc1yd.onion", false }, /* not base32 */
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        const char *flaw = cs_dns_flaw(cs_span_str(rows[i].name));
        if ((flaw == NULL) != rows[i].ok)
            fail_msg("%s: %s", rows[i].name, flaw != NULL ? flaw : "accepted");
    }

    house_usual(H);
    check(CS_RULE_T17, "one name", true, NULL);
    H->tbs.extension[0].critical = false;
    check(CS_RULE_T17, "not critical beside an empty subject", false, "tbs.subjectAltName");
    house_usual(H);
    house_attribute(H, CS_OID_CN, 0x0c, "www.example.com");
    check(CS_RULE_T17, "not critical beside a subject", true, NULL);
    H->tbs.extension[0].critical = true;
    check(CS_RULE_T17, "critical beside a subject", false, "tbs.subjectAltName");

    house_usual(H);
    house_name(H, "www.EXAMPLE.com");
    check(CS_RULE_T17, "twice, in another case", false, "dns:www.EXAMPLE.com");
    house_usual(H);
    house_name(H, "www2.example.com.");
    check(CS_RULE_T17, "trailing dot", false, "dns:www2.example.com.");
    house_usual(H);
    house_ip(H, "\x01\x02\x03\x04\x05", 5);
    check(CS_RULE_T17, "five octets", false, "ip:0x0102030405");
    house_usual(H);
    house_ip(H, "\x01\x02\x03\x04", 4);
    house_ip(H, "\x01\x02\x03\x04", 4);
    check(CS_RULE_T17, "an address twice", false, "ip:1.2.3.4");
    house_usual(H);
    H->tbs.name[H->tbs.n_names++] = (struct cs_san){ 0x81, cs_span_str("a@example.com") };
    check(CS_RULE_T17, "rfc822Name", false, "san[1]");
    house_usual(H);
    H->tbs.n_names = 0;
    check(CS_RULE_T17, "empty", false, "tbs.subjectAltName");
    H->tbs.has_san = false;
    check(CS_RULE_T17, "absent", false, "tbs.subjectAltName");
}
