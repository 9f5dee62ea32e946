"""What is made for Prometheus and Grafana, as their own programs read it."""

import json
import re
from http import HTTPStatus
from pathlib import Path

import pytest
from skylogin.clock import system_now
from skylogin.tokens.mint import mint
from skylogin.web.metrics_page import make_metrics

from tests.applications import MakeClient
from tests.conftest import Require
from tests.docs.pages import PAGES, ROOT
from tests.processes import output_of

ALERTS = ROOT / "release" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "release" / "grafana" / "skylogin.json"
# Those that Prometheus itself has.
OF_PROMETHEUS = {"up"}
SECRET = "a secret of this test"


@pytest.fixture
def _prometheus(require: Require) -> None:
    require("prometheus")


def promtool(folder: Path, *arguments: str) -> str:
    """Run it, and return what it prints."""
    return output_of(["promtool", *arguments], folder)


@pytest.mark.slow
@pytest.mark.usefixtures("_prometheus")
def test_the_alerts_fire_when_they_have_to(tmp_path: Path) -> None:
    """And each of them once; a server that is well has none."""
    cases = Path(__file__).with_name("alerts_test.yaml")
    names = set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))

    assert f"{len(names)} rules found" in promtool(tmp_path, "check", "rules", str(ALERTS))
    assert names == set(re.findall(r'alertname="(\w+)"', cases.read_text()))
    assert "SUCCESS" in promtool(tmp_path, "test", "rules", str(cases))


@pytest.mark.slow
@pytest.mark.usefixtures("_prometheus")
def test_every_expression_of_the_dashboard_is_one(tmp_path: Path) -> None:
    """As the expressions of rules: Grafana's own variables are replaced by a time and servers."""
    made = [text.replace("$__rate_interval", "5m") for text in expressions()]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(made)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "a", "rules": rules}]}))

    assert f"{len(rules)} rules found" in promtool(tmp_path, "check", "rules", "rules.yaml")


def expressions() -> list[str]:
    """Return what the panels of the dashboard show."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


async def test_the_server_has_every_number_that_is_named(make_client: MakeClient) -> None:
    """By the alerts and the dashboard; and no number is missing in both."""
    client = await make_client(CUSTOM_TOKEN_SECRET=SECRET)
    token = mint("alice", SECRET, system_now())
    login = await client.post(
        "/sso/custom_token/login", json={"api_key": "changeme", "token": token}
    )
    assert login.status == HTTPStatus.OK
    text = await (await client.get("/metrics")).text()
    exported = set(re.findall(r"^(\w+)[ {]", text, re.MULTILINE))
    said = "\n".join([*expressions(), ALERTS.read_text()])
    named = set(re.findall(r"\b(?:skylogin|process)_\w+", said)) | OF_PROMETHEUS

    assert named - exported == OF_PROMETHEUS
    assert [one.name for one in make_metrics().families if one.name not in said] == []


@pytest.mark.slow
@pytest.mark.usefixtures("_prometheus")
def test_the_configuration_on_the_page_is_one(tmp_path: Path) -> None:
    """Apart from the file with the token, which it names."""
    [text] = re.findall(r"```yaml\n(scrape_configs:.*?)```", PAGES["docs/metrics.md"], re.DOTALL)
    (tmp_path / "token").touch()
    changed = text.replace("/etc/prometheus/skylogin-token", str(tmp_path / "token"))
    (tmp_path / "prometheus.yml").write_text(changed)

    assert changed != text
    assert "SUCCESS" in promtool(tmp_path, "check", "config", "prometheus.yml")
