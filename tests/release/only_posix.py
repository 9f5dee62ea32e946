"""What Python has on Linux but not on macOS. Importing this takes it away, and uvloop as well.

`python -m tests.release.only_posix dev` is then `skylogin dev` as on such a system.
"""

import os
import resource
import select
import selectors
import signal
import socket
import sys
import time
from types import ModuleType

# As the documentation of each module says under "Availability".
ONLY_LINUX: dict[ModuleType, str] = {
    os: "O_DIRECT O_NOATIME O_PATH O_RSYNC O_TMPFILE copy_file_range eventfd fdatasync getrandom "
    "getresgid getresuid getxattr listxattr memfd_create pidfd_open pipe2 posix_fadvise "
    "posix_fallocate sched_getaffinity sched_setaffinity setns setxattr splice timerfd_create "
    "unshare",
    resource: "RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME RLIMIT_SIGPENDING prlimit",
    select: "EPOLLIN EPOLLOUT EPOLLRDHUP POLLRDHUP epoll",
    signal: "SIGPOLL SIGPWR SIGRTMAX SIGRTMIN SIGSTKFLT pidfd_send_signal sigtimedwait sigwaitinfo",
    socket: "AF_NETLINK AF_PACKET AF_VSOCK MSG_NOSIGNAL SOCK_CLOEXEC SOCK_NONBLOCK SO_DOMAIN "
    "SO_INCOMING_CPU SO_MARK SO_PASSCRED SO_PEERCRED SO_PRIORITY SO_PROTOCOL TCP_CORK "
    "TCP_DEFER_ACCEPT TCP_KEEPIDLE TCP_QUICKACK TCP_USER_TIMEOUT",
    time: "CLOCK_BOOTTIME CLOCK_TAI pthread_getcpuclockid",
}
NAMES = {module.__name__: set(names.split()) for module, names in ONLY_LINUX.items()}


def take_away() -> None:
    """Remove those names, and let the import of uvloop fail."""
    for module, names in ONLY_LINUX.items():
        # Python's own module `selectors` may have chosen epoll already.
        for name in names.split() if module is not select else ():
            vars(module).pop(name, None)
    selectors.DefaultSelector = selectors.PollSelector  # type: ignore[misc, assignment]
    # None makes Python report that there is no such module.
    sys.modules["uvloop"] = None  # type: ignore[assignment]


if __name__ == "__main__":
    take_away()

    from skylogin.__main__ import main

    main()
