#include "client/cli/cli.h"

#define ROW(name, summary, positional, min, max, ident)                         \
    {                                                                           \
        name, summary, positional, min, max, cs_options_##ident, cs_cmd_##ident \
    }

const struct cs_command cs_commands[] = {
    ROW("keygen", "make a key pair that signs statements", NULL, 0, 0, keygen),
    ROW("attest domain", "sign that an account controls a domain name or IP address", NULL, 0, 0,
        attest_domain),
    ROW("attest caa", "sign the result of a CAA check", NULL, 0, 0, attest_caa),
    ROW("attest organization", "sign the verified subject attributes of an account", NULL, 0, 0,
        attest_organization),
    ROW("attest order", "sign a one-shot order: account, key, names, profile", NULL, 0, 0, attest_order),
    ROW("attest lint", "sign the result of linting one TBS", NULL, 0, 0, attest_lint),
    ROW("attest approval", "sign a person's decision about an order", NULL, 0, 0, attest_approval),
    ROW("attest from-open-mpic", "sign what an Open MPIC answer says, counted again", NULL, 0, 0,
        attest_from_open_mpic),
    ROW("attest cosign", "add a signature to a signed statement", NULL, 0, 0, attest_cosign),
    ROW("attest show", "print a signed statement", "FILE", 1, 1, attest_show),
    ROW("tbs show", "print a TBSCertificate as the gate reads it", "FILE", 1, 1, tbs_show),
    ROW("tbs from-csr", "build the TBSCertificate of a subscriber certificate", NULL, 0, 0, tbs_from_csr),
    ROW("sign", "have a TBSCertificate judged and signed", NULL, 0, 0, sign),
    ROW("evaluate", "have a TBSCertificate judged, nothing signed", NULL, 0, 0, evaluate),
    ROW("authorize", "have a TBSCertificate judged, to be signed by its digest", NULL, 0, 0, authorize),
    ROW("deposit", "deposit evidence before a request", NULL, 0, 0, deposit),
    ROW("health", "ask the proxy whether it serves", NULL, 0, 0, health),
    ROW("status", "show how the proxy is, on one screen", NULL, 0, 0, status),
    ROW("clients", "show who uses the proxy, and what came of it", NULL, 0, 0, clients),
    ROW("receipt", "fetch the proof that a decision is in the ledger", "[ENTRY]", 0, 1, receipt),
    ROW("ledger verify", "prove a ledger file, a folder of tiles or a proof", "FILE|DIR|PROOF", 1, 1,
        ledger_verify),
    ROW("ledger export", "write a ledger as tiles for a web server", NULL, 0, 0, ledger_export),
    ROW("ledger key", "make the key that signs checkpoints", "FILE", 1, 1, ledger_key),
    ROW("ledger vkey", "print the public key of a checkpoint key", "FILE", 1, 1, ledger_vkey),
    ROW("ledger show", "print the entries of a ledger file", "FILE", 1, 1, ledger_show),
    ROW("scope", "list the issuances that a question touches, and prove the list complete", NULL, 0, 0,
        scope),
    ROW("policy check", "read a policy and say what it allows", "FILE", 1, 1, policy_check),
    ROW("lint-request", "make the certificate a linter wants, or have a linter's result signed",
        "[-- LINTER ARGUMENTS]", 0, 256, lint_request),
    ROW("rules", "list every rule: clause, inputs, dates", NULL, 0, 0, rules),
    ROW("explain", "print one rule, what satisfies it, and what is in force today", "RULE", 1, 1, explain),
    { 0 },
};
