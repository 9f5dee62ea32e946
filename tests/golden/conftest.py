"""The servers that scenarios are played on, and a line on how many scenarios there are."""

from collections.abc import Iterator

import pytest

from tests.golden.choosing import is_offered
from tests.golden.scenarios import load_profiles, load_scenarios


@pytest.fixture(scope="session")
def server_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a server on one kind of database, with the settings of one profile."""
    # The tests of the replayer itself need no server, so none is imported for them.
    from skylogin.testing import SkyloginServer  # noqa: PLC0415

    # Names, not values: pytest keeps a server for the tests whose parameters have the same hash.
    database, profile = request.param
    environment = load_profiles()[profile].environment
    if database == "postgresql":
        url = request.getfixturevalue("postgresql").make_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('golden') / 'golden.db'}"
    if environment["DEV_MODE"] == "NO":
        # A server in production changes no schema: one in development has to come first.
        with SkyloginServer({**environment, "DEV_MODE": "YES"}, url):
            pass
    with SkyloginServer(environment, url) as running:
        yield running.url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of what is recorded is out of reach of the server, if any of it was played."""
    reports = (report for reports in terminalreporter.stats.values() for report in reports)
    if any("test_golden.py" in getattr(report, "nodeid", "") for report in reports):
        scenarios = load_scenarios()
        left_out = sum(not is_offered(scenario) for scenario in scenarios)
        terminalreporter.write_line(
            f"{left_out} of {len(scenarios)} golden scenarios are left out:"
            " they ask for actions the server does not offer"
        )
