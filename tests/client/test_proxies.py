"""What keeps programs from asking a proxy for a server."""

import pytest
from skylogin.client import proxies

PROXY = {"HTTPS_PROXY": "http://proxy.example:3128"}
URLS = {
    "IPv4": ("http://127.0.0.1:3000/", "127.0.0.1"),
    "IPv6, which programs write in two ways": ("http://[::1]:3000/", "::1,[::1]"),
    "a name": ("http://skylogin:3000/apps/x/", "skylogin"),
}


@pytest.mark.parametrize(("url", "host"), URLS.values(), ids=URLS)
def test_the_host_of_the_url_is_excepted(url: str, host: str) -> None:
    """Without its port, in both variables."""
    given = {**PROXY, "no_proxy": "example.com,"}
    wanted = f"example.com,{host}"

    found = proxies.exceptions_for(url, given)

    assert found == {"NO_PROXY": wanted, "no_proxy": wanted}
    assert proxies.exceptions_for(url, {**given, **found}) == found
    assert proxies.exceptions_for(url, {"no_proxy": "example.com"}) == {}
