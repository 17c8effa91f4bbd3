/* issuers[].pins: the profiles an issuer's certificates must equal. */
#include "proxy/policy/parts.h"

enum { PIN_ATTRIBUTES_MAX = 16, OID_TEXT_MAX_LEN = 128 };

static const struct {
    const char *name, *oid; /* dotted */
} known[] = {
    { "authorityInfoAccess", "1.3.6.1.5.5.7.1.1" },
    { "authorityKeyIdentifier", "2.5.29.35" },
    { "basicConstraints", "2.5.29.19" },
    { "cRLDistributionPoints", "2.5.29.31" },
    { "cabfOrganizationIdentifier", "2.23.140.3.1" },
    { "certificatePolicies", "2.5.29.32" },
    { "extKeyUsage", "2.5.29.37" },
    { "keyUsage", "2.5.29.15" },
    { "qcStatements", "1.3.6.1.5.5.7.1.3" },
    { "subjectAltName", "2.5.29.17" },
    { "subjectKeyIdentifier", "2.5.29.14" },
    { "tlsFeature", "1.3.6.1.5.5.7.1.24" },
};

/* ---- scalars ---- */

/* next_arc reads digits without leading zeros up to a dot or the end. */
static bool next_arc(struct cs_span *text, uint32_t *out)
{
    uint64_t v = 0;
    size_t n = 0;
    while (n < text->len && text->at[n] != '.') {
        if (text->at[n] < '0' || text->at[n] > '9' || n == 10 || (n == 1 && text->at[0] == '0'))
            return false;
        v = v * 10 + (text->at[n++] - '0');
    }
    if (n == 0 || v > UINT32_MAX - 80 || n + 1 == text->len) /* a dot at the end */
        return false;
    *out = (uint32_t)v;
    size_t skip = n < text->len ? n + 1 : n;
    *text = cs_span_of(text->at + skip, text->len - skip);
    return true;
}

static void put_arc(struct cs_buf *b, uint32_t arc)
{
    for (int shift = 28; shift >= 0; shift -= 7)
        if (arc >> shift != 0 || shift == 0)
            cs_buf_put_u8(b, (uint8_t)((arc >> shift & 0x7f) | (shift != 0 ? 0x80 : 0)));
}

/* encode_oid writes the content octets; false when the text is no dotted OID of arcs below 2^32 - 80. */
static bool encode_oid(struct cs_span text, struct cs_buf *out)
{
    uint32_t first, second, arc;
    if (!next_arc(&text, &first) || !next_arc(&text, &second) || first > 2 || (first < 2 && second > 39))
        return false;
    put_arc(out, first * 40 + second);
    while (text.len > 0) {
        if (!next_arc(&text, &arc))
            return false;
        put_arc(out, arc);
    }
    return cs_ok(cs_buf_end(out));
}

static CS_RESULT keep(struct cs_policy *p, const struct cs_buf *b, struct cs_span *out)
{
    struct cs_span kept = cs_arena_span(p->arena, cs_buf_span(b));
    if (kept.len != b->len)
        return CS_ERR(NO_MEMORY);
    *out = kept;
    return CS_OK;
}

static CS_RESULT read_oid(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_span *out,
                          struct cs_note *note)
{
    struct cs_span text;
    CS_AUTO_BUF struct cs_buf b = { 0 };
    CS_TRY(cs_yaml_string(n, OID_TEXT_MAX_LEN, &text, note));
    if (!encode_oid(text, &b))
        return cs_yaml_fail(n, note, "not an object identifier, as 1.3.6.1.5.5.7.1.24");
    return keep(p, &b, out);
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static CS_RESULT read_value(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_pin_extension *out,
                            struct cs_note *note)
{
    struct cs_span text;
    CS_AUTO_BUF struct cs_buf b = { 0 };
    CS_TRY(cs_yaml_string(n, 2 * CS_POLICY_PIN_VALUE_MAX_LEN, &text, note));
    if (cs_span_is(text, "any"))
        return CS_OK;
    for (size_t i = 0; i + 1 < text.len; i += 2) {
        int high = hex_digit(text.at[i]), low = hex_digit(text.at[i + 1]);
        if (high < 0 || low < 0)
            break;
        cs_buf_put_u8(&b, (uint8_t)(high << 4 | low));
    }
    if (b.failed || b.len * 2 != text.len)
        return cs_yaml_fail(n, note, "the value is 'any', or the octets of extnValue in lower-case hex");
    out->fixed = true;
    return keep(p, &b, &out->value);
}

static CS_RESULT read_critical(const struct cs_yaml_node *n, enum cs_pin_critical *out, struct cs_note *note)
{
    bool critical;
    struct cs_span text;
    if (n->kind == CS_YAML_SCALAR && cs_ok(cs_yaml_string(n, 8, &text, note)) && cs_span_is(text, "either")) {
        *out = CS_PIN_EITHER;
        return CS_OK;
    }
    if (!cs_ok(cs_yaml_bool(n, &critical, note)))
        return cs_yaml_fail(n, note, "true, false or either");
    *out = critical ? CS_PIN_CRITICAL : CS_PIN_NOT_CRITICAL;
    return CS_OK;
}

/* ---- maps ---- */

static CS_RESULT read_name(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_pin_extension *out,
                           struct cs_note *note)
{
    struct cs_span name;
    CS_TRY(cs_yaml_id(n, CS_POLICY_ID_MAX_LEN, &name, note));
    if (cs_span_is(name, "ct")) {
        out->is_ct = true;
        return CS_OK;
    }
    CS_AUTO_BUF struct cs_buf list = { 0 }, oid = { 0 };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (cs_span_is(name, known[i].name) && encode_oid(cs_span_str(known[i].oid), &oid))
            return keep(p, &oid, &out->oid);
        cs_buf_printf(&list, ", %s", known[i].name);
    }
    return cs_yaml_fail(n, note, "'%.*s' is not an extension that has a name here; one of ct%.*s, or an oid",
                        (int)name.len, (const char *)name.at, (int)list.len,
                        list.len != 0 ? (const char *)list.at : "");
}

static CS_RESULT read_extension(struct cs_policy *p, struct cs_pin *pin, const struct cs_yaml_node *n,
                                struct cs_note *note)
{
    enum { OID, NAME, CRITICAL, VALUE, N };
    struct cs_yaml_field f[N] = {
        [OID] = { .key = "oid" },
        [NAME] = { .key = "name" },
        [CRITICAL] = { .key = "critical" },
        [VALUE] = { .key = "value" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    struct cs_pin_extension e = { 0 };
    if ((f[OID].value == NULL) == (f[NAME].value == NULL))
        return cs_yaml_fail(n, note, "an extension is given by one of 'oid' and 'name'");
    if (f[OID].value != NULL)
        CS_TRY(read_oid(p, f[OID].value, &e.oid, note));
    else
        CS_TRY(read_name(p, f[NAME].value, &e, note));
    const struct cs_yaml_node *critical = f[CRITICAL].value, *value = f[VALUE].value;
    if (e.is_ct && (critical != NULL || value != NULL))
        return cs_yaml_fail(n, note, "ct is a place only: no 'critical', no 'value'");
    if (!e.is_ct && (critical == NULL || value == NULL))
        return cs_yaml_fail(n, note, "the keys 'critical' and 'value' are needed");
    if (!e.is_ct) {
        CS_TRY(read_critical(critical, &e.critical, note));
        CS_TRY(read_value(p, value, &e, note));
    }
    for (uint32_t i = 0; i < pin->n_extensions; i++)
        if (e.is_ct ? pin->extension[i].is_ct : cs_span_eq(pin->extension[i].oid, e.oid))
            return cs_yaml_fail(n, note, "extensions[%u] is the same extension", i);
    pin->extension[pin->n_extensions++] = e;
    return CS_OK;
}

static CS_RESULT read_extensions(struct cs_policy *p, struct cs_pin *pin, const struct cs_yaml_node *n,
                                 struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_PIN_EXTENSIONS_MAX, note));
    pin->extension = cs_arena_get(p->arena, n->n_children * sizeof *pin->extension);
    if (pin->extension == NULL)
        return CS_ERR(NO_MEMORY);
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        CS_TRY(read_extension(p, pin, c, note));
    return CS_OK;
}

static CS_RESULT read_attributes(struct cs_policy *p, struct cs_pin *pin, const struct cs_yaml_node *n,
                                 struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, PIN_ATTRIBUTES_MAX, note));
    pin->attribute = cs_arena_get(p->arena, n->n_children * sizeof *pin->attribute);
    if (pin->attribute == NULL)
        return CS_ERR(NO_MEMORY);
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        CS_TRY(read_oid(p, c, &pin->attribute[pin->n_attributes++], note));
    return CS_OK;
}

static CS_RESULT read_profile(const struct cs_issuer *issuer, struct cs_pin *pin,
                              const struct cs_yaml_node *n, struct cs_note *note)
{
    struct cs_span name;
    CS_TRY(cs_yaml_string(n, CS_POLICY_ID_MAX_LEN, &name, note));
    pin->profile = (int)cs_profile_of_name(name);
    if (pin->profile == 0)
        return cs_policy_fail_name(n, "a profile", CS_NAMES_PROFILE, note);
    if ((issuer->profiles >> pin->profile & 1) == 0)
        return cs_yaml_fail(n, note, "'%s' is not among the issuer's profiles",
                            cs_profile_name(pin->profile));
    return CS_OK;
}

static CS_RESULT read_order(struct cs_pin *pin, const struct cs_yaml_node *n, struct cs_note *note)
{
    struct cs_span text;
    CS_TRY(cs_yaml_string(n, 8, &text, note));
    pin->any_order = cs_span_is(text, "any");
    return pin->any_order || cs_span_is(text, "exact") ? CS_OK : cs_yaml_fail(n, note, "exact or any");
}

static CS_RESULT read_pin(struct cs_policy *p, struct cs_issuer *issuer, const struct cs_yaml_node *n,
                          struct cs_note *note)
{
    enum { NAME, VERSION, PROFILE, ORDER, EXTENSIONS, ATTRIBUTES, N };
    struct cs_yaml_field f[N] = {
        [NAME] = { .key = "name", .required = true },
        [VERSION] = { .key = "version", .required = true },
        [PROFILE] = { .key = "profile", .required = true },
        [ORDER] = { .key = "order" },
        [EXTENSIONS] = { .key = "extensions", .required = true },
        [ATTRIBUTES] = { .key = "attributes" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    struct cs_pin pin = { 0 };
    CS_TRY(cs_yaml_id(f[NAME].value, CS_POLICY_ID_MAX_LEN, &pin.name, note));
    CS_TRY(cs_yaml_u64(f[VERSION].value, 1, UINT32_MAX, &pin.version, note));
    CS_TRY(read_profile(issuer, &pin, f[PROFILE].value, note));
    if (f[ORDER].value != NULL)
        CS_TRY(read_order(&pin, f[ORDER].value, note));
    CS_TRY(read_extensions(p, &pin, f[EXTENSIONS].value, note));
    if (f[ATTRIBUTES].value != NULL)
        CS_TRY(read_attributes(p, &pin, f[ATTRIBUTES].value, note));
    for (uint32_t i = 0; i < issuer->n_pins; i++)
        if (issuer->pin[i].version == pin.version && cs_span_eq(issuer->pin[i].name, pin.name))
            return cs_yaml_fail(f[NAME].value, note, "pins[%u] has this name and version", i);
    issuer->pin[issuer->n_pins++] = pin;
    return CS_OK;
}

CS_RESULT cs_policy_read_pins(struct cs_policy *p, struct cs_issuer *issuer, const struct cs_yaml_node *n,
                              struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_PINS_MAX, note));
    issuer->pin = cs_arena_get(p->arena, n->n_children * sizeof *issuer->pin);
    if (issuer->pin == NULL)
        return CS_ERR(NO_MEMORY);
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        CS_TRY(read_pin(p, issuer, c, note));
    return CS_OK;
}
