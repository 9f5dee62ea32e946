"""Certificates for tests, made by OpenSSL's command."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

ADDRESS, NAME = "127.0.0.1", "localhost"


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of a certificate and of its key."""

    certificate: Path
    key: Path

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment of a server with this pair."""
        return {"SKYLOGIN_TLS_CERT": str(self.certificate), "SKYLOGIN_TLS_KEY": str(self.key)}


def make(folder: Path, name: str, *, days: int = 10, issuer: Pair | None = None) -> Pair:
    """Make a certificate for this machine; without an *issuer*, its own one."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    request, extensions = folder / "request", folder / "extensions"
    extensions.write_text(f"subjectAltName=IP:{ADDRESS},DNS:{NAME}\n")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("req", "-new", *kind, "-keyout", pair.key, "-subj", f"/CN={name}", "-out", request)
    signer = ("-signkey", pair.key)
    if issuer is not None:
        signer = ("-CA", issuer.certificate, "-CAkey", issuer.key, "-CAcreateserial")  # type: ignore[assignment]
    asked = ("-req", "-in", request, "-days", str(days), "-extfile", extensions)
    run("x509", *asked, *signer, "-out", pair.certificate)
    return pair


def make_authority(folder: Path) -> Pair:
    """Make the certificate of an authority that issues others."""
    pair = Pair(folder / "ca.pem", folder / "ca.key")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    files = ("-keyout", pair.key, "-out", pair.certificate)
    # Python 3.13 and later trust no CA without a key usage.
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    run("req", "-x509", *kind, *files, "-subj", "/CN=an authority", "-days", "10", *usage)
    return pair


def run(*arguments: str | Path) -> None:
    """Run a command of OpenSSL."""
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
