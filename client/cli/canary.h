/*
 * The canary: bad requests, sent as each client of a house, that the gate must refuse, each for its own
 * reason. It holds nothing that could cover a name: evidence of control that is expired, of another account
 * or for another deployment, an order for a key that nobody has, approvals, and forgeries it makes itself.
 */
#ifndef CS_CLIENT_CLI_CANARY_H
#define CS_CLIENT_CLI_CANARY_H

#include "client/cli/cli.h"
#include "client/lib/countersign.h"
#include "proxy/base/arena.h"
#include "proxy/policy/names.h"

enum {
    CS_CANARY_CLIENTS_MAX = 64,
    CS_CANARY_ISSUERS_MAX = 64,
    CS_CANARY_CONFIG_MAX_LEN = 256 * 1024,
    CS_CANARY_RULES_MAX = 8,
};

/* X(ident, name, what is wrong with the request) */
#define CS_CANARY_CASES(X)                                                           \
    X(NOTHING, "nothing", "no evidence at all")                                      \
    X(APPROVALS, "approvals-only", "an order and an approval, nothing validated")    \
    X(EXPIRED, "expired", "evidence of control that is expired")                     \
    X(ACCOUNT, "other-account", "evidence of control of another account")            \
    X(AUDIENCE, "other-audience", "evidence of control for another deployment")      \
    X(FORGED, "forged", "evidence of control signed by a key that is no attester's") \
    X(DIGEST, "digest", "a digest of a TBS that nobody authorised")                  \
    X(STRANGER, "unauthenticated", "a peer that is no client")
enum cs_canary_case {
#define X(ident, name, text) CS_CANARY_##ident,
    CS_CANARY_CASES(X)
#undef X
        CS_CANARY_CASES_COUNT
};
const char *cs_canary_case_name(enum cs_canary_case c);
const char *cs_canary_case_text(enum cs_canary_case c);

/* What stands in the folder of material. */
enum cs_canary_file {
    CS_CANARY_FILE_ORDER,
    CS_CANARY_FILE_APPROVAL,
    CS_CANARY_FILE_EXPIRED,
    CS_CANARY_FILE_ACCOUNT,
    CS_CANARY_FILE_AUDIENCE,
    CS_CANARY_FILES,
};
const char *cs_canary_file_name(enum cs_canary_file f); /* "order", "approval", "expired" ... */

/* ---- canary_config.c ---- */

/* Where to connect, and as whom. */
struct cs_canary_peer {
    const char *address, *tls_ca, *tls_certificate, *tls_key, *tls_name;
    bool has_uid, has_gid;
    uint32_t uid, gid;
};

struct cs_canary_client {
    const char *name;
    struct cs_canary_peer peer;
    bool stranger;         /* the policy has no client that it is */
    bool signs, by_digest; /* the policy gives it SignCertificate, SignAuthorized */
};

/* For clients that may not ask for the issuers. */
struct cs_canary_issuer {
    const char *id, *certificate;
    enum cs_algorithm algorithm;
};

struct cs_canary_config {
    struct cs_arena arena;
    const char *audience, *name, *account, *material;
    uint32_t timeout_ms;
    bool wanted[CS_CANARY_CASES_COUNT];
    const char *issuer_url, *ocsp_url, *crl_url; /* of its TBSs; the last two may be NULL */
    uint32_t n_clients, n_issuers;
    struct cs_canary_client client[CS_CANARY_CLIENTS_MAX];
    struct cs_canary_issuer issuer[CS_CANARY_ISSUERS_MAX];
    bool holds, hold_everything; /* the section hold is there; it stops all, not the one client */
    const char *hold_key, *hold_operator;
    struct cs_canary_peer hold_peer;
};
/* cs_canary_config_load reads strictly; relative paths are those of the file's folder. The note names the
 * fault. *out is written only on success. */
CS_RESULT cs_canary_config_load(const char *path, struct cs_canary_config *out, struct cs_note *note);
void cs_canary_config_done(struct cs_canary_config *c); /* zero state too */

/* ---- canary_material.c ---- */

struct cs_canary_material {
    struct cs_arena arena;
    struct cs_span spki;                        /* empty: nothing was prepared */
    struct cs_span envelope[CS_CANARY_FILES];   /* empty: missing, or not what it should be */
    const char *fault[CS_CANARY_FILES];         /* why it is empty */
    int64_t good_until_unix_s[CS_CANARY_FILES]; /* when it stops to be what it should be; 0: never */
};
/* cs_canary_material_load reads what there is; a file that is missing or does not fit leaves a fault, not a
 * failure. */
CS_RESULT cs_canary_material_load(const struct cs_canary_config *config, struct cs_canary_material *out,
                                  struct cs_note *note);
void cs_canary_material_done(struct cs_canary_material *m);
/* cs_canary_material_check sets *fault (in the arena) to why an envelope is not what the file should be, or
 * to NULL, and when it stops to be. The key and the order of the material are what it has to fit. */
CS_RESULT cs_canary_material_check(const struct cs_canary_config *config,
                                   const struct cs_canary_material *material, enum cs_canary_file file,
                                   struct cs_span envelope, struct cs_arena *arena, const char **fault,
                                   int64_t *good_until_unix_s);
/* cs_canary_material_path is the place of a file, in the arena. */
const char *cs_canary_material_path(const struct cs_canary_config *config, const char *file,
                                    struct cs_arena *arena);
/* cs_canary_forge makes evidence of control for the canary's account that is right in all but the signature:
 * a genuine statement of the material, made fresh, signed by a key that lives for this call. NOT_FOUND when
 * no statement of control is there. */
CS_RESULT cs_canary_forge(const struct cs_canary_config *config, const struct cs_canary_material *material,
                          struct cs_arena *arena, struct cs_span *out);

/* ---- canary_requests.c ---- */

enum { CS_CANARY_EVIDENCE_MAX = 2 };
struct cs_canary_request {
    struct cs_span tbs, digest, algorithm;
    uint32_t n_evidence;
    struct cs_span evidence[CS_CANARY_EVIDENCE_MAX];
};
/* cs_canary_request_make builds the case's request for an issuer. *missing (in the arena) tells what material
 * is not there, else it is NULL and *out is complete. */
CS_RESULT cs_canary_request_make(const struct cs_canary_config *config,
                                 const struct cs_canary_material *material, enum cs_canary_case which,
                                 struct cs_span issuer_certificate, struct cs_span algorithm,
                                 struct cs_arena *arena, struct cs_canary_request *out, const char **missing);

enum cs_canary_outcome {
    CS_CANARY_REFUSED = 0, /* for the reason it should */
    CS_CANARY_NOT_TRIED,
    CS_CANARY_NOT_PROVEN, /* not signed, but not for the reason it should */
    CS_CANARY_ALARM,      /* not refused */
};
const char *cs_canary_outcome_name(enum cs_canary_outcome o);
/* cs_canary_judge says what an answer means. text (in the arena) explains what is not REFUSED. */
enum cs_canary_outcome cs_canary_judge(const struct cs_canary_client *client, enum cs_canary_case which,
                                       uint32_t n_evidence, int outcome,
                                       const struct countersign_answer *answer,
                                       const struct countersign_error *error, struct cs_arena *arena,
                                       const char **text);

/* ---- canary_run.c, canary_try.c, canary_hold.c ---- */

/* cs_canary_child runs work in a process of the peer's uid and gid; each line of JSON it writes to fd is
 * given to take. True when the child came to its end. */
typedef void cs_canary_work(const void *job, int fd);
typedef void cs_canary_take(void *to, const json_t *line);
bool cs_canary_child(const struct cs_canary_peer *peer, cs_canary_work *work, const void *job,
                     cs_canary_take *take, void *to, struct cs_note *note);
/* cs_canary_say writes a document (taken) as one line. */
void cs_canary_say(int fd, json_t *line);
/* cs_canary_options sets where and as whom. */
struct countersign_options cs_canary_options(const struct cs_canary_config *config,
                                             const struct cs_canary_peer *peer);

/* One client's cases: the work of a child. Each line is an object client, issuer, case, outcome, status,
 * rules, text, ledger_entry and, if requests is set, tbs and evidence in base64. It ends at the first alarm.
 */
struct cs_canary_job {
    const struct cs_canary_config *config;
    const struct cs_canary_material *material;
    const struct cs_canary_client *client;
    bool requests;
};
void cs_canary_try(const void *job, int fd);

/* cs_canary_hold places the hold of the configuration; returns an object client, hold_id, ledger_entry or,
 * instead of these, error. NULL without memory. */
json_t *cs_canary_hold(const struct cs_canary_config *config, const char *client, const char *why);

/* ---- canary_report.c ---- */

struct cs_canary_report {
    int64_t started_unix_s, ended_unix_s;
    json_t *cases, *holds; /* arrays */
    uint32_t n[CS_CANARY_ALARM + 1];
    int exit_code;
};
void cs_canary_report_print(struct cs_cli *cli, const struct cs_canary_report *report);
json_t *cs_canary_report_json(const struct cs_canary_report *report);
/* cs_canary_metrics_put appends the text of a node exporter's textfile. */
void cs_canary_metrics_put(struct cs_buf *out, const struct cs_canary_report *report);

#endif
