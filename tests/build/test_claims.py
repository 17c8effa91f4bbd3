"""claims.py finds what it is there for."""
import claims

TESTS = {"unit.a", "unit.b"}
GOOD = ["# promise"] + [f"{p}\tIt holds.\tunit.a unit.b" for p in claims.PROMISES]


def wrong(at, line):
    return claims.faults(GOOD[:at] + ([line] if line is not None else []) + GOOD[at + 1:], TESTS)


def test_good_tables():
    assert claims.faults(GOOD, TESTS) == []
    assert wrong(1, f"{claims.PROMISES[0]}\tIt will hold.\t-\tthe code is not written") == []
    assert wrong(1, f"{claims.PROMISES[0]}\tIt holds.\tunit.a\tsome of it is not written") == []


def test_each_fault():
    first = claims.PROMISES[0]
    assert wrong(1, None) == [f"{first}: no row"]
    assert wrong(1, f"{first}\tIt holds.\tunit.a unit.c") == [f"{first}: unit.c is not a test of this build"]
    assert wrong(1, f"{first}\tIt holds.\tunit.a unit.a") == [f"{first}: names a test twice"]
    assert wrong(1, f"{first}\tIt holds.\t-") == [f"{first}: no tests, and not a word about what is missing"]
    assert len(wrong(1, f"{first}\tIt holds.\t")) == len(wrong(1, f"{first}\tIt holds.")) == 2
    assert wrong(0, "P-MORE\tIt holds.\tunit.a") == ["P-MORE: not a promise of the design, or twice"]
    assert wrong(0, GOOD[1]) == [f"{first}: not a promise of the design, or twice"]
