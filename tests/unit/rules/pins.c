/* T20: pinned profiles; and what T12, T14 and T16 admit because a pin names it. */
#include "tests/unit/rules/tables.h"

#include "proxy/gate/rules/profile.h"

static struct cs_pin_extension pinned[16];
static struct cs_pin pins[2];

/* A pin of what the house has, every value fixed, with a place for poison and SCT list at the end. */
static void pin_as_it_is(void)
{
    uint32_t n = 0;
    for (; n < H->tbs.n_extensions; n++) {
        const struct cs_extension *x = &H->tbs.extension[n];
        pinned[n] = (struct cs_pin_extension){
            .oid = x->oid,
            .fixed = true,
            .critical = x->critical ? CS_PIN_CRITICAL : CS_PIN_NOT_CRITICAL,
            .value = x->value,
        };
    }
    pins[0] = (struct cs_pin){
        .name = cs_span_str("dv"),
        .version = 3,
        .profile = PROFILE(DOMAIN_VALIDATED),
        .n_extensions = n,
        .extension = pinned,
    };
    H->policy.issuer[0].n_pins = 1;
    H->policy.issuer[0].pin = pins;
}

static void usual(void)
{
    house_usual(H);
    pin_as_it_is();
}

static void add_scts(void)
{
    house_extension(H, "", false, "\x04\x00", 2)->oid = cs_span_of(CS_EXT_SCTS);
    house_final(H);
}

void pin_table(void **state)
{
    (void)state;
    usual();
    check(CS_RULE_T20, "as pinned", true, NULL);
    H->policy.issuer[0].n_pins = 0;
    check(CS_RULE_T20, "no pins", true, NULL);

    usual();
    house_drop(H, CS_EXT_BASIC);
    check(CS_RULE_T20, "one extension less", false, "tbs.basicConstraints");
    usual();
    house_extension(H, "\x55\x1d\x0e", false, "\x04\x01\x01", 3);
    check(CS_RULE_T20, "one more", false, "tbs.subjectKeyIdentifier");
    pinned[H->tbs.n_extensions - 1] = (struct cs_pin_extension){ .oid = cs_span_of(CS_EXT_SKI) };
    pins[0].n_extensions++;
    check(CS_RULE_T20, "pinned, whatever its value", true, NULL);

    usual();
    struct cs_extension first = H->tbs.extension[3];
    H->tbs.extension[3] = H->tbs.extension[4];
    H->tbs.extension[4] = first;
    check(CS_RULE_T20, "another order", false, NULL);
    pins[0].any_order = true;
    check(CS_RULE_T20, "another order, and any is good", true, NULL);

    usual();
    pinned[0].critical = CS_PIN_NOT_CRITICAL;
    check(CS_RULE_T20, "critical, pinned not to be", false, "tbs.subjectAltName");
    pinned[0].critical = CS_PIN_EITHER;
    check(CS_RULE_T20, "either", true, NULL);

    usual();
    H->tbs.key_usage = 0x8800;
    house_find(H, CS_EXT_KEY_USAGE)->value = cs_span_of("\x03\x02\x03\x88", 4);
    check(CS_RULE_T20, "another value", false, "tbs.keyUsage");
    pinned[4].fixed = false;
    check(CS_RULE_T20, "any value", true, NULL);

    /* Poison and SCT list. */
    usual();
    add_scts();
    check(CS_RULE_T20, "an SCT list, its place not pinned", true, NULL);
    pinned[pins[0].n_extensions++] = (struct cs_pin_extension){ .is_ct = true };
    check(CS_RULE_T20, "at its place", true, NULL);
    usual();
    pinned[pins[0].n_extensions++] = (struct cs_pin_extension){ .is_ct = true };
    check(CS_RULE_T20, "nothing at the place", false, "tbs.extensions");
    usual();
    add_scts();
    memmove(pinned + 1, pinned, pins[0].n_extensions++ * sizeof *pinned);
    pinned[0] = (struct cs_pin_extension){ .is_ct = true };
    check(CS_RULE_T20, "at another place", false, NULL);

    /* Several pins. */
    usual();
    pins[0].profile = PROFILE(ORGANIZATION_VALIDATED);
    check(CS_RULE_T20, "pins for another profile only", false, "tbs.certificatePolicies");
    pins[1] = pins[0];
    pins[1].profile = PROFILE(DOMAIN_VALIDATED);
    H->policy.issuer[0].n_pins = 2;
    check(CS_RULE_T20, "the second is for it", true, NULL);
    pins[0].profile = PROFILE(DOMAIN_VALIDATED);
    pins[0].n_extensions = 1;
    check(CS_RULE_T20, "the second fits", true, NULL);
    house_drop(H, CS_EXT_BASIC);
    check(CS_RULE_T20, "neither: the nearest is told", false, "tbs.basicConstraints");
    assert_false(house_has(H, CS_RULE_T20, "tbs.keyUsage"));
}

void pin_mention_table(void **state)
{
    (void)state;
    house_usual(H);
    house_extension(H, "\x2a\x03\x04", false, "\x05\x00", 2);
    pin_as_it_is();
    check(CS_RULE_T14, "an extension that the pin names", true, NULL);
    pins[0].profile = PROFILE(ORGANIZATION_VALIDATED);
    check(CS_RULE_T14, "named for another profile", false, "tbs.extension:1.2.3.4");
    house_usual(H);
    house_extension(H, "\x2a\x03\x04", false, "\x05\x01", 2);
    pin_as_it_is();
    check(CS_RULE_T14, "named, off DER", false, "tbs.extension:1.2.3.4");
    house_usual(H);
    house_extension(H, "\x55\x1d\x1e", true, "\x30\x00", 2);
    pin_as_it_is();
    check(CS_RULE_T14, "named, and never allowed", false, "tbs.nameConstraints");

    static const char two[] =
        "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01\x06\x08\x2b\x06\x01\x05\x05\x07\x03";
    for (int last = 3; last <= 99; last += 96) {
        char value[sizeof two];
        memcpy(value, two, sizeof two);
        value[sizeof two - 1] = (char)last;
        house_usual(H);
        house_find(H, CS_EXT_EKU)->value = cs_span_of(value, sizeof value);
        pin_as_it_is();
        check(CS_RULE_T16, "a purpose that the pin fixes", last == 99, "tbs.extKeyUsage");
        pinned[3].fixed = false;
        check(CS_RULE_T16, "a purpose in a value left open", false, "tbs.extKeyUsage");
        pinned[3].fixed = true;
        H->facts.now_unix_s = CS_DAY_2027_03_15;
        check(CS_RULE_T16, "from 2027-03-15", false, "tbs.extKeyUsage");
    }

    static struct cs_span email;
    email = cs_span_str("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01");
    for (int named = 0; named < 2; named++) {
        house_init(H);
        house_name(H, "www.example.com");
        house_profile(H, PROFILE(ORGANIZATION_VALIDATED));
        house_attribute(H, CS_OID_C, 0x13, "NL");
        house_attribute(H, HOUSE_OID_L, 0x0c, "Delft");
        house_attribute(H, HOUSE_OID_O, 0x0c, "Acme");
        house_attribute(H, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 0x16, "a@example.com");
        house_order(H)->profile = PROFILE(ORGANIZATION_VALIDATED);
        house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
        house_identity(H);
        pin_as_it_is();
        pins[0].profile = PROFILE(ORGANIZATION_VALIDATED);
        pins[0].attribute = &email;
        pins[0].n_attributes = (uint32_t)named;
        check(CS_RULE_T12, "a further attribute", named == 1, "subject:1.2.840.113549.1.9.1");
    }
}
