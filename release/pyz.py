"""Build a .pyz of a wheel, beside it: one file with all that skylogin needs but Python.

Some of its libraries are compiled, so it runs on the version of Python and the kind of machine
that it was built on. Its name says both, and it refuses any other in one line.
"""

import hashlib
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
MACHINE = f"{sys.platform}_{platform.machine()}"
# Shiv runs this before the command, and gives it the path of the file.
CHECK = """
import platform, sys
here = "Python %d.%d on %s_%s" % (*sys.version_info[:2], sys.platform, platform.machine())
if here != "{wanted}":
    sys.exit(archive + " is for {wanted}; this is " + here)
"""


def file_name(wheel: Path) -> str:
    """Return the name of the file that this Python makes of *wheel*."""
    version = wheel.name.split("-")[1]
    return f"skylogin-{version}-cp{VERSION.replace('.', '')}-{MACHINE}.pyz"


def check_for(version: str) -> str:
    """Return a program that refuses any Python but *version* on this kind of machine."""
    return CHECK.format(wanted=f"Python {version} on {MACHINE}")


def install(wheel: Path, folder: Path) -> None:
    """Install *wheel* and what it needs, each file with its hash, into *folder*."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        print(f"{wheel.resolve()} --hash=sha256:{digest}", file=wanted, flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder]
        server = ROOT / "constraints" / "server.txt"
        subprocess.run([*pip, "--require-hashes", "-r", server, "-r", wanted.name], check=True)


def main(wheel: Path) -> None:
    """Build the file, and print its path."""
    target = wheel.with_name(file_name(wheel))
    with tempfile.TemporaryDirectory() as name:
        installed, check = Path(name, "installed"), Path(name, "check.py")
        install(wheel, installed)
        check.write_text(check_for(VERSION))
        shiv = [Path(sys.executable).with_name("shiv"), "--reproducible", "--compressed"]
        what = ["--site-packages", installed, "--console-script", "skylogin", "--preamble", check]
        how = ["--python", f"/usr/bin/env python{VERSION}", "--compile-pyc", "-o", target]
        subprocess.run([*shiv, *what, *how], check=True)
    print(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
