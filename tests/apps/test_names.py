"""Which app a call is for."""

import pytest
from skylogin.apps import names

HOSTS = {
    "worker-9.localhost": "worker-9",
    "worker-9.localhost.": "worker-9",
    "worker-9.localhost:3000": "worker-9",
    "worker-9.localhost.:3000": "worker-9",
    "worker-9.localhost:": "worker-9",
    "Worker-9.LOCALHOST.:80": "worker-9",
    "localhost": "",
    "localhost.": "",
    "127.0.0.1:3000": "",
    "[::1]:3000": "",
    "worker-9": "",
    "worker-9.example.com": "",
    "worker-9localhost": "",
    "": "",
}


@pytest.mark.parametrize(("host", "name"), HOSTS.items(), ids=HOSTS)
def test_a_host_names_an_app(host: str, name: str) -> None:
    """In any case, with or without a port and the dot of the root."""
    assert names.split("/me", host, "localhost") == (name, "/me")


def test_a_path_wins_over_the_host() -> None:
    """It is the form that every client can use."""
    assert names.split("/apps/shop/me", "worker-9.localhost.", "localhost") == ("shop", "/me")
