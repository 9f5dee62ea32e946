"""What `make audit` makes of the answers of its tools."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from release import audit
from release.audit import Report

KNOWN = """{"dependencies": [
    {"name": "jinja2", "version": "2.4.1", "vulns": [
        {"id": "PYSEC-2014-8", "fix_versions": ["2.7.2"], "aliases": [], "description": ""}]},
    {"name": "idna", "version": "3.20", "vulns": []}
], "fixes": []}"""
UNKNOWN = '{"dependencies": [{"name": "idna", "skip_reason": "not found"}], "fixes": []}'
NPM_KNOWN = """{"auditReportVersion": 2, "vulnerabilities": {
    "ws": {"name": "ws", "severity": "high", "range": "<5.2.3", "via": []}}, "metadata": {}}"""
NPM_REFUSED = '{"message": "405 Method Not Allowed", "statusCode": 405, "error": {"summary": ""}}'


@pytest.mark.parametrize(
    ("read", "answer", "expected"),
    [
        pytest.param(
            audit.read_pip_audit,
            KNOWN,
            Report(("jinja2 2.4.1: PYSEC-2014-8, fixed in 2.7.2",)),
            id="vulnerable",
        ),
        pytest.param(
            audit.read_pip_audit,
            UNKNOWN,
            Report(problem="1 of 1 packages are unknown there"),
            id="not looked at",
        ),
        pytest.param(audit.read_npm_audit, NPM_KNOWN, Report(("ws <5.2.3: high",)), id="npm"),
        pytest.param(
            audit.read_npm_audit,
            NPM_REFUSED,
            Report(problem="405 Method Not Allowed"),
            id="npm refused",
        ),
    ],
)
def test_an_answer_is_read(read: Callable[[str], Report], answer: str, expected: Report) -> None:
    """A package that was not looked at is never taken for one without vulnerabilities."""
    assert read(answer) == expected


@pytest.mark.parametrize("program", [["-c", ""], ["-c", "raise SystemExit('cannot connect')"]])
def test_no_answer_is_a_problem(program: list[str], tmp_path: Path) -> None:
    """As where the network is closed: the last line of the tool says why."""
    report = audit.audit([sys.executable, *program], tmp_path, audit.read_pip_audit)

    assert report.problem in ("there was no answer", "cannot connect")
    assert audit.audit(["no-such-tool"], tmp_path, audit.read_npm_audit).problem


@pytest.mark.parametrize(
    ("report", "codes"),
    [
        (Report(), (0, 0)),
        (Report(problem="closed"), (0, 1)),
        (Report(("ws <5.2.3: high",), "closed"), (1, 1)),
    ],
    ids=["clean", "not scanned", "vulnerable"],
)
def test_findings_fail_and_a_closed_network_where_the_scan_is_required(
    report: Report,
    codes: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A closed network fails only where the scan is required."""
    monkeypatch.setattr(audit, "audits", lambda: {"constraints.txt": report})

    assert (audit.main(required=False), audit.main(required=True)) == codes
    assert ("not scanned" in capsys.readouterr().out) == bool(report.problem)


def test_what_the_originals_sdks_need_is_only_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody can mend it, and no release has it."""
    report = Report(("ws <5.2.3: high",))
    monkeypatch.setattr(audit, "audits", lambda: {"tests/sdk/package-lock.json": report})

    assert audit.main(required=True) == 0
    assert "ws <5.2.3: high" in capsys.readouterr().out
