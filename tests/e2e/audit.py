"""An outsider's look at what a countersign left behind: ledger, witness files, the HSM's own count, and the
certificates that clients hold. Reads the ledger's entries with protoc's Python code, not with anything of ours.
"""
import hashlib
import sqlite3
import subprocess

from cryptography import x509

import house as h
from countersign.ledger.v1 import entry_pb2

SIGNED, NOT_SIGNED, UNKNOWN = (entry_pb2.OUTCOME_RESULT_SIGNED, entry_pb2.OUTCOME_RESULT_NOT_SIGNED,
                               entry_pb2.OUTCOME_RESULT_UNKNOWN)
KINDS = {entry_pb2.SIGN_KIND_PRECERTIFICATE: "precertificate", entry_pb2.SIGN_KIND_CERTIFICATE: "certificate"}
CANARY = hashlib.sha256(b"countersign canary v1: this text proves a key handle and is not a certificate").hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Books:
    """What is on disk now. Taken from a running or an ended countersign."""

    def __init__(self, house):
        db = sqlite3.connect(f"file:{house.ledger}?mode=ro", uri=True, timeout=10)
        try:
            self.entries = [entry_pb2.Entry.FromString(row[0]) for row in db.execute("SELECT body FROM entry ORDER BY seq")]
        finally:
            db.close()
        self.intents, self.outcomes, self.refusals, self.hsm = {}, {}, [], []
        for e in self.entries:
            kind = e.WhichOneof("body")
            if kind == "intent":
                self.intents[e.seq] = e.intent
            elif kind == "outcome":
                assert e.outcome.intent_seq not in self.outcomes, f"intent {e.outcome.intent_seq} closed twice"
                self.outcomes[e.outcome.intent_seq] = e.outcome
            elif kind == "refusal":
                self.refusals.append(e.refusal)
            elif kind == "hsm_event":
                self.hsm.append(e.hsm_event)
        # seq issuer kind tbs-sha256 signature-sha256 unix_us; a line that a kill cut off has no end
        self.witness = []
        for path in sorted((house.dir / "witness").iterdir()):
            lines = path.read_text().split("\n")
            self.witness += [line.split(" ") for line in lines[:-1]]
        self.hsm_calls = house.hsm_calls.read_text().split() if house.hsm_calls.exists() else []

    def result(self, seq):
        return self.outcomes[seq].result if seq in self.outcomes else None

    def of_request(self, request_id):
        """[(seq, result)] of the intents of a request id."""
        return [(seq, self.result(seq)) for seq, i in self.intents.items() if i.request_id == request_id]

    def witnessed(self):
        return [int(line[0]) for line in self.witness]

    def last_kind(self):
        return self.entries[-1].WhichOneof("body")


def audit(house, certificates=(), all_closed=True):
    """P-LEDGER, as far as it can be seen from outside. certificates: DER of everything a client received. The books
    must be quiet: no request is running."""
    check = subprocess.run([h.BIN / "countersign", "ledger", "verify", house.ledger], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    b = Books(house)
    assert [e.seq for e in b.entries] == list(range(1, len(b.entries) + 1))
    assert set(b.outcomes) <= set(b.intents)
    if all_closed:
        assert set(b.outcomes) == set(b.intents), f"open intents: {set(b.intents) - set(b.outcomes)}"
    # the HSM was asked only for what a durable intent names, once; the canaries of a start are fixed text
    asked = [c[-64:] for c in b.hsm_calls if c[-64:] != CANARY]
    may_be_signed = {sha256(i.tbs): seq for seq, i in b.intents.items() if b.result(seq) != NOT_SIGNED}
    assert len(asked) == len(set(asked)), "the HSM was asked twice for one TBS"
    assert set(asked) <= set(may_be_signed), "the HSM was asked for something no intent names"
    # witness lines: each has its intent, with this TBS, issuer and kind; none twice; none for "not signed"
    by_seq = {}
    for seq, issuer, kind, tbs, signature, unix_us in b.witness:
        seq = int(seq)
        assert seq not in by_seq, f"two witness lines for intent {seq}"
        intent = b.intents[seq]
        assert (issuer.encode(), kind, tbs) == (intent.issuer, KINDS[intent.kind], sha256(intent.tbs))
        assert b.result(seq) != NOT_SIGNED, f"intent {seq} was signed and is recorded as not signed"
        by_seq[seq] = signature
        if b.hsm_calls:
            assert tbs in asked
    # signed outcomes: each has its witness line, over these bytes
    for seq, o in b.outcomes.items():
        assert o.result in (SIGNED, NOT_SIGNED, UNKNOWN)
        if o.result == SIGNED:
            assert by_seq.get(seq) == sha256(o.signature), f"outcome of {seq} is not what its witness line says"
            assert o.tbs_sha256.hex() == sha256(b.intents[seq].tbs)
    # certificates: each has its signed outcome
    recorded = {(b.intents[seq].tbs, o.signature) for seq, o in b.outcomes.items() if o.result == SIGNED}
    for der in certificates:
        c = x509.load_der_x509_certificate(der)
        assert (c.tbs_certificate_bytes, c.signature) in recorded, "a client holds a certificate that is not recorded"
    # one serial is signed at most once per kind, over all that may be signed
    serials = [(i.issuer, i.serial, i.kind) for seq, i in b.intents.items() if b.result(seq) != NOT_SIGNED]
    assert len(serials) == len(set(serials)), "a serial number was used twice"
    # one request id stands for at most one intent that counts
    ids = [(i.caller.client, i.request_id) for seq, i in b.intents.items() if b.result(seq) != NOT_SIGNED]
    assert len(ids) == len(set(ids)), "a request id has two intents that count"
    return b
