/*
 * IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), as of 2025-10-09, every entry; the
 * first that holds the address is named, so the narrower of two nested blocks stands first. The last
 * rows of each table are in no registry of that name, but nobody can hold such an address either.
 */
#include "proxy/gate/lists/lists.h"

struct block {
    uint8_t bits;
    uint8_t at[16];
    const char *text;
};

static const struct block v4[] = {
    { 32, { 0 }, "0.0.0.0/32 This host on this network (RFC 1122)" },
    { 8, { 0 }, "0.0.0.0/8 This network (RFC 791)" },
    { 8, { 10 }, "10.0.0.0/8 Private-Use (RFC 1918)" },
    { 10, { 100, 64 }, "100.64.0.0/10 Shared Address Space (RFC 6598)" },
    { 8, { 127 }, "127.0.0.0/8 Loopback (RFC 1122)" },
    { 16, { 169, 254 }, "169.254.0.0/16 Link Local (RFC 3927)" },
    { 12, { 172, 16 }, "172.16.0.0/12 Private-Use (RFC 1918)" },
    { 29, { 192, 0, 0, 0 }, "192.0.0.0/29 IPv4 Service Continuity Prefix (RFC 7335)" },
    { 32, { 192, 0, 0, 8 }, "192.0.0.8/32 IPv4 dummy address (RFC 7600)" },
    { 32, { 192, 0, 0, 9 }, "192.0.0.9/32 Port Control Protocol Anycast (RFC 7723)" },
    { 32, { 192, 0, 0, 10 }, "192.0.0.10/32 Traversal Using Relays around NAT Anycast (RFC 8155)" },
    { 32, { 192, 0, 0, 170 }, "192.0.0.170/32 NAT64/DNS64 Discovery (RFC 7050)" },
    { 32, { 192, 0, 0, 171 }, "192.0.0.171/32 NAT64/DNS64 Discovery (RFC 7050)" },
    { 24, { 192, 0, 0 }, "192.0.0.0/24 IETF Protocol Assignments (RFC 6890)" },
    { 24, { 192, 0, 2 }, "192.0.2.0/24 Documentation, TEST-NET-1 (RFC 5737)" },
    { 24, { 192, 31, 196 }, "192.31.196.0/24 AS112-v4 (RFC 7535)" },
    { 24, { 192, 52, 193 }, "192.52.193.0/24 AMT (RFC 7450)" },
    { 32, { 192, 88, 99, 2 }, "192.88.99.2/32 6a44-relay anycast address (RFC 6751)" },
    { 24, { 192, 88, 99 }, "192.88.99.0/24 Deprecated, 6to4 Relay Anycast (RFC 7526)" },
    { 16, { 192, 168 }, "192.168.0.0/16 Private-Use (RFC 1918)" },
    { 24, { 192, 175, 48 }, "192.175.48.0/24 Direct Delegation AS112 Service (RFC 7534)" },
    { 15, { 198, 18 }, "198.18.0.0/15 Benchmarking (RFC 2544)" },
    { 24, { 198, 51, 100 }, "198.51.100.0/24 Documentation, TEST-NET-2 (RFC 5737)" },
    { 24, { 203, 0, 113 }, "203.0.113.0/24 Documentation, TEST-NET-3 (RFC 5737)" },
    { 32, { 255, 255, 255, 255 }, "255.255.255.255/32 Limited Broadcast (RFC 919)" },
    { 4, { 240 }, "240.0.0.0/4 Reserved (RFC 1112)" },
    { 4, { 224 }, "224.0.0.0/4 Multicast (RFC 5771)" },
};

static const struct block v6[] = {
    { 128, { [15] = 1 }, "::1/128 Loopback Address (RFC 4291)" },
    { 128, { 0 }, "::/128 Unspecified Address (RFC 4291)" },
    { 96, { [10] = 0xff, [11] = 0xff }, "::ffff:0:0/96 IPv4-mapped Address (RFC 4291)" },
    { 96, { 0, 0x64, 0xff, 0x9b }, "64:ff9b::/96 IPv4-IPv6 Translation (RFC 6052)" },
    { 48, { 0, 0x64, 0xff, 0x9b, 0, 1 }, "64:ff9b:1::/48 IPv4-IPv6 Translation (RFC 8215)" },
    { 64, { 0x01 }, "100::/64 Discard-Only Address Block (RFC 6666)" },
    { 64, { 0x01, [7] = 1 }, "100:0:0:1::/64 Dummy IPv6 Prefix (RFC 9780)" },
    { 32, { 0x20, 0x01 }, "2001::/32 TEREDO (RFC 4380)" },
    { 128, { 0x20, 0x01, 0, 1, [15] = 1 }, "2001:1::1/128 Port Control Protocol Anycast (RFC 7723)" },
    { 128,
      { 0x20, 0x01, 0, 1, [15] = 2 },
      "2001:1::2/128 Traversal Using Relays around NAT Anycast (RFC 8155)" },
    { 128, { 0x20, 0x01, 0, 1, [15] = 3 }, "2001:1::3/128 DNS-SD Service Registration Anycast (RFC 9665)" },
    { 48, { 0x20, 0x01, 0, 2 }, "2001:2::/48 Benchmarking (RFC 5180)" },
    { 32, { 0x20, 0x01, 0, 3 }, "2001:3::/32 AMT (RFC 7450)" },
    { 48, { 0x20, 0x01, 0, 4, 1, 0x12 }, "2001:4:112::/48 AS112-v6 (RFC 7535)" },
    { 28, { 0x20, 0x01, 0, 0x10 }, "2001:10::/28 Deprecated, ORCHID (RFC 4843)" },
    { 28, { 0x20, 0x01, 0, 0x20 }, "2001:20::/28 ORCHIDv2 (RFC 7343)" },
    { 28, { 0x20, 0x01, 0, 0x30 }, "2001:30::/28 Drone Remote ID Protocol Entity Tags (RFC 9374)" },
    { 23, { 0x20, 0x01 }, "2001::/23 IETF Protocol Assignments (RFC 2928)" },
    { 32, { 0x20, 0x01, 0x0d, 0xb8 }, "2001:db8::/32 Documentation (RFC 3849)" },
    { 16, { 0x20, 0x02 }, "2002::/16 6to4 (RFC 3056)" },
    { 48, { 0x26, 0x20, 0, 0x4f, 0x80 }, "2620:4f:8000::/48 Direct Delegation AS112 Service (RFC 7534)" },
    { 20, { 0x3f, 0xff }, "3fff::/20 Documentation (RFC 9637)" },
    { 16, { 0x5f }, "5f00::/16 Segment Routing (SRv6) SIDs (RFC 9602)" },
    { 7, { 0xfc }, "fc00::/7 Unique-Local (RFC 4193)" },
    { 10, { 0xfe, 0x80 }, "fe80::/10 Link-Local Unicast (RFC 4291)" },
    { 96, { 0 }, "::/96 Deprecated, IPv4-compatible Address (RFC 4291)" },
    { 10, { 0xfe, 0xc0 }, "fec0::/10 Deprecated, Site-Local Unicast (RFC 3879)" },
    { 8, { 0xff }, "ff00::/8 Multicast (RFC 4291)" },
};

static bool block_holds(const struct block *b, const uint8_t *at)
{
    size_t whole = b->bits / 8;
    unsigned rest = b->bits % 8;
    return memcmp(b->at, at, whole) == 0 && (rest == 0 || (b->at[whole] ^ at[whole]) >> (8 - rest) == 0);
}

const char *cs_ip_special(struct cs_span octets)
{
    const struct block *table = octets.len == 4 ? v4 : v6;
    size_t n = octets.len == 4 ? sizeof v4 / sizeof *v4 : octets.len == 16 ? sizeof v6 / sizeof *v6 : 0;
    for (size_t i = 0; i < n; i++)
        if (block_holds(&table[i], octets.at))
            return table[i].text;
    return NULL;
}
