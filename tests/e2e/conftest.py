import os
import pytest

import house as h


@pytest.fixture(scope="module")
def house():
    """One running countersign per test module; its log is shown when a test of the module fails."""
    with h.House() as made:
        made.start()
        yield made


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    made = item.funcargs.get("house") if hasattr(item, "funcargs") else None
    if report.failed and made is not None and os.path.exists(made.dir / "log"):
        report.sections.append(("countersignd log", made.log_text()))
