/* Public records: what of an entry may leave the house. A new kind of entry shows nothing but its digest
 * until somebody decides otherwise here. */
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/cli.h"
#include "client/cli/pbjson.h"
#include "client/cli/tile_dir.h"
#include "proto/canonical.h"
#include "proxy/tlog/tile.h"

void cs_record_path(uint64_t n, unsigned width, char out[80])
{
    char path[CS_TILE_PATH_MAX_LEN];
    cs_tile_path(-1, n, width, path);
    (void)snprintf(out, 80, "record/%s", path + strlen("tile/entries/"));
}

static json_t *hex_of(ProtobufCBinaryData b)
{
    return cs_cli_hex(cs_proto_span(b));
}

static json_t *digests(size_t n, const ProtobufCBinaryData *at)
{
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(all, hex_of(at[i]));
    return all;
}

static json_t *rules(const Countersign__Ledger__V1__Refusal *m)
{
    json_t *all = json_array();
    for (size_t i = 0; i < m->n_reasons; i++)
        json_array_append_new(all,
                              json_stringn((const char *)m->reasons[i]->rule.data, m->reasons[i]->rule.len));
    return all;
}

static json_t *lists(const Countersign__Ledger__V1__Policy *m)
{
    json_t *all = json_array();
    for (size_t i = 0; i < m->n_lists; i++)
        json_array_append_new(all, hex_of(m->lists[i]->sha256));
    return all;
}

static void put_intent(json_t *o, const Countersign__Ledger__V1__Intent *m)
{
    char kind[CS_PBJSON_ENUM_MAX_LEN];
    struct cs_sha256 tbs = cs_sha256(cs_proto_span(m->tbs));
    json_object_set_new(o, "signs",
                        json_string(cs_pbjson_enum_name(&countersign__ledger__v1__sign_kind__descriptor,
                                                        (int)m->kind, kind)));
    json_object_set_new(o, "tbs_sha256", cs_cli_hex(cs_sha256_span(&tbs)));
    json_object_set_new(o, "pair_sha256", hex_of(m->pair_sha256));
    json_object_set_new(o, "policy_sha256", hex_of(m->policy_sha256));
    json_object_set_new(o, "evidence_sha256", digests(m->n_evidence_sha256s, m->evidence_sha256s));
}

static const char *put_body(json_t *o, const Countersign__Ledger__V1__Entry *e)
{
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_START:
        return "start";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_STOP:
        return "stop";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HSM_EVENT:
        return "hsm_event";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_POLICY:
        json_object_set_new(o, "policy_sha256", hex_of(e->policy->policy_sha256));
        json_object_set_new(o, "version", json_integer((json_int_t)e->policy->version));
        json_object_set_new(o, "lists_sha256", lists(e->policy));
        return "policy";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        json_object_set_new(o, "evidence_sha256", hex_of(e->deposit->evidence_sha256));
        return "deposit";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL:
        json_object_set_new(o, "tbs_sha256", hex_of(e->refusal->tbs_sha256));
        json_object_set_new(o, "policy_sha256", hex_of(e->refusal->policy_sha256));
        json_object_set_new(o, "rules", rules(e->refusal));
        return "refusal";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        put_intent(o, e->intent);
        return "intent";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME:
        json_object_set_new(o, "intent", json_integer((json_int_t)e->outcome->intent_seq));
        json_object_set_new(o, "result",
                            json_string(
                                e->outcome->result ==
                                        COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED
                                    ? "signed"
                                : e->outcome->result ==
                                        COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_NOT_SIGNED
                                    ? "not_signed"
                                    : "unknown"));
        json_object_set_new(o, "tbs_sha256", hex_of(e->outcome->tbs_sha256));
        return "outcome";
    default:
        return "other";
    }
}

CS_RESULT cs_record_put(struct cs_buf *out, const Countersign__Ledger__V1__Entry *e,
                        const struct cs_sha256 *leaf)
{
    json_t *o = json_pack("{s:I, s:o, s:o}", "entry", (json_int_t)e->seq, "at",
                          cs_cli_time(e->time_unix_us / 1000000), "leaf", cs_cli_hex(cs_sha256_span(leaf)));
    if (o == NULL)
        return CS_ERR(NO_MEMORY);
    json_object_set_new(o, "kind", json_string(put_body(o, e)));
    char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(o);
    if (text == NULL)
        return CS_ERR(NO_MEMORY);
    cs_buf_put_str(out, text);
    cs_buf_put_u8(out, '\n');
    free(text);
    return cs_buf_end(out);
}
