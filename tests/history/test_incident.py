"""The day after: which certificates are touched, all of them, and the report. Scope and incident in one command each."""
import csv
import datetime
import hashlib
import json
import os
import pathlib
import re
import secrets
import sqlite3
import subprocess
import time

import pytest
from cryptography import x509

import house as h
import page_check
import past
from past import DAY, OV_SUBJECT, name_of, refused, signed

CONTACT = "Contact & Söhne <b>\"Agentur\"</b>, =1+1"
WRONG = (*OV_SUBJECT[:3], (h.NameOID.ORGANIZATION_NAME, CONTACT))
COLUMNS = ["Precertificate SHA-256 hash", "Certificate SHA-256 hash", "Subject", "Issuer", "Not before", "Not after",
           "Serial # (hex)", "dNSNames", "Is revoked?", "Revocation date", "Revocation reason"]
HEADINGS = ["## Summary", "## Impact", "## Timeline", "## Related Incidents", "## Root Cause Analysis", "## Lessons Learned",
            "## Action Items", "## Appendix"]


def run(*args, code=0):
    done = subprocess.run([h.BIN / "countersign", *map(str, args)], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def asked(house, *selectors):
    """The issuances that a question touches; the answer by the index is that of reading everything."""
    answers = [json.loads(run("scope", "--ledger", house.ledger, "--json", *selectors, *how).stdout)
               for how in ((), ("--scan",), ("--no-update",))]
    assert answers[0]["issuances"] == answers[1]["issuances"] == answers[2]["issuances"]
    entries, = sqlite3.connect(f"file:{house.ledger}?mode=ro", uri=True).execute("SELECT max(seq) FROM entry").fetchone()
    for said in (a["completeness"] for a in answers):
        assert said["entries"] == said["by_index"] + said["by_reading"] == entries and said["unreadable"] == 0
        covered = [n for p in said["pieces"] for n in (p["from"], p["to"])]
        assert covered[0] == 1 and covered[-1] == entries and covered[1:-1:2] == [n - 1 for n in covered[2::2]]
    return answers[0]["issuances"]


class Story:
    """H02 as it was: two people of vetting signed a contact's organisation as the account's, 48 certificates followed in
    12 weeks, beside the certificates of others."""

    def __init__(self, house, start):
        self.house, self.start, self.certificates = house, start, {}
        account = b"acme"
        right = house.organization(name_of(OV_SUBJECT), account)
        for n in range(3):
            self.issue([f"old-{n}.example.com"], OV_SUBJECT, [right])
        self.wrong = house.organization(name_of(WRONG), account, version=2, cosigners=["vetting-2"],
                                        previous_statement_sha256=hashlib.sha256(right.payload).digest())
        for week in range(12):
            for n in range(4):
                house.set_clock(start + week * 7 * DAY + (n + 1) * DAY + 3600 * (8 + n))
                self.wrong = self.again(right)
                name = f"shop-{week}-{n}.example.com"
                self.certificates[name] = self.issue([name, f"www.{name}"], WRONG, [self.wrong], pair=n % 2 == 0)
            for n in range(week % 4 + 1):
                tbs = house.tbs([f"other-{week}-{n}.example.org"])
                signed(house, tbs, house.complete(tbs, b"other"))

    def again(self, right):
        return self.house.organization(name_of(WRONG), b"acme", version=2, cosigners=["vetting-2"],
                                       previous_statement_sha256=hashlib.sha256(right.payload).digest())

    def issue(self, names, subject, organization, pair=False):
        house, account = self.house, b"acme"
        args = dict(key=h.ec.generate_private_key(h.ec.SECP256R1()), serial=secrets.randbits(126) | 1 << 126, profile="ov",
                    subject=subject, not_before=datetime.datetime.utcfromtimestamp(house.now() - 3600))
        order_id = b"order-" + names[0].encode()
        final, answers = house.tbs(names, **args), []
        around = house.complete(final, account, profile="ov", order_id=order_id)
        if pair:
            tbs = house.tbs(names, precertificate=True, **args)
            evidence = [e for e in around if past.body_of(e) != "lint"]
            answers.append(signed(house, tbs, [*evidence, house.lint(tbs, account), *organization]))
        answers.append(signed(house, final, [*around, *organization]))
        return answers


@pytest.fixture(scope="module")
def story():
    start = int(time.time()) // DAY * DAY - 88 * DAY
    with past.PastHouse(issuers=past.EC, clock=start) as house:
        house.start()
        yield Story(house, start)


@pytest.fixture(scope="module")
def report(story, tmp_path_factory):
    """The report of the 48, by one command."""
    out = tmp_path_factory.mktemp("incident") / "report"
    aware = story.start + 86 * DAY + 9 * 3600 + 41 * 60
    done = run("incident", "--ledger", story.house.ledger, "--out", out, "--record", "record-acme:2", "--title",
               "Contact's organisation in the subject of 48 certificates", "--reason", "inaccurate", "--reason", "not-compliant",
               "--aware-at", datetime.datetime.utcfromtimestamp(aware).strftime("%Y-%m-%dT%H:%M:%SZ"), "--json")
    return out, json.loads(done.stdout)


def test_h02_scope(story):
    """It took over a week to find the 48: one query by the version of the record does, and so do those by text and account."""
    entries = sorted(a.ledger_entry for answers in story.certificates.values() for a in answers)
    for selectors in (["--record", "record-acme:2"], ["--organization", CONTACT.upper().replace("Ö", "ö")],
                      ["--account", "acme", "--organization", CONTACT]):
        found = asked(story.house, *selectors)
        assert [i["entry"] for i in found] == entries
        assert len({i["serial"] for i in found}) == 48
    assert len(asked(story.house, "--record", "record-acme:1")) == 3


def test_h02_incident(story, report):
    """The 48 of H02 in one command, the same again by the question it left and by reading every entry."""
    out, said = report
    assert said["certificates"] == 48 and said["accounts"] == 1 and said["certificate_only"] == 24
    assert said["completeness"]["unreadable"] == 0
    assert sorted(p.name for p in out.iterdir()) == ["appendix.csv", "hold.json", "index.html", "query.json", "recall.json",
                                                     "report.md"]
    # asked again by the file it left, without the index
    again = run("incident", "--ledger", story.house.ledger, "--out", out.with_name("again"), "--query", out / "query.json",
                "--scan", "--json")
    assert json.loads(again.stdout)["certificates"] == 48
    assert [r[:8] for r in rows(out.with_name("again"))] == [r[:8] for r in rows(out)]
    # what a person may have filled in stays
    kept = (out / "report.md").read_bytes()
    refusal = run("incident", "--ledger", story.house.ledger, "--out", out, "--record", "record-acme:2", code=2)
    assert "report.md" in refusal.stderr and (out / "report.md").read_bytes() == kept


def rows(out):
    with open(out / "appendix.csv", newline="", encoding="utf-8") as f:
        return list(csv.reader(f))


def test_h02_appendix(story, report):
    """The columns of the CCADB in their order, and the digests are those of the certificates that clients received."""
    head, *listed = rows(report[0])
    assert head[:11] == COLUMNS
    assert head[11:19] == ["profile", "order", "account", "client", "API version", "entry", "evidence ids", "revocation deadline"]
    assert len(listed) == 48 and all(len(r) == len(head) for r in listed)
    certificates = {}
    for answers in story.certificates.values():
        digests = [hashlib.sha256(a.certificate).hexdigest() for a in answers]
        final = x509.load_der_x509_certificate(answers[-1].certificate)
        certificates[f"{final.serial_number:x}"] = (digests[0] if len(answers) == 2 else "", digests[-1], final)
    deadline = datetime.datetime.utcfromtimestamp(story.start + 91 * DAY + 9 * 3600 + 41 * 60)
    for row in listed:
        row = dict(zip(head, row))
        precertificate, digest, final = certificates.pop(row["Serial # (hex)"])
        assert (row[head[0]], row[head[1]]) == (precertificate, digest)
        assert row["dNSNames"].split() == final.extensions.get_extension_for_class(
            x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
        assert row["Not after"] == final.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert row["Subject"] == ("C=DE, ST=Berlin, L=Berlin, "
                                  r'O=Contact & Söhne \<b\>\"Agentur\"\</b\>\, =1\+1')
        assert row["Is revoked?"] == row["Revocation date"] == ""  # for a person
        assert row["revocation deadline"] == deadline.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert row["account"] == "acme" and row["profile"] == "organization-validated"
    assert not certificates


def test_h02_markdown(report):
    """H02 in the headings of the CCADB template: what the ledger knows is there, what a person knows is marked."""
    text = (report[0] / "report.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == HEADINGS
    assert "**Total number of certificates:** 48\n" in text
    assert "48 x OV TLS server (2.23.140.1.2.2)" in text
    assert text.count("[to be filled in by a person]") > 15
    assert re.search(r"record-acme:2", text) and "index whose parts hash to that root" in text
    timeline = text[text.index("## Timeline"):text.index("## Related")]
    times = re.findall(r"^- (\d{4}-\d\d-\d\d \d\d:\d\d UTC): ", timeline, re.M)
    assert times == sorted(times) and "first affected issuance" in timeline and "last affected issuance" in timeline


def test_h02_page(report, tmp_path):
    """H02 as a page that stands alone; the organisation's name looks like markup and stays text."""
    page = page_check.check((report[0] / "index.html").read_text())
    page_check.tidy(report[0] / "index.html")
    everything = "".join(data for tag, data in page.text if tag not in ("style", "script"))
    assert CONTACT in everything  # as text: no element came of it
    assert "The list is complete" in everything and everything.count("Evidence: ") == 48
    assert sum(tag == "b" and "class" not in said for tag, said in page.tags) >= 48
    dom = page_check.run_script(report[0] / "index.html", tmp_path)
    assert dom is None or dom.count("<button type=\"button\">") == 8  # seven columns sort, one opens the evidence
    kept = pathlib.Path(os.environ.get("COUNTERSIGN_TEST_OUTPUT", tmp_path))
    for image in page_check.shots(report[0] / "index.html", kept, tmp_path):
        assert image.exists()


def test_h02_stopped_by_the_files(story, report):
    """The files beside the report stop it: what rests on the record is refused, by the recall and by the hold."""
    house, out = story.house, report[0]
    key = house.dir / "op-1.pem"
    key.write_bytes(house.attesters["op-1"].private_pem())
    house.set_clock(int(time.time()))
    operator = ["--operator", "op-1", "--key", key, "--audience", h.DEPLOYMENT, "--socket", house.socket]
    assert json.loads((out / "recall.json").read_text())["selector"] == {
        "organization_record_id": "record-acme", "organization_record_version": 2}
    run("recall", "place", "--from", out / "recall.json", *operator)
    with pytest.raises(h.Refused) as caught:
        story.issue(["late.example.com"], WRONG, [story.wrong])
    assert "H02" in caught.value.rules()
    run("hold", "place", "--from", out / "hold.json", *operator)
    with pytest.raises(h.Refused) as caught:
        story.issue(["later.example.com"], WRONG, [story.wrong])
    assert {"H01", "H02"} <= set(caught.value.rules())
    after = out.with_name("after")
    run("incident", "--ledger", house.ledger, "--out", after, "--record", "record-acme:2", "--revoked", revoked(out))
    text = (after / "report.md").read_text()
    assert "evidence recalled by op-1" in text
    assert re.search(r"hold hold-\w+ placed", text) and re.search(r"refused: [A-Z0-9 ]*H01", text)
    assert '**Total number of "remaining valid" certificates:** 47\n' in text
    assert [r[8:11] for r in rows(after)[1:]].count(["Yes", "2027-01-02", "privilegeWithdrawn"]) == 1
    house.audit()


@pytest.mark.parametrize("selectors, hold, recall", [
    (["--account", "acme", "--profile", "ov"], {"accounts", "profiles"}, None),
    (["--suffix", "example.com", "--client", "api", "--api-version", "v2"], {"name_suffixes", "clients", "api_versions"}, None),
    (["--name", "www.shop-1-1.example.com"], {"name_suffixes"}, None),
    (["--organization", CONTACT], {"organizations"}, {"statement_ids"}),
    (["--attester", "dcv-1", "--method", "dcv_dns_change"], {"attesters", "methods"},
     {"attesters", "methods", "observed_until_unix_s"}),
    (["--software", "house/0.9..1.1", "--role", "validation-system"], {"accounts"},
     {"software_name", "software_version_from", "software_version_to", "role"}),
    (["--software", "house"], {"accounts"}, {"software_name", "observed_until_unix_s"}),
    (["--record", "record-acme"], {"accounts"}, {"organization_record_id", "observed_until_unix_s"}),
    (["--record", "record-acme:1", "--record", "record-acme:2"], {"accounts"}, None)])
def test_hold_and_recall_are_accepted(story, tmp_path, selectors, hold, recall):
    """What stands beside a report is a body that an operator can sign, whatever the question was (H02)."""
    out, key = tmp_path / "out", tmp_path / "op-1.pem"
    key.write_bytes(story.house.attesters["op-1"].private_pem())
    run("incident", "--ledger", story.house.ledger, "--out", out, *selectors)
    for what, fields in (("hold", hold), ("recall", recall)):
        path = out / f"{what}.json"
        assert path.exists() == (fields is not None)
        if fields is None:
            continue
        assert set(json.loads(path.read_text())["selector"]) == fields
        run(what, "place", "--from", path, "--operator", "op-1", "--key", key, "--audience", h.DEPLOYMENT, "--out",
            tmp_path / f"{what}.dsse")


def revoked(out):
    """One is revoked by now, one is planned."""
    listed = rows(out)[1:]
    path = out.with_name("revoked.csv")
    path.write_text(f"serial,status,date,reason\n{listed[5][6]},Yes,2027-01-02,privilegeWithdrawn\n"
                    f'"{listed[7][6].upper()}",Planned\n')
    return path


@pytest.mark.parametrize("args, said", [
    (["--reason", "whim"], "--reason 'whim': needs one of"),
    (["--aware-at", "yesterday"], "--aware-at 'yesterday'"),
    (["--rule", "V01"], "an incident lists certificates"),
    (["--kind", "deposit"], "--kind 'deposit'"),
    (["--query", "/nowhere/query.json"], "--query /nowhere/query.json: cannot be read"),
])
def test_what_is_no_question(story, tmp_path, args, said):
    """What asks for no certificates, or cannot be read, writes nothing (H02)."""
    refusal = run("incident", "--ledger", story.house.ledger, "--out", tmp_path / "out", *args, code=2)
    assert said in refusal.stderr and not (tmp_path / "out").exists()


@pytest.mark.parametrize("text, said", [
    ('{"colour": "red"}', "member 'colour'"), ('{"account": 7}', "member 'account'"), ("[]", "--query"), ("{", "--query")])
def test_query_files(story, tmp_path, text, said):
    """A question in a file is read as strictly (H02)."""
    (tmp_path / "q.json").write_text(text)
    refusal = run("incident", "--ledger", story.house.ledger, "--out", tmp_path / "out", "--query", tmp_path / "q.json", code=2)
    assert said in refusal.stderr


@pytest.mark.parametrize("text, said", [
    ("4f\nzz,Yes\n", ":1: the second field"), ("4f,Yes\nzz,Yes\n", ":2: needs a serial"), ("4f,Maybe\n", ":1: the second field"),
    ("4f,Yes,a,b,c\n", ":1: needs SERIAL"), ('4f,"Yes\n', ":1: needs SERIAL"), ("4f,Yes," + "x" * 2000, ":1: longer")])
def test_revocation_files(story, tmp_path, text, said):
    """What a person says about revocation is read strictly, line by line (H02)."""
    (tmp_path / "r.csv").write_text(text)
    refusal = run("incident", "--ledger", story.house.ledger, "--out", tmp_path / "out", "--account", "acme", "--revoked",
                  tmp_path / "r.csv", code=2)
    assert said in refusal.stderr and not (tmp_path / "out").exists()


def test_nothing_found(story, tmp_path):
    """No certificate is an answer too (H02)."""
    done = run("incident", "--ledger", story.house.ledger, "--out", tmp_path / "out", "--account", "nobody", "--json")
    assert json.loads(done.stdout)["certificates"] == 0
    page_check.check((tmp_path / "out" / "index.html").read_text())
    assert "**Total number of certificates:** 0\n" in (tmp_path / "out" / "report.md").read_text()
    assert len(rows(tmp_path / "out")) == 1


def test_h11_scope_by_attester(tmp_path):
    """Partner validations could not be told from own ones (2017, at least 30,000 certificates): every statement names who
    signed it, so one query by attester finds what rests on the partner's work."""
    class Partnered(past.PastHouse):
        def write_policy(self):
            if "partner" not in self.attesters:
                self.attesters["partner"] = h.Attester("partner", ["validation-system"], methods=self.METHODS)
            super().write_policy()

    with Partnered(issuers=past.EC) as house:
        house.start()
        by = {"dcv-1": [], "partner": []}
        for n in range(12):
            attester = "partner" if n % 3 == 0 else "dcv-1"
            tbs = house.tbs([f"site-{n}.example.com"])
            answer = signed(house, tbs, [*house.around(tbs), house.domain(f"site-{n}.example.com", attester=attester)])
            by[attester].append(answer.ledger_entry)
        found = asked(house, "--attester", "partner", "--method", "dcv_dns_change")
        assert [i["entry"] for i in found] == by["partner"]
        said = run("incident", "--ledger", house.ledger, "--out", tmp_path / "out", "--attester", "partner", "--json")
        assert json.loads(said.stdout)["certificates"] == len(by["partner"])
        selector = json.loads((tmp_path / "out" / "recall.json").read_text())["selector"]
        assert selector["attesters"] == ["partner"]
        page_check.check((tmp_path / "out" / "index.html").read_text())
