/* The hold that an alarm places: signed by the operator's key here, sent as whoever may send it. */
#include "client/cli/attest.h"
#include "client/cli/canary.h"
#include "client/cli/envelope_file.h"
#include "client/cli/keys.h"
#include "countersign/v1/hold_service.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/digest.h"
#include "proxy/gate/evidence/evidence.h"

enum { ID_ROOM = 32, TRIES = 3 };

struct placing {
    const struct cs_canary_config *config;
    struct cs_span message; /* PlaceHoldRequest */
};

static CS_RESULT sign(const struct cs_canary_config *config, const char *client, const char *id,
                      const char *why, struct cs_buf *out)
{
    enum { LIFETIME_S = 86400 };
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    CS_AUTO_PKEY EVP_PKEY *key = NULL;
    struct cs_note note = { 0 };
    struct cs_span payload;
    uint8_t statement_id[CS_STATEMENT_ID_MAX_LEN];
    Countersign__V1__Software software = COUNTERSIGN__V1__SOFTWARE__INIT;
    Countersign__V1__Header header = COUNTERSIGN__V1__HEADER__INIT;
    Countersign__V1__IssuanceSelector selector = COUNTERSIGN__V1__ISSUANCE_SELECTOR__INIT;
    Countersign__V1__Hold hold = COUNTERSIGN__V1__HOLD__INIT;
    Countersign__V1__Statement statement = COUNTERSIGN__V1__STATEMENT__INIT;
    ProtobufCBinaryData clients[] = { cs_proto_bytes(cs_span_str(client)) };
    CS_TRY(cs_random(statement_id, sizeof statement_id));
    software.name = cs_proto_bytes(cs_span_str("countersign-canary"));
    software.version = cs_proto_bytes(cs_span_str(CS_CLI_VERSION));
    header.schema = 1;
    header.statement_id = cs_proto_bytes(cs_span_of(statement_id, sizeof statement_id));
    header.attester = cs_proto_bytes(cs_span_str(config->hold_operator));
    header.role = COUNTERSIGN__V1__ROLE__ROLE_OPERATOR;
    header.software = &software;
    header.audience = cs_proto_bytes(cs_span_str(config->audience));
    header.issued_at_unix_s = cs_clock_unix_s();
    header.expires_at_unix_s = header.issued_at_unix_s + LIFETIME_S; /* to be sent by then; the hold stays */
    header.ruleset = cs_proto_bytes(cs_span_str(CS_ATTEST_RULESET));
    selector.everything = config->hold_everything;
    selector.n_clients = config->hold_everything ? 0 : 1;
    selector.clients = clients;
    hold.hold_id = cs_proto_bytes(cs_span_str(id));
    hold.action = COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_PLACE;
    hold.selector = &selector;
    hold.reason = cs_proto_bytes(cs_span_str(why));
    statement.header = &header;
    statement.body_case = COUNTERSIGN__V1__STATEMENT__BODY_HOLD;
    statement.hold = &hold;
    CS_TRY(cs_proto_pack(&statement.base, &arena, &payload));
    CS_TRY(cs_key_read(config->hold_key, &key, &note));
    return cs_dsse_sign(key, payload, out);
}

static CS_RESULT request_of(struct cs_span envelope, struct cs_arena *arena, struct cs_span *out)
{
    Countersign__V1__PlaceHoldRequest request = COUNTERSIGN__V1__PLACE_HOLD_REQUEST__INIT;
    union { /* protobuf-c has no const members */
        const Countersign__V1__Envelope *in;
        Countersign__V1__Envelope *out;
    } view;
    CS_TRY(cs_envelope_view(envelope, arena, &view.in));
    request.statement = view.out;
    return cs_proto_pack(&request.base, arena, out);
}

/* The same statement again changes nothing, so a lost answer is asked for again. */
static void place(const void *given, int fd)
{
    const struct placing *p = given;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct countersign_options options = cs_canary_options(p->config, &p->config->hold_peer);
    struct countersign_error error = { "" };
    const ProtobufCMessage *m = NULL;
    for (int i = 0; i < TRIES && m == NULL; i++) {
        struct countersign *connection = NULL;
        struct countersign_answer *answer = NULL;
        int outcome = countersign_open(&options, &connection, &error);
        if (outcome == COUNTERSIGN_DONE)
            outcome = countersign_call(connection, "/countersign.v1.HoldService/PlaceHold",
                                       (struct countersign_bytes){ p->message.at, p->message.len }, &answer,
                                       &error);
        if (outcome == COUNTERSIGN_DONE &&
            !cs_ok(cs_proto_unpack(&countersign__v1__place_hold_response__descriptor,
                                   cs_span_of(answer->response.at, answer->response.len), &arena, &m)))
            snprintf(error.text, sizeof error.text, "the answer is no PlaceHoldResponse");
        countersign_answer_free(answer);
        countersign_close(connection);
    }
    if (m == NULL) {
        cs_canary_say(fd, json_pack("{s:s}", "error", error.text));
        return;
    }
    const Countersign__V1__PlaceHoldResponse *r = (const Countersign__V1__PlaceHoldResponse *)(const void *)m;
    cs_canary_say(fd, json_pack("{s:I}", "ledger_entry", (json_int_t)r->ledger_entry));
}

static void take(void *to, const json_t *line)
{
    json_object_update(to, (json_t *)(uintptr_t)line); /* jansson counts references in what it reads */
}

json_t *cs_canary_hold(const struct cs_canary_config *config, const char *client, const char *why)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    CS_AUTO_BUF struct cs_buf envelope = { 0 };
    struct cs_note note = { 0 };
    struct placing p = { .config = config };
    uint8_t octets[8];
    char hex[2 * sizeof octets + 1], id[ID_ROOM];
    cs_result r = cs_random(octets, sizeof octets);
    cs_hex(cs_span_of(octets, sizeof octets), hex);
    snprintf(id, sizeof id, "canary-%s", hex);
    if (cs_ok(r))
        r = sign(config, client, id, why, &envelope);
    if (cs_ok(r))
        r = request_of(cs_buf_span(&envelope), &arena, &p.message);
    json_t *result = json_pack("{s:s, s:s, s:s, s:s}", "client", client, "hold_id", id, "stops",
                               config->hold_everything ? "everything" : "client", "reason", why);
    if (!cs_ok(r))
        cs_note_set(&note, "%s: the hold cannot be signed: %s", config->hold_key, cs_result_text(r));
    else if (cs_canary_child(&config->hold_peer, place, &p, take, result, &note))
        return result;
    if (result != NULL)
        json_object_set_new(result, "error", json_string(note.text));
    return result;
}
