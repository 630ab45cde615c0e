"""Suite-wide rules: skips end in a line that says how to mend them, and none is allowed in CI."""

import os

import pytest
from hypothesis import HealthCheck, settings

# No test is timed: a loaded machine is no failure.
settings.register_profile("mumetal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mumetal")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.write_line(
            f"{len(skipped)} test(s) were skipped for want of a system package: run `make system-deps` (root), then again"
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("MUMETAL_NO_SKIP") and exitstatus == 0 and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
