"""What is made for Prometheus and Grafana, as their own programs read it."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Require
from tests.docs.pages import PAGES

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _needs(require: Require) -> None:
    require("prometheus")


def promtool(folder: Path, *arguments: str) -> str:
    """Run it, and return what it prints."""
    done = subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_on_the_page_is_one(tmp_path: Path) -> None:
    """Apart from the file with the token, which it names."""
    [text] = re.findall(r"```yaml\n(scrape_configs:.*?)```", PAGES["docs/metrics.md"], re.DOTALL)
    (tmp_path / "token").touch()
    changed = text.replace("/etc/prometheus/skylogin-token", str(tmp_path / "token"))
    (tmp_path / "prometheus.yml").write_text(changed)

    assert changed != text
    assert "SUCCESS" in promtool(tmp_path, "check", "config", "prometheus.yml")
