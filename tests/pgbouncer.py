"""PgBouncer for the tests, in front of their PostgreSQL: a new one, with its defaults."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.local_services import ACCOUNT, ADDRESS, free_port
from tests.waiting import wait_until

# It ends when its standard input does, so also when the tests are killed.
KEEPER = """
pgbouncer -q pgbouncer.ini &
pooler=$!
read -r line
kill -9 "$pooler"
cd / && rm -rf "$folder"
"""
# Everything else is Debian's default. It listens on no socket, whose path may be too long.
SETTINGS = """
[databases]
* = host={address} port={server_port}
[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = users.txt
logfile = pgbouncer.log
pool_mode = {mode}
"""


@contextmanager
def running(server_url: str, mode: str) -> Iterator[str]:
    """Run a pooler in *mode* before the server at *server_url*; yield the URL through it."""
    server_port = server_url.rpartition(":")[2].partition("/")[0]
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="skylogin-pgbouncer-", dir="/tmp"))
    settings = SETTINGS.format(address=ADDRESS, server_port=server_port, port=port, mode=mode)
    (folder / "pgbouncer.ini").write_text(settings)
    (folder / "users.txt").write_text(f'"{ACCOUNT}" ""\n')
    account = ACCOUNT if os.geteuid() == 0 else None
    if account is not None:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, account)
    with subprocess.Popen(
        ["/bin/sh", "-c", KEEPER],
        cwd=folder,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin", "folder": str(folder)},
        stdin=subprocess.PIPE,
        user=account,
        group=account,
        extra_groups=[] if account else None,
        start_new_session=True,
    ):
        log = folder / "pgbouncer.log"
        wait_until(lambda: log.exists() and "process up" in log.read_text())
        yield server_url.replace(f":{server_port}/", f":{port}/")
