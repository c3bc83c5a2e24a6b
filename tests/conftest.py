# SPDX-License-Identifier: MIT
"""What holds for all tests in Python: nothing is skipped in silence."""
from pathlib import Path

import pytest

SKIPS = Path(__file__).parent / "skips.txt"


def allowed_skips():
    lines = SKIPS.read_text().splitlines()
    return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that skips itself fails, unless tests/skips.txt names it."""
    report = (yield).get_result()
    if report.skipped and not hasattr(report, "wasxfail"):
        name = f"{item.path.relative_to(SKIPS.parent)}::{item.name}"
        if name not in allowed_skips():
            report.outcome = "failed"
            report.longrepr = f"skipped, but tests/skips.txt does not name {name}: {report.longrepr[2]}"
