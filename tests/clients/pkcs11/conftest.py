import os
import subprocess
import sys

import door
import pytest


@pytest.fixture(scope="module")
def house():
    """One house for a file; at its end, what was signed is what is on record, and nothing else was asked of the HSM."""
    with door.DoorHouse() as made:
        made.start()
        yield made
        books = door.audit.Books(made)
        assert books.intents and all(books.result(seq) == door.audit.SIGNED for seq in books.intents)
        assert set(books.intents) <= set(books.witnessed())
        check = subprocess.run([door.h.BIN / "countersign", "ledger", "verify", made.ledger], capture_output=True, text=True)
        assert check.returncode == 0, check.stderr


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    made = item.funcargs.get("house") if hasattr(item, "funcargs") else None
    if report.failed and made is not None and os.path.exists(made.dir / "log"):
        report.sections.append(("countersignd log", made.log_text()))


def pytest_terminal_summary(terminalreporter):
    """The table of test_doors.py: what each kind of software was told."""
    tests = sys.modules.get("test_doors")
    if tests is None or not tests.TABLE:
        return
    terminalreporter.write_line(f"{'client':30} way  " + "  ".join(f"{c:25}" for c in tests.COLUMNS))
    for name, (way, *cells) in tests.TABLE.items():
        terminalreporter.write_line(f"{name:30} {way:4} " + "  ".join(f"{c:25}" for c in cells))
