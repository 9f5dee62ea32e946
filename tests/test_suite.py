"""How `make test` runs the tests."""

import pytest

GROUPED = """
import os
import pytest

@pytest.mark.xdist_group("group")
@pytest.mark.parametrize("number", range(6))
def test_in_a_group(number):
    print("worker", os.environ["PYTEST_XDIST_WORKER"])
"""


@pytest.mark.slow
def test_a_group_runs_on_one_worker(pytester: pytest.Pytester) -> None:
    """So that timing tests do not disturb each other, and large databases are made once."""
    pytester.makepyfile(GROUPED)
    options = ("-n", "2", "--dist", "loadgroup", "-rP", "-p", "no:schemathesis")

    done = pytester.runpytest_subprocess(*options, timeout=60)

    done.assert_outcomes(passed=6)
    assert len({line for line in done.outlines if line.startswith("worker ")}) == 1
