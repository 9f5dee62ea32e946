"""Clients that log in all the time, and what the server has acknowledged to them."""

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

from tests.processes import ServerProcess

CLIENTS = 24
SHARED_LOGINS = 40
FIRST_LOGINS = 0.25
SHARED = 0.2
NEW_FIELDS = 0.02


@dataclass(slots=True)
class Person:
    """A subject, and the numbers of its logins: each one writes its own into the profile.

    *sent* and *acknowledged* are the highest ones; *answers* counts the 200s.
    """

    subject: str
    user_id: str = ""
    sent: int = 0
    acknowledged: int = 0
    answers: int = 0


@dataclass(slots=True)
class Crowd:
    """Clients with people of their own, and people that all of them log in as."""

    own: list[list[Person]] = field(default_factory=lambda: [[] for _ in range(CLIENTS)])
    shared: list[Person] = field(default_factory=list)
    fields: Iterator[int] = field(default_factory=itertools.count)

    def people(self) -> list[Person]:
        """Return those that one client alone logs in as."""
        return [person for own in self.own for person in own]

    async def press(self, server: ServerProcess) -> None:
        """Log in until the server is killed."""
        connector = aiohttp.TCPConnector(limit=CLIENTS)
        async with aiohttp.ClientSession(connector=connector) as session:
            clients = (self._client(session, server, number) for number in range(CLIENTS))
            await asyncio.gather(*clients)

    async def _client(
        self, session: aiohttp.ClientSession, server: ServerProcess, number: int
    ) -> None:
        while True:
            if random.random() < SHARED:
                person, profile = self._shared_person(), {}
            else:
                person = self._own_person(number)
                person.sent += 1
                profile = profile_of(person.subject, person.sent)
                if random.random() < NEW_FIELDS:
                    profile[f"new_{next(self.fields)}"] = person.sent
            try:
                status, answer = await log_in(session, server, person.subject, profile)
            except (aiohttp.ClientError, OSError):
                assert not server.running, server.log
                return
            assert status == HTTPStatus.OK, answer
            _acknowledge(person, answer["result"]["user_id"])

    def _own_person(self, number: int) -> Person:
        own = self.own[number]
        if not own or random.random() < FIRST_LOGINS:
            own.append(Person(f"{number}-{len(own)}"))
            return own[-1]
        return random.choice(own)

    def _shared_person(self) -> Person:
        if not self.shared or self.shared[-1].sent >= SHARED_LOGINS:
            self.shared.append(Person(f"shared-{len(self.shared)}"))
        self.shared[-1].sent += 1
        return self.shared[-1]


def _acknowledge(person: Person, user_id: str) -> None:
    assert person.user_id in ("", user_id), f"{person} has become {user_id}"
    person.user_id = user_id
    person.acknowledged = person.sent
    person.answers += 1


def profile_of(subject: str, number: int) -> dict[str, Any]:
    """Return the profile of a login: all of it tells the number, and some logins clear a field."""
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
    """Return the status and the answer to one login; the secret is that of the ready line."""
    key = secret or server.facts["custom_token_secret"]
    token = mint.mint(subject, key, system_now(), claims={"skyprofile": profile})
    call = {
        "action": "sso:custom_token:login",
        "api_key": server.facts["api_key"],
        "token": token,
    }
    async with session.post(server.url, json=call) as response:
        return response.status, await response.json()
