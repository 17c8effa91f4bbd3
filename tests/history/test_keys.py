"""Incidents of keys that somebody else has, too."""
import hashlib
import pathlib
import re
import secrets
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import past
from past import refused, signed

BUILDER = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "tools" / "build-weak-keys"
DEBIAN = rsa.generate_private_key(65537, 2048)  # as if Debian's OpenSSL had made it
LEAKED = ec.generate_private_key(ec.SECP256R1())


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def lists(text, house):
    """The two lists of the policy hold one key each; the weak keys are of P-256 and of RSA with 2048 bits."""
    reported, weak = house.dir / "compromised.txt", house.dir / "weak.bin"
    reported.write_text(f"# reported\n{hashlib.sha256(spki(LEAKED)).hexdigest()} 2026-10-01 by mail\n")
    modulus = b"Modulus=%X\n" % DEBIAN.public_key().public_numbers().n
    (house.dir / "rsa").write_text(hashlib.sha1(modulus).hexdigest()[-20:] + "\n")
    (house.dir / "ec").write_text("00" * 32 + "\n")
    subprocess.run([BUILDER, "--out", weak, "--rsa", f"2048:{house.dir}/rsa", "--ec", f"256:{house.dir}/ec"], check=True,
                   capture_output=True)
    for name, path in (("debian_weak_keys", weak), ("compromised_keys", reported)):
        text, n = re.subn(rf"(  {name}:\n)    accept_missing: .*\n", rf"\1    path: {path}\n", text)
        assert n == 1
    return text


@pytest.fixture(scope="module")
def listed():
    with past.PastHouse(policy=lists, issuers=past.EC) as made:
        made.start()
        yield made


def test_h28(listed):
    """Keys that had been reported as compromised were certified again (1927384)."""
    bad = listed.tbs(["leaked.example.com"], key=LEAKED)
    said = refused(listed.sign, bad, listed.complete(bad), rules=["T11"])
    assert said.subjects("T11") == ["key"]
    good = listed.tbs(["leaked.example.com"])
    signed(listed, good, listed.complete(good))


class Public:
    """A key of which only the public half is needed."""

    def __init__(self, n, e=65537):
        self.numbers = rsa.RSAPublicNumbers(e, n)

    def public_key(self):
        return self.numbers.public_key()


def is_prime(n, rounds=12):
    """Miller and Rabin."""
    if any(n % p == 0 for p in SMALL):
        return False
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for _ in range(rounds):
        x = pow(secrets.randbelow(n - 3) + 2, d, n)
        if x in (1, n - 1):
            continue
        if not any((x := x * x % n) == n - 1 for _ in range(s - 1)):
            return False
    return True


SMALL = [p for p in range(2, 800) if all(p % q for q in range(2, int(p ** 0.5) + 1))]


def close_primes():
    p = secrets.randbits(1024) | 3 << 1022 | 1
    while not is_prime(p):
        p += 2
    q = p + 2
    while not is_prime(q):
        q += 2
    return Public(p * q)


def roca_prime(n_primes=71):
    """k * M + 65537^a mod M, M the product of the first primes (CVE-2017-15361)."""
    m = 1
    for p in SMALL[:n_primes]:
        m *= p
    while True:
        k = secrets.randbits(1024 - m.bit_length()) | 3 << (1022 - m.bit_length())
        p = k * m + pow(65537, secrets.randbelow(m), m)
        if p.bit_length() == 1024 and is_prime(p):
            return p


def roca():
    while True:
        n = roca_prime() * roca_prime()
        if n.bit_length() == 2048:
            return Public(n)


def factor_of_three():
    """Divisible by a small prime: no product of two primes at all."""
    while True:
        n = 3 * (secrets.randbits(2047) | 1)
        if n.bit_length() == 2048:
            return Public(n)


WEAK = {"close-primes": (close_primes, "T10"), "ROCA": (roca, "T10"), "small-factor": (factor_of_three, "T09"),
        "1024-bits": (lambda: Public(_product(512)), "T09"),
        "exponent-3": (lambda: Public(_product(1024), 3), "T09")}


def _product(bits):
    key = rsa.generate_private_key(65537, 2 * bits)
    return key.private_numbers().p * key.private_numbers().q


@pytest.mark.parametrize("kind", WEAK)
def test_h29(house, kind):
    """Keys that anybody can factor were certified by several CAs, in requests that were perfect otherwise."""
    make, rule = WEAK[kind]
    bad = house.tbs(["weak.example.com"], key=make())
    said = refused(house.sign, bad, house.complete(bad), rules=[rule])
    assert said.subjects(rule) == ["key"]


def test_h29_debian(listed):
    """Keys of the few that Debian's OpenSSL could make (CVE-2008-0166), from the list that the policy names."""
    bad = listed.tbs(["weak.example.com"], key=DEBIAN)
    said = refused(listed.sign, bad, listed.complete(bad), rules=["T10"])
    assert said.subjects("T10") == ["key"]
    good = listed.tbs(["weak.example.com"], key=rsa.generate_private_key(65537, 2048))
    signed(listed, good, listed.complete(good))
