import os
import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "e2e")]


def waiting():
    """{test name, perhaps with its parameters: reason} of waiting.txt: scenarios whose rule is not there yet."""
    path, out = FOLDER / "waiting.txt", {}
    for line in path.read_text().splitlines() if path.exists() else []:
        if line and not line.startswith("#"):
            name, reason = line.split(None, 1)
            out[name] = reason
    return out


def pytest_collection_modifyitems(items):
    """A scenario that waits must fail; one that passes has waited long enough."""
    reasons = waiting()
    for item in items:
        reason = reasons.get(item.name) or reasons.get(item.originalname)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(strict=True, reason=reason))


@pytest.fixture(scope="module")
def house():
    import past
    with past.PastHouse() as made:
        made.start()
        yield made


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    made = item.funcargs.get("house") if hasattr(item, "funcargs") else None
    if report.failed and made is not None and os.path.exists(made.dir / "log"):
        report.sections.append(("countersignd log", made.log_text()))
