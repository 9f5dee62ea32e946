"""The page about operations has every line that is logged, and every alert."""

import ast
import re
from collections.abc import Iterator

import pytest
import yaml

from tests.docs.pages import PAGES, ROOT, first_cells, section

PAGE = PAGES["docs/operations.md"]
PACKAGE = ROOT / "server" / "skylogin"
LEVELS = {name: name for name in ("debug", "info", "warning", "error", "critical")}
LEVELS["exception"] = "error"
# What a lock on a database logs through.
LEVELS["warn"] = "critical"


@pytest.mark.heavy
def test_every_line_of_the_log_is_explained() -> None:
    """A new one has a row that says what it means and what to do."""
    rows = re.findall(
        r"^\| (\w+) \| `(.*?)` \| ", section(PAGE, "## What each log line means"), re.MULTILINE
    )

    assert sorted(rows) == sorted(logged())


def logged() -> set[tuple[str, str]]:
    """Return the level and the text of what the package logs, with … for what differs."""
    lines = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            lines |= set(lines_of(node))
    return lines


def lines_of(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the line that a call logs, if it does, or that a record is changed to."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=method), args=[text, *_]):
            of_logger = ast.unparse(value).endswith("logger") and method != "warn"
            if method in LEVELS and (of_logger or method == "warn") and not passed_on(text):
                yield LEVELS[method], with_gaps(text)
        case ast.Assign(targets=[ast.Attribute(attr="msg")], value=ast.Constant(value=str())):
            yield "warning", with_gaps(node.value)


def passed_on(text: ast.expr) -> bool:
    """Return whether a text is the argument of a function, whose callers are looked at."""
    return isinstance(text, ast.Name)


def with_gaps(text: ast.expr) -> str:
    """Return a text of a format or an f-string with … for each value."""
    if isinstance(text, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "…"
            for part in text.values
        )
    assert isinstance(text, ast.Constant), ast.unparse(text)
    return re.sub(r"%0?\d*[a-z]", "…", str(text.value))


def test_every_alert_has_its_first_steps() -> None:
    """As Prometheus has them."""
    file = yaml.safe_load((ROOT / "release/prometheus/alerts.yaml").read_text(encoding="utf-8"))
    alerts = {rule["alert"] for group in file["groups"] for rule in group["rules"]}

    assert first_cells(section(PAGE, "## First steps for each alert")) == alerts


def test_the_metrics_that_are_watched_exist() -> None:
    """In the names of the page about metrics."""
    named = set(re.findall(r"`(skylogin_[a-z_]+|process_[a-z_]+)`", PAGE))

    assert {name for name in named if f"`{name}`" not in PAGES["docs/metrics.md"]} == set()
