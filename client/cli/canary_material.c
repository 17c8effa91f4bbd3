/* What the canary has: statements that attesters made, and that must not cover anything. */
#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "client/cli/canary.h"
#include "client/cli/envelope_file.h"
#include "client/cli/keys.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/digest.h"
#include "proxy/base/io.h"
#include "proxy/gate/evidence/evidence.h"

static const struct {
    const char *name;
    bool is_control, expired, other_account, other_audience;
} files[CS_CANARY_FILES] = {
    [CS_CANARY_FILE_ORDER] = { .name = "order" },
    [CS_CANARY_FILE_APPROVAL] = { .name = "approval" },
    [CS_CANARY_FILE_EXPIRED] = { .name = "expired", .is_control = true, .expired = true },
    [CS_CANARY_FILE_ACCOUNT] = { .name = "other-account", .is_control = true, .other_account = true },
    [CS_CANARY_FILE_AUDIENCE] = { .name = "other-audience", .is_control = true, .other_audience = true },
};

const char *cs_canary_file_name(enum cs_canary_file f)
{
    return files[f].name;
}

const char *cs_canary_material_path(const struct cs_canary_config *config, const char *file,
                                    struct cs_arena *arena)
{
    return cs_arena_printf(arena, "%s/%s", config->material, file);
}

/* NULL unless the bytes are an envelope with a statement of the right form. Both live in the arena. */
static Countersign__V1__Statement *statement_of(struct cs_span envelope, struct cs_arena *arena,
                                                const Countersign__V1__Envelope **out_envelope,
                                                const char **why)
{
    union { /* protobuf-c has no const members */
        const ProtobufCMessage *in;
        Countersign__V1__Statement *out;
    } view;
    *why = "no canonical envelope with a canonical statement";
    if (!cs_ok(cs_envelope_view(envelope, arena, out_envelope)) ||
        !cs_ok(cs_proto_unpack(&countersign__v1__statement__descriptor,
                               cs_proto_span((*out_envelope)->payload), arena, &view.in)) ||
        !cs_statement_check(view.out, why))
        return NULL;
    return view.out;
}

/* ---- what a file should be ---- */

static const char *order_fault(const struct cs_canary_config *config, const struct cs_canary_material *m,
                               const Countersign__V1__Statement *s)
{
    if (s->body_case != COUNTERSIGN__V1__STATEMENT__BODY_ORDER)
        return "no order";
    const Countersign__V1__Order *o = s->order;
    struct cs_sha256 key = cs_sha256(m->spki);
    if (!cs_span_eq(cs_proto_span(o->spki_sha256), cs_sha256_span(&key)))
        return "an order for another key than the canary's";
    if (o->n_dns_names != 1 || o->n_ip_addresses != 0 ||
        !cs_span_is(cs_proto_span(o->dns_names[0]), config->name))
        return "an order for other names than the canary's";
    return o->profile == COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED
               ? NULL
               : "an order for another profile than dv";
}

static const char *approval_fault(const struct cs_canary_material *m, const Countersign__V1__Statement *s,
                                  struct cs_arena *arena)
{
    const Countersign__V1__Envelope *e;
    const char *why;
    if (s->body_case != COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL ||
        s->approval->decision != COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_APPROVE)
        return "no approval that approves";
    if (m->envelope[CS_CANARY_FILE_ORDER].len == 0)
        return "there is no order that it could approve";
    const Countersign__V1__Statement *order =
        statement_of(m->envelope[CS_CANARY_FILE_ORDER], arena, &e, &why);
    return order != NULL &&
                   cs_span_eq(cs_proto_span(order->order->order_id), cs_proto_span(s->approval->order_id))
               ? NULL
               : "an approval of another order than the canary's";
}

static const char *control_fault(const struct cs_canary_config *config, const Countersign__V1__Statement *s)
{
    if (s->body_case != COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL ||
        s->domain_control->subject_case != COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_DOMAIN)
        return "no evidence of control of a domain name";
    return cs_span_is(cs_proto_span(s->domain_control->domain), config->name)
               ? NULL
               : "evidence of control of another name than the canary's";
}

static const char *header_fault(const struct cs_canary_config *config, enum cs_canary_file file,
                                const Countersign__V1__Header *h, struct cs_arena *arena)
{
    char text[CS_TIME_TEXT_LEN];
    bool expired = h->expires_at_unix_s <= cs_clock_unix_s();
    cs_time_text(h->expires_at_unix_s, text);
    if (expired != files[file].expired)
        return cs_arena_printf(arena, expired ? "it expired %s" : "it is not expired before %s", text);
    if (cs_span_is(cs_proto_span(h->account), config->account) == files[file].other_account)
        return files[file].other_account ? "it is of the canary's own account"
                                         : "it is of another account than the canary's";
    if (cs_span_is(cs_proto_span(h->audience), config->audience) == files[file].other_audience)
        return files[file].other_audience ? "it is for this very deployment" : "it is for another deployment";
    return NULL;
}

CS_RESULT cs_canary_material_check(const struct cs_canary_config *config,
                                   const struct cs_canary_material *material, enum cs_canary_file file,
                                   struct cs_span envelope, struct cs_arena *arena, const char **fault,
                                   int64_t *good_until_unix_s)
{
    const Countersign__V1__Envelope *e;
    const char *why;
    const Countersign__V1__Statement *s = statement_of(envelope, arena, &e, &why);
    if (s == NULL) {
        *fault = cs_arena_printf(arena, "no signed statement of the right form: %s", why);
        return arena->exhausted ? CS_ERR(NO_MEMORY) : CS_OK;
    }
    *good_until_unix_s = files[file].expired ? 0 : s->header->expires_at_unix_s;
    *fault = header_fault(config, file, s->header, arena);
    if (*fault == NULL)
        *fault = files[file].is_control         ? control_fault(config, s)
                 : file == CS_CANARY_FILE_ORDER ? order_fault(config, material, s)
                                                : approval_fault(material, s, arena);
    return arena->exhausted ? CS_ERR(NO_MEMORY) : CS_OK;
}

/* ---- reading ---- */

static CS_RESULT read_key(const struct cs_canary_config *config, struct cs_canary_material *out,
                          struct cs_note *note)
{
    const char *path = cs_canary_material_path(config, "canary.spki", &out->arena);
    CS_AUTO_BUF struct cs_buf der = { 0 };
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return CS_OK;
    CS_TRY(cs_read_file(path, CS_FILE_MAX_LEN, &der, note));
    out->spki = cs_arena_span(&out->arena, cs_buf_span(&der));
    return out->spki.len == der.len ? CS_OK : CS_ERR(NO_MEMORY);
}

static CS_RESULT read_statement(const struct cs_canary_config *config, enum cs_canary_file file,
                                struct cs_canary_material *out)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    struct cs_note why = { 0 };
    const char *name = cs_arena_printf(&out->arena, "%s.dsse", files[file].name);
    const char *path = cs_canary_material_path(config, name, &out->arena), *fault = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        out->fault[file] = cs_arena_printf(&out->arena, "%s: missing", path);
        return CS_OK;
    }
    cs_result r = cs_envelope_read(path, &bytes, &why);
    if (cs_is(r, CS_NUM_NO_MEMORY))
        return r;
    if (!cs_ok(r)) {
        out->fault[file] = cs_arena_copy(&out->arena, cs_span_str(why.text));
        return out->fault[file] != NULL ? CS_OK : CS_ERR(NO_MEMORY);
    }
    CS_TRY(cs_canary_material_check(config, out, file, cs_buf_span(&bytes), &arena, &fault,
                                    &out->good_until_unix_s[file]));
    if (fault != NULL) {
        out->fault[file] = cs_arena_printf(&out->arena, "%s: %s", path, fault);
        return CS_OK;
    }
    out->envelope[file] = cs_arena_span(&out->arena, cs_buf_span(&bytes));
    return out->envelope[file].len == bytes.len ? CS_OK : CS_ERR(NO_MEMORY);
}

CS_RESULT cs_canary_material_load(const struct cs_canary_config *config, struct cs_canary_material *out,
                                  struct cs_note *note)
{
    struct cs_canary_material m = { 0 };
    cs_result r = CS_OK;
    if (config->material != NULL)
        r = read_key(config, &m, note);
    for (unsigned f = 0; f < CS_CANARY_FILES && cs_ok(r); f++) { /* the order first: the approval names it */
        if (config->material == NULL)
            m.fault[f] = "the configuration names no folder of material";
        else
            r = read_statement(config, (enum cs_canary_file)f, &m);
    }
    if (cs_ok(r))
        *out = m;
    else
        cs_canary_material_done(&m);
    return r;
}

void cs_canary_material_done(struct cs_canary_material *m)
{
    cs_arena_done(&m->arena);
    *m = (struct cs_canary_material){ 0 };
}

/* ---- forging ---- */

static void make_fresh(Countersign__V1__DomainControl *d, int64_t now_unix_s)
{
    enum { AGE_S = 3600 };
    int64_t seen = now_unix_s - AGE_S;
    d->initiated_at_unix_s = d->oldest_data_at_unix_s = d->observed_at_unix_s = seen;
    if (d->challenge != NULL)
        d->challenge->created_at_unix_s = seen;
    if (d->perspectives == NULL)
        return;
    if (d->perspectives->primary != NULL)
        d->perspectives->primary->observed_at_unix_s = seen;
    for (size_t i = 0; i < d->perspectives->n_remotes; i++)
        d->perspectives->remotes[i]->observed_at_unix_s = seen;
}

/* Signs with a key of its own, under the keyid of the one who should have. */
static CS_RESULT sign_as(const char *keyid, struct cs_span payload, struct cs_arena *arena,
                         struct cs_span *out)
{
    CS_AUTO_PKEY EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CS_AUTO_BUF struct cs_buf made = { 0 };
    union { /* protobuf-c has no const members */
        const Countersign__V1__Envelope *in;
        Countersign__V1__Envelope *out;
    } view;
    if (key == NULL)
        return CS_ERR(CRYPTO);
    CS_TRY(cs_dsse_sign(key, payload, &made));
    CS_TRY(cs_envelope_view(cs_arena_span(arena, cs_buf_span(&made)), arena, &view.in));
    view.out->signatures[0]->keyid = cs_arena_copy(arena, cs_span_str(keyid));
    if (view.out->signatures[0]->keyid == NULL)
        return CS_ERR(NO_MEMORY);
    return cs_proto_pack(&view.out->base, arena, out);
}

CS_RESULT cs_canary_forge(const struct cs_canary_config *config, const struct cs_canary_material *material,
                          struct cs_arena *arena, struct cs_span *out)
{
    enum { LIFETIME_S = 86400, ISSUED_AGO_S = 60 };
    unsigned f = CS_CANARY_FILE_EXPIRED;
    const Countersign__V1__Envelope *e;
    const char *why;
    uint8_t id[CS_STATEMENT_ID_MAX_LEN];
    struct cs_span payload;
    while (f < CS_CANARY_FILES && material->envelope[f].len == 0)
        f++;
    if (f == CS_CANARY_FILES)
        return CS_ERR(NOT_FOUND);
    Countersign__V1__Statement *s = statement_of(material->envelope[f], arena, &e, &why);
    if (s == NULL)
        return CS_ERR(NO_MEMORY); /* its form was checked when it was loaded */
    int64_t now_unix_s = cs_clock_unix_s();
    CS_TRY(cs_random(id, sizeof id));
    s->header->statement_id = cs_proto_bytes(cs_span_of(id, sizeof id));
    s->header->account = cs_proto_bytes(cs_span_str(config->account));
    s->header->audience = cs_proto_bytes(cs_span_str(config->audience));
    s->header->issued_at_unix_s = now_unix_s - ISSUED_AGO_S;
    s->header->expires_at_unix_s = now_unix_s + LIFETIME_S;
    make_fresh(s->domain_control, now_unix_s);
    CS_TRY(cs_proto_pack(&s->base, arena, &payload));
    return sign_as(e->signatures[0]->keyid, payload, arena, out);
}
