"""TLS from files: which are refused, and what clients see."""

import asyncio
import http.client
import shutil
import ssl
from http import HTTPStatus
from pathlib import Path

import pytest
from skylogin import config
from skylogin.client import readiness
from skylogin.client.connections import Connections
from skylogin.config import ConfigurationError, Settings
from skylogin.web import server, tls

from tests import certificates
from tests.certificates import Pair
from tests.conftest import Require


@pytest.fixture(scope="module")
def folder(require: Require, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate authority, and with good and bad certificates."""
    require("openssl")
    folder = tmp_path_factory.mktemp("tls")
    authority = certificates.make_authority(folder)
    for name in ("one", "two"):
        pair = certificates.make(folder, name, issuer=authority)
        pair.certificate.write_text(
            pair.certificate.read_text() + authority.certificate.read_text()
        )
    certificates.make(folder, "alone")
    certificates.make(folder, "expired", days=-1)
    ones, alone = (folder / "one.pem").read_text(), (folder / "alone.pem").read_text()
    (folder / "wrong_chain.pem").write_text(
        ones.partition("-----END")[0] + "-----END CERTIFICATE-----\n" + alone
    )
    (folder / "damaged.pem").write_text(ones[:100] + ones[110:])
    (folder / "empty.pem").write_text("")
    certificates.run(
        "ec",
        "-aes256",
        "-passout",
        "pass:secret",
        "-in",
        folder / "one.key",
        "-out",
        folder / "locked.key",
    )
    certificates.run("genrsa", "-out", folder / "rsa.key", "2048")
    return folder


def settings_of(certificate: Path, key: Path, mode: str = config.DEV, **more: str) -> Settings:
    """Return the settings of a server with TLS."""
    return config.read({**Pair(certificate, key).settings, **more}, mode)


REFUSED = {
    "missing": ("none", "one", "CERT {}/none.pem: No such file or directory"),
    "missing key": ("one", "none", "KEY {}/none.key: No such file or directory"),
    "empty": ("empty", "one", "CERT {}/empty.pem: it has no certificate in PEM"),
    "damaged": ("damaged", "one", "CERT {}/damaged.pem: it has a certificate that is damaged"),
    "another key": (
        "one",
        "two",
        "KEY {}/two.key: it is not the key of the certificate in SKYLOGIN_TLS_CERT",
    ),
    "a key of another kind": (
        "one",
        "rsa",
        "KEY {}/rsa.key: it is not the key of the certificate in SKYLOGIN_TLS_CERT",
    ),
    "encrypted": ("one", "locked", "KEY {}/locked.key: it is encrypted; decrypt it first"),
    "expired": (
        "expired",
        "expired",
        "CERT {}/expired.pem: no client accepts it: certificate has expired",
    ),
    "another issuer": (
        "wrong_chain",
        "one",
        "CERT {}/wrong_chain.pem: its second certificate is not that of the issuer of the first",
    ),
}


@pytest.mark.heavy
@pytest.mark.parametrize(("certificate", "key", "problem"), REFUSED.values(), ids=REFUSED)
def test_files_that_no_client_could_use_are_refused(
    certificate: str, key: str, problem: str, folder: Path
) -> None:
    """In one line, which names the file."""
    settings = settings_of(folder / f"{certificate}.pem", folder / f"{key}.key")
    with pytest.raises(ConfigurationError) as error:
        tls.certificate_of(settings)

    assert error.value.problems == [f"SKYLOGIN_TLS_{problem.format(folder)}"]


def test_a_file_that_is_not_a_key_is_refused(folder: Path) -> None:
    """Such as the certificate, given twice, or a directory."""
    for path, problem in (
        (folder / "one.pem", "it has no private key in PEM"),
        (folder, "Is a directory"),
    ):
        with pytest.raises(ConfigurationError) as error:
            tls.certificate_of(settings_of(folder / "one.pem", path))
        assert error.value.problems == [f"SKYLOGIN_TLS_KEY {path}: {problem}"]


@pytest.mark.parametrize("name", ["SKYLOGIN_TLS_CERT", "SKYLOGIN_TLS_KEY"])
def test_a_certificate_needs_its_key(name: str) -> None:
    """And the reverse."""
    with pytest.raises(ConfigurationError) as error:
        config.read({name: "x.pem"}, config.DEV)

    assert error.value.problems == [
        "SKYLOGIN_TLS_CERT and SKYLOGIN_TLS_KEY have to be set together"
    ]


async def test_a_server_with_tls_is_reached_by_https(
    folder: Path, file_with_tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By clients that trust its authority; a certificate that is replaced is used at once."""
    path = shutil.copyfile(file_with_tables, tmp_path / "skylogin.db")
    pair = Pair(tmp_path / "server.pem", tmp_path / "server.key")
    _copy(folder / "one", pair)
    settings = settings_of(pair.certificate, pair.key, DATABASE_URL=f"sqlite:///{path}", PORT="0")
    async with server.running(settings) as running:
        assert running.url == f"https://127.0.0.1:{running.port}/"
        assert str(running.portal).startswith("https://")
        problem = await asyncio.to_thread(readiness.find_problem, running.url, 5)
        assert "is not trusted: self-signed certificate" in problem
        assert "SSL_CERT_FILE" in problem
        own = (running.url, 5, str(pair.certificate))
        assert await asyncio.to_thread(readiness.find_problem, *own) == ""

        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        assert await asyncio.to_thread(readiness.find_problem, running.url, 5) == ""
        kept = Connections(running.url.rstrip("/"))
        assert (await asyncio.to_thread(kept.send, "GET", "/healthz", {})).status == HTTPStatus.OK
        assert await asyncio.to_thread(_name_of, running.port, folder) == "one"

        _copy(folder / "two", pair)
        assert running.certificate is not None
        assert running.certificate.reload(settings)()
        assert await asyncio.to_thread(_name_of, running.port, folder) == "two"
        assert (await asyncio.to_thread(kept.send, "GET", "/healthz", {})).status == HTTPStatus.OK
        kept.close()
        with pytest.raises(http.client.HTTPException):
            await asyncio.to_thread(_speak_plainly, running.port)


@pytest.mark.slow
async def test_a_server_that_cannot_run_reports_all_problems_at_once(
    postgresql_url: str, tmp_path: Path
) -> None:
    """The certificate, the token store and the database, which it does not change."""
    settings = settings_of(
        tmp_path / "none.pem",
        tmp_path / "none.key",
        API_KEY="a key of our own",
        MASTER_KEY="a master key of our own",
        TOKEN_STORE="fs",
        TOKEN_STORE_PATH="/proc/nowhere",
        DATABASE_URL=postgresql_url,
        mode=config.SERVE,
    )
    with pytest.raises(ConfigurationError) as error:
        async with server.running(settings):
            pass

    certificate, tokens, database = error.value.problems
    assert certificate.startswith("SKYLOGIN_TLS_CERT ")
    assert tokens.startswith("TOKEN_STORE_PATH ")
    assert database == "the database is empty: run `skylogin migrate`"


def _copy(source: Path, pair: Pair) -> None:
    shutil.copyfile(source.with_suffix(".pem"), pair.certificate)
    shutil.copyfile(source.with_suffix(".key"), pair.key)


def _name_of(port: int, folder: Path) -> str:
    """Return the name in the certificate that a new connection sees."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b"ok\n"
    shown = connection.sock.getpeercert()  # type: ignore[attr-defined]
    connection.close()
    return dict(part for [part] in shown["subject"])["commonName"]


def _speak_plainly(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse()
    except ConnectionError as error:
        raise http.client.HTTPException from error
    finally:
        connection.close()
