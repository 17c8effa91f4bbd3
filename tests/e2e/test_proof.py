"""The ledger proves itself: checkpoints, receipts and tiles of a running house, checked by an implementation of the
specifications of its own (tlog_by_hand.py) and by the product's offline verifier."""
import json
import secrets
import shutil
import subprocess
import time

import grpc
import pytest
from cryptography.exceptions import InvalidSignature

import house as h
import tlog_by_hand as by_hand
from countersign.ledger.v1 import entry_pb2
from countersign.v1 import ledger_service_pb2 as wire

ORIGIN = "ca.example/countersign-audit"
RPCS = h.House.ALL_RPCS + ("GetCheckpoint", "GetReceipt", "GetStatus")


def cli(*args):
    return subprocess.run([h.BIN / "countersign", *args], capture_output=True, text=True, timeout=60)


class ProofHouse(h.House):
    all_entries = False

    def __init__(self):
        super().__init__(signers=1, clients=[("api", "v2", h.os.getuid(), RPCS)])
        made = cli("ledger", "key", self.dir / "ledger.key", "--origin", ORIGIN)
        assert made.returncode == 0, made.stderr
        self.vkey = made.stdout.strip()
        self.verifier = by_hand.Verifier(self.vkey)
        self.write_policy()

    def write_policy(self):
        super().write_policy()
        policy = self.dir / "policy.yaml"
        text = policy.read_text() + f"ledger:\n  origin: {ORIGIN}\n"
        if self.all_entries:
            text = text.replace("    api_version: \"v2\"\n", "    api_version: \"v2\"\n    all_entries: true\n")
        policy.write_text(text)
        with open(self.dir / "countersignd.yaml", "a") as config:
            config.write("ledger_key: ledger.key\n")

    def checkpoint(self):
        return self.call("/countersign.v1.LedgerService/GetCheckpoint", wire.GetCheckpointRequest(),
                         wire.GetCheckpointResponse).checkpoint

    def receipt(self, wait_s=5, **what):
        """A receipt exists as soon as a checkpoint covers the entry: a second at most."""
        deadline = time.monotonic() + wait_s
        while True:
            try:
                return self.call("/countersign.v1.LedgerService/GetReceipt", wire.GetReceiptRequest(**what),
                                 wire.GetReceiptResponse)
            except h.Refused as refused:
                if refused.code != grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                    raise

    def verify(self, path, *more):
        done = cli("ledger", "verify", path, "--key", self.vkey, "--json", *more)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


@pytest.fixture(scope="module")
def house():
    with ProofHouse() as made:
        made.start()
        yield made


def signed(house, name="proof.example.com"):
    tbs, request_id = house.tbs([name]), secrets.token_bytes(16)
    return house.sign(tbs, house.complete(tbs), request_id=request_id), request_id


def test_a_receipt_proves_a_decision(house, tmp_path):
    answer, request_id = signed(house)
    receipt = house.receipt(request_id=request_id)
    index, size = by_hand.check_proof(receipt.proof, receipt.entry, house.verifier)
    assert index + 1 == receipt.ledger_entry == answer.ledger_entry and size > index
    entry = entry_pb2.Entry.FromString(receipt.entry)
    assert entry.seq == answer.ledger_entry and entry.intent.request_id == request_id
    assert by_hand.open_checkpoint(house.checkpoint(), house.verifier)[0] >= size
    with pytest.raises(AssertionError):
        by_hand.check_proof(receipt.proof, receipt.entry + b"\0", house.verifier)

    # the same by the product: fetched and verified with two commands
    proof, leaf = tmp_path / "decision.tlog-proof", tmp_path / "entry"
    done = cli("receipt", "--request-id", request_id.hex(), "--socket", house.socket, "--out", proof, "--entry-out", leaf)
    assert done.returncode == 0, done.stderr
    assert by_hand.check_proof(proof.read_bytes(), leaf.read_bytes(), house.verifier)[0] == index
    code, said = house.verify(proof, "--entry", leaf)
    assert code == 0 and said["ledger_entry"] == answer.ledger_entry
    for file, at in ((leaf, 5), (proof, 60), (proof, len(proof.read_bytes()) - 20)):
        good = file.read_bytes()
        file.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        code, said = house.verify(proof, "--entry", leaf)
        assert code == 1 and not said["consistent"]
        file.write_bytes(good)
    assert cli("ledger", "verify", proof, "--key", house.vkey).returncode == 2  # without its entry


def test_a_refusal_has_a_receipt_too(house):
    tbs, request_id = house.tbs(["refused.example.com"]), secrets.token_bytes(16)
    with pytest.raises(h.Refused) as refused:
        house.sign(tbs, [], request_id=request_id)
    receipt = house.receipt(request_id=request_id)
    by_hand.check_proof(receipt.proof, receipt.entry, house.verifier)
    entry = entry_pb2.Entry.FromString(receipt.entry)
    assert receipt.ledger_entry == refused.value.refusal.ledger_entry and len(entry.refusal.reasons) > 0


def test_what_a_client_did_has_receipts(house):
    """An authorisation, a hold and its lifting, a recall, a deposit: each is its client's."""
    tbs = house.tbs(["authorized.example.com"])
    done = {"authorization": house.authorize(tbs, house.complete(tbs)).ledger_entry}
    hold_id, done["hold"] = house.place(accounts=[b"acct-nobody"])
    shown = cli("status", "--socket", house.socket).stdout
    assert "1 in force" in shown and "entries, signed" in shown and " s ago" in shown
    before = json.loads(cli("status", "--socket", house.socket, "--json").stdout)
    assert before["n_holds"] == 1 and before["ledger"]["checkpoint_size"] <= before["ledger"]["size"]
    lifted = house.lift(hold_id).ledger_entry
    done["recall"] = house.recall(statement_ids=[b"nobody's statement"]).ledger_entry
    done["deposit"] = house.deposit([house.domain("deposited.example.com")]).deposited[0].ledger_entry
    for kind, entry in [*done.items(), ("hold", lifted)]:
        receipt = house.receipt(ledger_entry=entry)
        assert by_hand.check_proof(receipt.proof, receipt.entry, house.verifier)[0] + 1 == entry
        assert entry_pb2.Entry.FromString(receipt.entry).WhichOneof("body") == kind
    after = json.loads(cli("status", "--socket", house.socket, "--json").stdout)
    assert not after.get("n_holds") and after["n_recalls"] == 1
    assert after["ledger"]["checkpoint_size"] >= entry and after["ledger"]["checkpoint_unix_s"] >= before["ledger"]["checkpoint_unix_s"]


class TwoClients(ProofHouse):
    """The second client is of another group of this user."""
    OTHER_GID = 4711

    def write_policy(self):
        here = f"uid: {h.os.getuid()}; gid: "
        self.clients = [("api", "v2", f"{here}{h.os.getgid()}", RPCS),
                        ("other", "v1", f"{here}{self.OTHER_GID}", ("GetReceipt", "Check"))]
        super().write_policy()


@pytest.mark.skipif(h.os.getuid() != 0, reason="only root can be of any group")
def test_receipts_are_not_for_other_clients():
    with TwoClients() as house:
        house.start()
        tbs = house.tbs(["mine.example.com"])
        entries = [house.authorize(tbs, house.complete(tbs)).ledger_entry, house.place(accounts=[b"x"])[1],
                   house.recall(statement_ids=[b"nobody's statement"]).ledger_entry, signed(house)[0].ledger_entry]
        for entry in entries:
            house.receipt(ledger_entry=entry)
            ask = [h.BIN / "countersign", "receipt", str(entry), "--socket", house.socket, "--out", house.dir / "no"]
            done = subprocess.run(ask, capture_output=True, text=True, timeout=60, group=TwoClients.OTHER_GID, extra_groups=[])
            assert done.returncode != 0 and "not one of this client's" in done.stderr, done.stderr


@pytest.mark.parametrize("what, code", [
    ({"ledger_entry": 1}, grpc.StatusCode.NOT_FOUND),  # the start: nobody's request
    ({"ledger_entry": 1 << 40}, grpc.StatusCode.NOT_FOUND),
    ({"request_id": b"never seen"}, grpc.StatusCode.NOT_FOUND),
    ({}, grpc.StatusCode.INVALID_ARGUMENT),
    ({"ledger_entry": 1, "request_id": b"x"}, grpc.StatusCode.INVALID_ARGUMENT),
])
def test_receipts_of_own_requests_only(house, what, code):
    signed(house)
    with pytest.raises(h.Refused) as refused:
        house.receipt(**what)
    assert refused.value.code == code


def test_checkpoints_come_once_a_second(house):
    first = by_hand.open_checkpoint(house.checkpoint(), house.verifier)[0]
    start, sizes = time.monotonic(), set()
    while time.monotonic() - start < 2.5:
        signed(house)
        sizes.add(by_hand.open_checkpoint(house.checkpoint(), house.verifier)[0])
    assert 1 <= len(sizes - {first}) <= 5


def export(house, out, *more):
    done = cli("ledger", "export", "--ledger", house.ledger, "--out", out, "--json", *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fill(house, n):
    """Entries in a hurry: refused calls."""
    with house.channel() as channel:
        sign = channel.unary_unary("/countersign.v1.SigningService/SignCertificate")
        for at in range(0, n, 50):
            for call in [sign.future(b"", timeout=20) for _ in range(min(50, n - at))]:
                call.exception()


def test_tiles_of_a_running_house(house, tmp_path):
    full, public = tmp_path / "full", tmp_path / "public"
    signed(house, "only-inside.example.com")
    fill(house, 300)
    house.receipt(ledger_entry=signed(house)[0].ledger_entry)
    said = export(house, full)
    size, _, entries = by_hand.read_tiles(full, house.verifier, bundles=True)
    assert size == said["entries"] == len(entries) > 300
    assert [entry_pb2.Entry.FromString(e).seq for e in entries] == list(range(1, size + 1))
    code, told = house.verify(full)
    assert code == 0 and "every entry" in told["checked"]

    # it goes on where it stopped; full tiles stay as they are
    tile, before = full / "tile/0/000", (full / "tile/0/000").stat().st_mtime_ns
    foreign = full / "index.html"
    foreign.write_text("not ours")
    fill(house, 260)
    house.receipt(ledger_entry=signed(house)[0].ledger_entry)
    again = export(house, full)
    assert again["kept"] >= 2 and tile.stat().st_mtime_ns == before and foreign.exists()
    by_hand.read_tiles(full, house.verifier, bundles=True)

    # the public view: the same tree, no entries, and nothing that names anybody
    export(house, public, "--public")
    by_hand.read_tiles(public, house.verifier, bundles=False)
    code, told = house.verify(public, "--checkpoint", full / "checkpoint")
    assert code == 0 and "cannot be checked" in told["checked"]
    shown = b"".join(p.read_bytes() for p in (public / "record").rglob("*") if p.is_file())
    records = [json.loads(line) for line in (public / "record/000").read_text().splitlines()]
    assert [r["entry"] for r in records] == list(range(1, 257))
    assert any(r["kind"] == "refusal" and r["rules"] for r in records)
    for secret in (b"only-inside", b"example.com", b"acct-1", b"dcv-1", b"vera", b"api", b"uid"):
        assert secret not in shown
    assert not (public / "tile/entries").exists()
    assert cli("ledger", "export", "--ledger", house.ledger, "--out", full, "--public").returncode == 2

    # one bit of any file
    for path in [p for p in sorted(full.rglob("*")) if p.is_file() and p != foreign]:
        good = path.read_bytes()
        path.write_bytes(good[:-2] + bytes([good[-2] ^ 4]) + good[-1:])
        code, told = house.verify(full)
        path.write_bytes(good)
        stale = path.parent.name.endswith(".p") and code == 0  # a partial tile of the export before
        assert stale or (code == 1 and not told["consistent"]), path


def test_rolled_back_and_forked_files(tmp_path):
    """The must-show on whole files, with the daemon's own checkpoints."""
    with ProofHouse() as house:
        house.start()
        signed(house)
        assert house.stop() == 0
        code, said = house.verify(house.ledger)
        assert code == 0 and said["behind_last_checkpoint"] == 0 and said["checkpoints"] >= 2, said
        old = tmp_path / "old.db"
        shutil.copy(house.ledger, old)
        house.start()
        signed(house)
        kept, kept_before = tmp_path / "kept", tmp_path / "kept-before"
        house.receipt(ledger_entry=signed(house)[0].ledger_entry)
        kept.write_bytes(house.checkpoint())
        assert house.stop() == 0
        rows = [("the ledger as it is", tmp_path / "current.db", [kept], 0, "")]
        rows.append(("an older copy, alone", old, [], 0, ""))
        rows.append(("an older copy, with a checkpoint kept elsewhere", old, [kept], 1, "rolled back"))
        # put back and gone on: the same key signs another history
        current = tmp_path / "current.db"
        shutil.copy(house.ledger, current)
        shutil.copy(old, house.ledger)
        house.start()
        fill(house, 60)
        house.receipt(ledger_entry=signed(house)[0].ledger_entry)
        kept_before.write_bytes(house.checkpoint())
        assert house.stop() == 0
        rows.append(("a forked log, alone", house.ledger, [], 0, ""))
        rows.append(("a forked log, with the checkpoint of before", house.ledger, [kept], 1, "forked"))
        rows.append(("the ledger of before, with the fork's checkpoint", current, [kept_before], 1, "rolled back"))
        for what, file, checkpoints, want, words in rows:
            code, said = house.verify(file, *(a for c in checkpoints for a in ("--checkpoint", c)))
            print(f"  | {what:<50} | exit {code} | {said.get('fault', 'consistent')}")
            assert code == want and words in said.get("fault", ""), (what, said)
        assert cli("ledger", "verify", house.ledger).returncode == 0  # for itself, without a key


def test_another_key_stops_the_gate():
    with ProofHouse() as house:
        house.start()
        assert house.stop() == 0
        assert cli("ledger", "key", house.dir / "ledger.key", "--origin", ORIGIN, "--force").returncode == 0
        with pytest.raises(RuntimeError, match="not of this log"):
            house.start(wait_s=20)


def test_operators_see_all_entries():
    with ProofHouse() as house:
        house.all_entries = True
        house.write_policy()
        house.start()
        receipt = house.receipt(ledger_entry=1)
        by_hand.check_proof(receipt.proof, receipt.entry, house.verifier)
        assert entry_pb2.Entry.FromString(receipt.entry).HasField("start")


def test_without_a_key_there_are_no_receipts():
    with h.House(signers=1, clients=[("api", "v2", h.os.getuid(), RPCS)]) as house:
        house.start()
        assert "no ledger_key is configured" in house.log_text()
        for path, request, response in (
                ("GetCheckpoint", wire.GetCheckpointRequest(), wire.GetCheckpointResponse),
                ("GetReceipt", wire.GetReceiptRequest(ledger_entry=1), wire.GetReceiptResponse)):
            with pytest.raises(h.Refused) as refused:
                house.call(f"/countersign.v1.LedgerService/{path}", request, response)
            assert refused.value.code == grpc.StatusCode.UNAVAILABLE


def test_a_witness_and_the_vectors_by_hand():
    """The implementation by hand agrees with the vectors, so its agreement with the product says something."""
    vkey = ORIGIN + "+98267374+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
    witness = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"
    note = (ORIGIN + "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n"
            "\u2014 " + ORIGIN + " mCZzdLj0updnEE0Rhlyec/EaUBuT1TSxt1hfcDe6qzIVa8J39kDwWvR4pP7QaFVrXRMbYbWjGX7ZVn05"
            "+41aLeTh1Q4=\n\u2014 witness.example/w1 3xwKNQAAAABpVbkAF+WR+4aohWt+WZH7khyCeTPJW5hEsvBPHeChQOlnm8Gth"
            "GyZfAn3wq+ELPJksK5xgGW6xzk6BNg3/H7W9J0QAw==\n").encode()
    size, root = by_hand.open_checkpoint(note, by_hand.Verifier(vkey))
    assert size == 8 and by_hand.open_note(note, by_hand.Verifier(witness))
    leaves = [by_hand.leaf_hash(bytes.fromhex(x)) for x in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
    assert by_hand.tree_hash(leaves) == root
    with pytest.raises(InvalidSignature):
        by_hand.open_note(note.replace(b"\n8\n", b"\n9\n"), by_hand.Verifier(vkey))
