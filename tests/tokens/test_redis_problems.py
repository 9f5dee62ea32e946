"""What is reported of a Redis that cannot be used, never quoting its library or itself."""

import asyncio

import pytest
from skylogin.tokens import redis_store

# What it answers to every command, and what is reported.
ANSWERS = {
    "no password": (b"-NOAUTH Geheim", "refuses the password, or needs one"),
    "no rights": (b"-NOPERM Geheim", "does not let this account write"),
    "a replica": (b"-READONLY Geheim", "is a replica and cannot be written"),
    "no memory": (b"-OOM Geheim", "has no memory left"),
    "it starts": (b"-LOADING Geheim", "is loading its data"),
    "too many clients": (b"-ERR max number of clients reached", "ends or refuses the connection"),
    "a full disk": (b"-MISCONF Geheim", "refuses a command (MISCONF)"),
    "an unknown error": (b"-Geheim", "refuses a command (ERR)"),
    "no Redis": (b"HTTP/1.1 400 Geheim", "does not speak its protocol"),
    "nothing": (b"", "ends or refuses the connection"),
}


@pytest.mark.parametrize(("answer", "said"), ANSWERS.values(), ids=ANSWERS)
async def test_the_reason_why_redis_cannot_be_used_is_reported(answer: bytes, said: str) -> None:
    """In our words, without what it says itself, which may have a token."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer and await reader.read(10_000):
            writer.write(answer + b"\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        problem = await redis_store.find_problem(f"redis://:Geheim@{at}/1", "")

    assert problem == f"names a Redis that {said}: {at}"


async def test_a_redis_that_does_not_run_is_reported() -> None:
    """The system says why."""
    for at, why in (("127.0.0.1:1", "Connection refused"), ("nobody.invalid:1", "not known")):
        problem = await redis_store.find_problem(f"redis://:Geheim@{at}", "")

        assert problem.startswith("names a Redis that cannot be reached (")
        assert problem.endswith(f"{why}): {at}")
