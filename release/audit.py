"""Look for known vulnerabilities in the versions that this project pins.

Ends with 1 if there are any. Where no database of advisories can be reached, it says so and
ends with 0, or with 1 if it was called with --required. What the original's own SDKs bring with
them is only shown: they are as old as they are, and no part of skylogin.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PIP_AUDIT = Path(sys.executable).with_name("pip-audit")
SECONDS_MAX = 300
WITH_ORIGINAL_SDKS = ("tests/sdk/", "examples/")


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found, or why it could not look."""

    vulnerable: tuple[str, ...] = ()
    problem: str = ""


def read_pip_audit(answer: str) -> Report:
    """Read the JSON of pip-audit. A package that it does not know was not looked at."""
    packages = json.loads(answer)["dependencies"]
    found = tuple(
        f"{package['name']} {package['version']}: {one['id']}, "
        f"fixed in {', '.join(one['fix_versions']) or 'no version'}"
        for package in packages
        for one in package.get("vulns", ())
    )
    unknown = sum("skip_reason" in package for package in packages)
    problem = f"{unknown} of {len(packages)} packages are unknown there"
    return Report(found, problem if unknown or not packages else "")


def read_npm_audit(answer: str) -> Report:
    """Read the JSON of `npm audit`."""
    said = json.loads(answer)
    if "vulnerabilities" not in said:
        return Report(problem=said.get("message") or str(said.get("error")))
    found = said["vulnerabilities"].values()
    return Report(tuple(f"{one['name']} {one['range']}: {one['severity']}" for one in found))


def audit(command: list[str | Path], folder: Path, read: Callable[[str], Report]) -> Report:
    """Run an audit in *folder*, and return what it found."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
        )
        return read(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Report(problem=str(error))
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()[-1:]
        return Report(problem=last[0] if last else "there was no answer")


def audits() -> dict[str, Report]:
    """Audit each list of packages."""
    command = [PIP_AUDIT, "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
    reports = {
        path: audit([*command, "-r", path], ROOT, read_pip_audit)
        for path in ("constraints.txt", "tests/sdk/python_sdk.in")
    }
    listed = subprocess.run(
        ["git", "ls-files", "*package-lock.json"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    ).stdout.decode()
    return reports | {
        path: audit(["npm", "audit", "--json"], (ROOT / path).parent, read_npm_audit)
        for path in listed.split()
    }


def main(*, required: bool) -> int:
    """Print what the audits found, and return the exit code."""
    reports = audits()
    for path, report in reports.items():
        if report.problem:
            print(f"{path}: not scanned, no database of advisories answers: {report.problem}")
        if report.vulnerable or not report.problem:
            print(f"{path}: {len(report.vulnerable)} known vulnerabilities")
        for one in report.vulnerable:
            print(f"  {one}")
    unscanned = any(report.problem for report in reports.values())
    vulnerable = any(
        report.vulnerable
        for path, report in reports.items()
        if not path.startswith(WITH_ORIGINAL_SDKS)
    )
    return int(vulnerable or (required and unscanned))


if __name__ == "__main__":
    sys.exit(main(required="--required" in sys.argv[1:]))
