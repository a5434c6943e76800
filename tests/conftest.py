"""What every suite under `tests/` has: told facts, needed programs, and a summary that hides no skip."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

from tests.support.machine import missing_packages, require
from tests.support.scheduling import ByNeed

TOLD = "told"
settings.register_profile("long", max_examples=1_000)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says something in the summary, passed or not: a seed, a count."""

    def say(line: str) -> None:
        request.node.user_properties.append((TOLD, line))

    return say


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(program): skipped where the program is missing, an error where CI=true")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByNeed:
    return ByNeed(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        require(*marker.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    stats = terminalreporter.stats
    for report in (*stats.get("passed", ()), *stats.get("failed", ())):
        for kind, line in report.user_properties if report.when == "call" else ():
            if kind == TOLD:
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {line}")
    skipped = stats.get("skipped", [])
    if skipped:
        terminalreporter.section(f"{len(skipped)} SKIPPED", yellow=True, bold=True)
        packages = missing_packages(str(report.longrepr) for report in skipped)
        if packages:
            terminalreporter.write_line(f"To run them: apt-get install -y {' '.join(packages)}", yellow=True, bold=True)
