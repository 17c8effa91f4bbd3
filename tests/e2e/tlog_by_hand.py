"""Signed notes, checkpoints, proofs and tiles as their specifications say (C2SP, RFC 6962, RFC 9162): written from the
text of these, sharing nothing with the product. SHA-256 from the library, Ed25519 from python3-cryptography."""
import base64
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_hash(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return node_hash(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


class Verifier:
    """A vkey."""

    def __init__(self, text):
        self.name, key_id, rest = text.split("+", 2)
        raw = base64.b64decode(rest, validate=True)
        assert hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4].hex() == key_id
        self.id, self.type, self.key = bytes.fromhex(key_id), raw[0], Ed25519PublicKey.from_public_bytes(raw[1:])

    def check(self, text, signature):
        if self.type == 4:
            seconds = int.from_bytes(signature[:8], "big")
            text, signature = b"cosignature/v1\ntime %d\n" % seconds + text, signature[8:]
        self.key.verify(signature, text)


def open_note(note, verifier):
    """The text of a note that the verifier signed."""
    cut = note.rindex(b"\n\n")
    text, lines = note[:cut + 1], note[cut + 2:].decode()
    assert lines.endswith("\n")
    found = False
    for line in lines[:-1].split("\n"):
        dash, name, blob = line.split(" ")
        assert dash == "\u2014"
        blob = base64.b64decode(blob, validate=True)
        if name == verifier.name and blob[:4] == verifier.id:
            verifier.check(text, blob[4:])  # InvalidSignature: the note is refused
            found = True
    if not found:
        raise InvalidSignature("not signed by " + verifier.name)
    return text


def open_checkpoint(note, verifier):
    """(size, root) of a checkpoint."""
    origin, size, root, rest = open_note(note, verifier).decode().split("\n")
    assert origin == verifier.name and rest == "" and str(int(size)) == size
    return int(size), base64.b64decode(root, validate=True)


def inclusion_root(index, size, leaf, path):
    """RFC 9162, 2.1.3.2: the root that the path leads to."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        assert sn != 0
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r


def check_proof(proof, entry, verifier):
    """A tlog-proof of entry; returns (index, size)."""
    head, checkpoint = proof.split(b"\n\n", 1)
    lines = head.decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("index ")
    index = int(lines[1][6:])
    size, root = open_checkpoint(checkpoint, verifier)
    assert inclusion_root(index, size, leaf_hash(entry), [base64.b64decode(h) for h in lines[2:]]) == root
    return index, size


def tile_path(level, n, width):
    groups = ["%03d" % (n % 1000)]
    while n >= 1000:
        n //= 1000
        groups.insert(0, "x%03d" % (n % 1000))
    return f"tile/{level}/" + "/".join(groups) + (f".p/{width}" if width < 256 else "")


def read_tiles(folder, verifier, bundles):
    """Reads a folder as a client of a tiled log would; returns (size, root, entries or None)."""
    size, root = open_checkpoint((folder / "checkpoint").read_bytes(), verifier)
    hashes, level = None, 0
    leaves = []
    while size >> (8 * level):
        count, there = size >> (8 * level), []
        for n in range((count + 255) // 256):
            width = min(256, count - 256 * n)
            tile = (folder / tile_path(level, n, width)).read_bytes()
            assert len(tile) == 32 * width
            there += [tile[32 * i:32 * i + 32] for i in range(width)]
        if level == 0:
            leaves = there
        else:
            assert there == [tree_hash(hashes[256 * i:256 * i + 256]) for i in range(count)]
        hashes, level = there, level + 1
    assert tree_hash(leaves) == root
    if not bundles:
        return size, root, None
    entries = []
    for n in range((size + 255) // 256):
        width = min(256, size - 256 * n)
        bundle, at = (folder / tile_path("entries", n, width)).read_bytes(), 0
        for _ in range(width):
            length = int.from_bytes(bundle[at:at + 2], "big")
            entries.append(bundle[at + 2:at + 2 + length])
            at += 2 + length
        assert at == len(bundle)
    assert [leaf_hash(e) for e in entries] == leaves
    return size, root, entries
