/* Form of what is said about requests and about evidence: Order, Lint, Approval, Ceremony, Recall, Hold. */
#include "proxy/gate/evidence/form.h"

#include "proto/canonical.h"
#include "proxy/gate/evidence/evidence.h"
#include "proxy/gate/selectors/selector.h"
#include "proxy/policy/version.h"

static bool names_are_printable(size_t n, const ProtobufCBinaryData *v)
{
    for (size_t i = 0; i < n; i++)
        if (!cs_is_word(v[i], 253))
            return false;
    return true;
}

void cs_form_order(struct cs_form *f, const Countersign__V1__Order *m)
{
    cs_need(f, cs_len_in(m->order_id, 1, CS_ORDER_ID_MAX_LEN), "order.order_id: 1 to 64 octets");
    cs_need(f, cs_is_digest(m->spki_sha256), "order.spki_sha256: 32 octets");
    cs_need(f, m->csr_sha256.len == 0 || cs_is_digest(m->csr_sha256),
            "order.csr_sha256: 32 octets, or absent");
    cs_need(f,
            m->n_dns_names <= CS_NAMES_IN_ORDER_MAX && m->n_ip_addresses <= CS_NAMES_IN_ORDER_MAX &&
                m->n_dns_names + m->n_ip_addresses <= CS_NAMES_IN_ORDER_MAX,
            "order.dns_names: at most 500 names");
    cs_need(f, m->n_dns_names + m->n_ip_addresses != 0, "order.dns_names: at least one name");
    if (f->why != NULL)
        return; /* the lists are not walked beyond their caps */
    cs_need(f, names_are_printable(m->n_dns_names, m->dns_names),
            "order.dns_names: 1 to 253 octets each, visible ASCII");
    cs_need(f, cs_is_ascending(m->n_dns_names, m->dns_names),
            "order.dns_names: sorted by octets, none twice");
    for (size_t i = 0; i < m->n_ip_addresses; i++)
        cs_need(f, m->ip_addresses[i].len == 4 || m->ip_addresses[i].len == 16,
                "order.ip_addresses: 4 or 16 octets each");
    cs_need(f, cs_is_ascending(m->n_ip_addresses, m->ip_addresses),
            "order.ip_addresses: sorted by octets, none twice");
    cs_need(f, m->profile != COUNTERSIGN__V1__PROFILE__PROFILE_UNSPECIFIED, "order.profile: a profile");
    cs_need(f, m->latest_not_after_unix_s > 0, "order.latest_not_after_unix_s: given");
    cs_need(f, cs_len_in(m->requester, 1, 128), "order.requester: 1 to 128 octets");
    cs_need(f, cs_len_in(m->agreement, 1, 128), "order.agreement: 1 to 128 octets");
}

void cs_form_lint(struct cs_form *f, const Countersign__V1__Lint *m)
{
    cs_need(f, cs_is_word(m->linter, 64), "lint.linter: 1 to 64 octets, visible ASCII");
    cs_need(f, cs_is_word(m->linter_version, 64), "lint.linter_version: 1 to 64 octets, visible ASCII");
    cs_need(f, cs_is_digest(m->tbs_sha256), "lint.tbs_sha256: 32 octets");
    cs_need(f, cs_is_past(f, m->ran_at_unix_s), "lint.ran_at_unix_s: given, not after issued_at");
    cs_need(f, cs_is_list(m->n_findings, m->findings, CS_FINDINGS_MAX, 1, 128),
            "lint.findings: at most 500 of 1 to 128 octets");
}

void cs_form_approval(struct cs_form *f, const Countersign__V1__Approval *m)
{
    cs_need(f, cs_len_in(m->order_id, 1, CS_ORDER_ID_MAX_LEN), "approval.order_id: 1 to 64 octets");
    cs_need(f, m->decision != COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_UNSPECIFIED,
            "approval.decision: approve, reject or withdraw");
    cs_need(f, cs_len_in(m->person, 1, 128), "approval.person: 1 to 128 octets");
    cs_need(f, cs_len_in(m->reason, 0, 1024), "approval.reason: at most 1,024 octets");
}

void cs_form_ceremony(struct cs_form *f, const Countersign__V1__Ceremony *m)
{
    cs_need(f, cs_is_digest(m->tbs_sha256), "ceremony.tbs_sha256: 32 octets");
    cs_need(f, cs_is_digest(m->script_sha256), "ceremony.script_sha256: 32 octets");
    cs_need(f, m->n_officers > 0 && cs_is_set(m->n_officers, m->officers, CS_PEOPLE_MAX, 1, 128),
            "ceremony.officers: 1 to 16 different people");
    cs_need(f, cs_len_in(m->purpose, 1, 1024), "ceremony.purpose: 1 to 1,024 octets");
}

/* ---- selectors ---- */

static bool methods_are_given(size_t n, const Countersign__V1__ValidationMethod *v)
{
    for (size_t i = 0; i < n && i < CS_SELECTED_MAX; i++)
        if (v[i] == COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_UNSPECIFIED)
            return false;
    return n <= CS_SELECTED_MAX;
}

#define LIST(m, field, min_len, max_len) \
    cs_is_list((m)->n_##field, (m)->field, CS_SELECTED_MAX, (min_len), (max_len))

static void form_evidence_selector(struct cs_form *f, const Countersign__V1__EvidenceSelector *m)
{
    bool any = m->n_statement_ids != 0 || m->n_payload_sha256s != 0 || m->n_attesters != 0 || m->role != 0 ||
               m->n_methods != 0 || m->software_name.len != 0 || m->n_perspective_ids != 0 ||
               m->organization_record_id.len != 0 || m->n_accounts != 0 || m->observed_from_unix_s != 0 ||
               m->observed_until_unix_s != 0;
    cs_need(f, LIST(m, statement_ids, CS_STATEMENT_ID_MIN_LEN, CS_STATEMENT_ID_MAX_LEN),
            "selector.statement_ids: at most 256 of 16 to 32 octets");
    cs_need(f, LIST(m, payload_sha256s, 32, 32), "selector.payload_sha256s: at most 256 of 32 octets");
    cs_need(f, LIST(m, attesters, 1, CS_POLICY_ID_MAX_LEN),
            "selector.attesters: at most 256 of 1 to 64 octets");
    cs_need(f, methods_are_given(m->n_methods, m->methods), "selector.methods: at most 256 methods");
    cs_need(f, m->software_name.len == 0 || cs_is_word(m->software_name, 64),
            "selector.software_name: at most 64 octets, visible ASCII");
    cs_need(f, m->software_version_from.len == 0 || cs_is_word(m->software_version_from, 64),
            "selector.software_version_from: at most 64 octets, visible ASCII");
    cs_need(f, m->software_version_to.len == 0 || cs_is_word(m->software_version_to, 64),
            "selector.software_version_to: at most 64 octets, visible ASCII");
    cs_need(f,
            m->software_name.len != 0 ||
                (m->software_version_from.len == 0 && m->software_version_to.len == 0),
            "selector.software_name: the software whose versions are meant");
    cs_need(f, LIST(m, perspective_ids, 1, 64), "selector.perspective_ids: at most 256 of 1 to 64 octets");
    cs_need(f, cs_len_in(m->organization_record_id, 0, 64),
            "selector.organization_record_id: at most 64 octets");
    cs_need(f, m->organization_record_id.len != 0 || m->organization_record_version == 0,
            "selector.organization_record_id: the record whose version is meant");
    cs_need(f, LIST(m, accounts, 1, CS_ACCOUNT_MAX_LEN), "selector.accounts: at most 256 of 1 to 128 octets");
    cs_need(f, m->observed_from_unix_s >= 0, "selector.observed_from_unix_s: not negative");
    cs_need(f, m->observed_until_unix_s == 0 || m->observed_until_unix_s > m->observed_from_unix_s,
            "selector.observed_until_unix_s: after observed_from");
    cs_need(f, any, "selector: at least one field");
    struct cs_version v;
    cs_need(f,
            (m->software_version_from.len == 0 ||
             cs_version_parse(cs_proto_span(m->software_version_from), &v)) &&
                (m->software_version_to.len == 0 ||
                 cs_version_parse(cs_proto_span(m->software_version_to), &v)),
            "selector.software_version: numbers with dots, as 3.6.8");
    cs_need(f, cs_recall_is_bounded(m),
            "selector: an end, as no recall is taken back: statement_ids, payload_sha256s, attesters, "
            "software_version_to, organization_record_version or observed_until_unix_s");
}

static void form_issuance_selector(struct cs_form *f, const Countersign__V1__IssuanceSelector *m)
{
    bool any = m->n_certificate_sha256s != 0 || m->n_serial_numbers != 0 || m->n_order_ids != 0 ||
               m->n_accounts != 0 || m->n_name_suffixes != 0 || m->n_organizations != 0 ||
               m->n_attesters != 0 || m->n_methods != 0 || m->n_clients != 0 || m->n_api_versions != 0 ||
               m->n_issuers != 0 || m->n_profiles != 0;
    cs_need(f, LIST(m, certificate_sha256s, 32, 32),
            "selector.certificate_sha256s: at most 256 of 32 octets");
    cs_need(f, LIST(m, serial_numbers, 1, 20), "selector.serial_numbers: at most 256 of 1 to 20 octets");
    cs_need(f, LIST(m, order_ids, 1, CS_ORDER_ID_MAX_LEN),
            "selector.order_ids: at most 256 of 1 to 64 octets");
    cs_need(f, LIST(m, accounts, 1, CS_ACCOUNT_MAX_LEN), "selector.accounts: at most 256 of 1 to 128 octets");
    cs_need(f, m->n_name_suffixes <= CS_SELECTED_MAX, "selector.name_suffixes: at most 256");
    for (size_t i = 0; i < m->n_name_suffixes && f->why == NULL; i++)
        cs_need(f, cs_is_name(m->name_suffixes[i]),
                "selector.name_suffixes: lower-case names, without a dot at either end");
    cs_need(f, LIST(m, organizations, 1, 512), "selector.organizations: at most 256 of 1 to 512 octets");
    cs_need(f, LIST(m, attesters, 1, CS_POLICY_ID_MAX_LEN),
            "selector.attesters: at most 256 of 1 to 64 octets");
    cs_need(f, methods_are_given(m->n_methods, m->methods), "selector.methods: at most 256 methods");
    cs_need(f, LIST(m, clients, 1, CS_POLICY_ID_MAX_LEN), "selector.clients: at most 256 of 1 to 64 octets");
    cs_need(f, LIST(m, api_versions, 1, CS_POLICY_ID_MAX_LEN),
            "selector.api_versions: at most 256 of 1 to 64 octets");
    cs_need(f, LIST(m, issuers, 1, CS_POLICY_ID_MAX_LEN), "selector.issuers: at most 256 of 1 to 64 octets");
    cs_need(f, m->n_profiles <= CS_SELECTED_MAX, "selector.profiles: at most 256");
    cs_need(f, any || m->everything, "selector: at least one field");
    cs_need(f, !any || !m->everything, "selector.everything: alone, as other fields would narrow it");
}

void cs_form_recall(struct cs_form *f, const Countersign__V1__Recall *m)
{
    cs_need(f, m->selector != NULL, "recall.selector: present");
    if (m->selector != NULL)
        form_evidence_selector(f, m->selector);
    cs_need(f, cs_len_in(m->reason, 1, 1024), "recall.reason: 1 to 1,024 octets");
}

void cs_form_hold(struct cs_form *f, const Countersign__V1__Hold *m)
{
    cs_need(f, cs_len_in(m->hold_id, 1, 64), "hold.hold_id: 1 to 64 octets");
    switch (m->action) {
    case COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_PLACE:
        cs_need(f, m->selector != NULL, "hold.selector: present");
        if (m->selector != NULL)
            form_issuance_selector(f, m->selector);
        break;
    case COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_LIFT:
        cs_need(f, m->selector == NULL, "hold.selector: absent, a lift names the hold by its id");
        break;
    default:
        cs_need(f, false, "hold.action: place or lift");
    }
    cs_need(f, cs_len_in(m->reason, 1, 1024), "hold.reason: 1 to 1,024 octets");
}
