"""The whole way with nothing but the command: keys, statements, TBS, sign, ledger, against a running house."""
import datetime
import json
import os
import subprocess
import sys

import pytest

from conftest import Cli


@pytest.fixture(scope="module")
def house(protos):
    os.environ["COUNTERSIGN_PROTO"] = protos("countersign.v1.verdict_pb2").__file__.split("/countersign/")[0]
    sys.path.insert(0, os.environ["CS_E2E_DIR"])
    import house as h
    with h.House() as made:
        made.start()
        for a in made.attesters.values():
            (made.dir / (a.name + ".key")).write_bytes(a.private_pem())
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", "l.key", "-out", "l.csr", "-subj", "/", "-addext",
                        "subjectAltName=DNS:example.com,DNS:www.example.com"],
                       cwd=made.dir, check=True, capture_output=True)
        made.audience = h.DEPLOYMENT
        yield made


def test_from_nothing_to_a_certificate(house):
    cli = Cli(house.dir)
    call = ["--socket", "api.sock", "--issuer", "ec"]
    build = ["tbs", "from-csr", "--issuer-cert", "ec.pem", "--csr", "l.csr", "--days", "90", "--profile", "dv",
             "--serial", "11" * 16, "--crl-url", "http://c.example/1.crl", "--issuer-url", "http://c.example/1.der"]

    def attest(kind, who, *words, out=None):
        cli("attest", kind, *words, "--key", who + ".key", "--attester", who, "--audience", house.audience,
            "--account", "acme", "--out", (out or kind) + ".dsse")

    build += ["--not-before", datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")]  # the same for both
    cli(*build, "--precertificate", "--out", "pre.der")
    cli(*build, "--out", "final.der")

    refused = json.loads(cli("sign", *call, "--tbs", "pre.der", "--json", code=1).stdout)["refusal"]
    assert {r["rule"] for r in refused["reasons"]} == {"B01", "C01", "L01", "V01"} and refused["ledger_entry"] > 0
    attest("order", "orders", "--order-id", "o1", "--csr", "l.csr", "--profile", "dv", "--latest-not-after", "+100d",
           "--requester", "me", "--agreement", "a")
    attest("lint", "lint", "--tbs", "pre.der", "--linter", "zlint", "--version", "3.6.8", "--ran-at", "now",
           "--passes", "300")
    cli("deposit", "--socket", "api.sock", "--evidence", "lint.dsse")  # final.der needs none of its own
    places = [("ams", "ripe_ncc", "52.37,4.89"), ("syd", "apnic", "-33.87,151.21"), ("nyc", "arin", "40.71,-74"),
              ("sao", "lacnic", "-23.55,-46.63"), ("jnb", "afrinic", "-26.2,28.05"), ("sin", "apnic", "1.35,103.8")]
    seen = [w for p in places for w in ("--perspective", "%s,%s,%s,passed,-1h" % p)]
    attest("domain", "dcv-1", "--name", "example.com", "--method", "dcv_dns_change", "--scope", "namespace",
           "--initiated-at", "-1h", "--oldest-data-at", "-1h", "--observed-at", "-1h", "--challenge-sha256", "00" * 32,
           "--challenge-created-at", "-2h", "--account-uri", "https://ca.example/acct/1", "--dnssec", "secure",
           "--record-sha256", "00" * 32, *seen)
    assert "admitted: yes" in cli("attest", "show", "domain.dsse", "--policy", "policy.yaml").stdout
    cli("deposit", "--socket", "api.sock", "--evidence", "domain.dsse")
    for name in ("example.com", "www.example.com"):
        attest("caa", "dcv-1", "--name", name, "--tag", "issue", "--result", "permitted", "--checked-at", "-1h", "--ttl",
               "300", "--method", "dcv_dns_change", "--account-uri", "https://ca.example/acct/1", "--dnssec", "secure",
               "--record-sha256", "00" * 32, *seen, out=name)
        cli("deposit", "--socket", "api.sock", "--evidence", name + ".dsse")
    verdict = json.loads(cli("evaluate", *call, "--tbs", "pre.der", "--evidence", "order.dsse", "--json").stdout)
    assert verdict["admitted"] and {c["subject"] for c in verdict["covers"]} >= {
        "dns:example.com", "dns:www.example.com", "caa:example.com", "caa:www.example.com"}
    for tbs, out in (("pre.der", "pre.pem"), ("final.der", "final.pem")):
        cli("sign", *call, "--tbs", tbs, "--evidence", "order.dsse", "--out", out)
        subprocess.run(["openssl", "verify", "-partial_chain", "-ignore_critical", "-trusted", "ec.pem", out],
                       cwd=house.dir, check=True, capture_output=True)
    again = json.loads(cli("sign", *call, "--tbs-of", "final.pem", "--evidence", "order.dsse", "--json",
                           code=1).stdout)
    assert "B04" in {r["rule"] for r in again["refusal"]["reasons"]}

    report = json.loads(cli("ledger", "verify", "ledger.db", "--json").stdout)
    assert report["consistent"] and report["signed"] == 2 and report["refusals"] == 2
    lines = [json.loads(line) for line in cli("ledger", "show", "ledger.db", "--json").stdout.splitlines()]
    assert [e["seq"] for e in lines] == list(range(1, report["entries"] + 1))
    assert json.loads(cli("policy", "check", "policy.yaml", "--json").stdout)["deployment"] == house.audience
