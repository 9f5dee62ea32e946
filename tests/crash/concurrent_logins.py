"""Clients that log in without a pause, and a record of what the server acknowledged to them."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
from skylogin.clock import system_now
from skylogin.tokens import mint

from tests.processes import SECONDS_MAX, ServerProcess
from tests.waiting import wait_until_async

# The login log keeps every login, to be compared with what was acknowledged.
SETTINGS = {"SKYLOGIN_LOGIN_LOG_ROWS_MAX": "100000000", "CUSTOM_TOKEN_SECRET": "a secret of ours"}
CLIENTS = 24
SHARED_LOGINS = 40
FIRST_LOGINS = 0.25
SHARED = 0.2
NEW_FIELDS = 0.02
UNAVAILABLE, PAUSE_SECONDS = "UnexpectedUnableToOpenDatabase", 0.02


@dataclass(slots=True)
class Subject:
    """A subject and the numbers of its logins; each login writes its number into the profile.

    *sent* and *acknowledged* are the highest numbers; *answers* counts the successful answers.
    """

    name: str
    user_id: str = ""
    sent: int = 0
    acknowledged: int = 0
    answers: int = 0


@dataclass(slots=True)
class Load:
    """Clients with their own subjects, and with subjects that all of them share.

    With *may_be_refused*, the database may be unavailable: the answer has the wire's error.
    """

    may_be_refused: bool = False

    own: list[list[Subject]] = field(default_factory=lambda: [[] for _ in range(CLIENTS)])
    shared: list[Subject] = field(default_factory=list)
    fields: Iterator[int] = field(default_factory=itertools.count)
    acknowledged: int = 0
    refused: int = 0

    def own_subjects(self) -> list[Subject]:
        """Return the subjects that one client alone logs in."""
        return [subject for own in self.own for subject in own]

    async def run(self, server: ServerProcess) -> None:
        """Log in until the server is killed."""
        connector = aiohttp.TCPConnector(limit=CLIENTS)
        async with aiohttp.ClientSession(connector=connector) as session:
            clients = (self._client(session, server, number) for number in range(CLIENTS))
            await asyncio.gather(*clients)

    async def wait_for_logins(self, number: int) -> None:
        """Return once *number* more logins are acknowledged."""
        wanted = self.acknowledged + number
        await wait_until_async(lambda: self.acknowledged >= wanted, SECONDS_MAX)

    async def wait_for_refusals(self, number: int) -> None:
        """Return once *number* more logins are refused."""
        wanted = self.refused + number
        await wait_until_async(lambda: self.refused >= wanted, SECONDS_MAX)

    async def _client(
        self, session: aiohttp.ClientSession, server: ServerProcess, number: int
    ) -> None:
        while True:
            if random.random() < SHARED:
                subject, profile = self._shared_subject(), {}
            else:
                subject = self._own_subject(number)
                subject.sent += 1
                profile = profile_of(subject.name, subject.sent)
                if random.random() < NEW_FIELDS:
                    profile[f"new_{next(self.fields)}"] = subject.sent
            try:
                status, answer = await log_in(session, server, subject.name, profile)
            except (aiohttp.ClientError, OSError):
                assert not server.running, server.log
                return
            if self.may_be_refused and status == HTTPStatus.SERVICE_UNAVAILABLE:
                assert answer["error"]["name"] == UNAVAILABLE, answer
                self.refused += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            assert status == HTTPStatus.OK, answer
            self._acknowledge(subject, answer["result"]["user_id"])

    def _own_subject(self, number: int) -> Subject:
        own = self.own[number]
        if not own or random.random() < FIRST_LOGINS:
            own.append(Subject(f"{number}-{len(own)}"))
            return own[-1]
        return random.choice(own)

    def _shared_subject(self) -> Subject:
        if not self.shared or self.shared[-1].sent >= SHARED_LOGINS:
            self.shared.append(Subject(f"shared-{len(self.shared)}"))
        self.shared[-1].sent += 1
        return self.shared[-1]

    def _acknowledge(self, subject: Subject, user_id: str) -> None:
        assert subject.user_id in ("", user_id), f"{subject} has become {user_id}"
        subject.user_id = user_id
        subject.acknowledged = subject.sent
        subject.answers += 1
        self.acknowledged += 1


def profile_of(subject: str, number: int) -> dict[str, Any]:
    """Return the profile of a login: every field depends on its number; some clear the e-mail."""
    name = f"Name-{subject}-{number}"
    return {
        "number": number,
        "username": name,
        "email": f"{name}@example.com" if number % 5 else None,
        "since": {"$type": "date", "$date": f"{1000 + number:04}-01-01T00:00:00Z"},
    }


async def log_in(
    session: aiohttp.ClientSession,
    server: ServerProcess,
    subject: str,
    profile: dict[str, Any],
    secret: str = "",
) -> tuple[int, Any]:
    """Return the status and the answer of one login, by default with the ready line's secret."""
    key = secret or server.facts["custom_token_secret"]
    token = mint.mint(subject, key, system_now(), claims={"skyprofile": profile})
    call = {
        "action": "sso:custom_token:login",
        "api_key": server.facts["api_key"],
        "token": token,
    }
    async with session.post(server.url, json=call) as response:
        return response.status, await response.json()
