"""SQLite and PostgreSQL return the same answers.

Random sequences of actions are sent to a server on each, side by side. The clocks and the
new ids of both are the same, so the answers must be identical.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, note, settings
from skylogin import config, passwords
from skylogin.actions import table, wire
from skylogin.actions.call import Call
from skylogin.actions.dispatch import Answer, dispatch
from skylogin.actions.services import Services, open_services
from skylogin.actions.table import ACTIONS
from skylogin.apps import registry
from skylogin.apps.registry import App
from skylogin.database import Store
from skylogin.domain.login_attempt import Origin
from skylogin.encoding import json_text
from skylogin.errors import Reason
from skylogin.ids import UUID_BYTES, IdMaker

from tests.actions.sequences import (
    LONG,
    LONG_TEXT,
    PAYLOADS,
    SEQUENCES,
    CustomToken,
    Device,
    Step,
    User,
)
from tests.factories import NOW, SECRET, make_token
from tests.local_services import PostgreSQL
from tests.stores import Clock

APPS_MAX = 10**9
ENVIRONMENT = {
    "CUSTOM_TOKEN_SECRET": SECRET,
    "TOKEN_STORE_SECRET": "another secret, for tests alone",
    "RESPONSE_TIMEOUT": "0",
}
KEYS = {"client": "changeme", "master": "secret", "wrong": "no key", "none": ""}


class SameIds(IdMaker):
    """Makes the same ids in every server."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = random.Random(1)

    def _random(self) -> bytes:
        return self.numbers.randbytes(UUID_BYTES)


@dataclass(slots=True)
class Play:
    """A sequence that is sent to an app of each server."""

    servers: list[tuple[Services, App]]
    clock: Clock
    user_ids: list[str] = field(default_factory=list)
    access_tokens: list[str] = field(default_factory=list)
    device_ids: list[str] = field(default_factory=list)

    async def do(self, step: Step) -> None:
        """Do one step on each server, and compare the answers."""
        self.clock.moment += timedelta(seconds=step.seconds)
        body = json.dumps(self._known(step.payload)).encode()
        note(f"{self.clock.moment:%T.%f} {step}")
        asked = (self._ask(step, body, *server) for server in self.servers)
        answers = await asyncio.gather(*asked)
        texts = [_written(answer) for answer in answers]
        note(f"    -> {answers[0].status} {texts[0].replace(LONG_TEXT, LONG)}")
        event(f"{step.action} {answers[0].status}")
        assert [answer.status for answer in answers] == [answers[0].status] * len(answers)
        for text in texts[1:]:
            assert text == texts[0]
        self._remember(json.loads(texts[0]).get("result"))
        if step.action == "device:register" and answers[0].status == HTTPStatus.OK:
            self.device_ids.append(json.loads(texts[0])["result"]["id"])

    async def _ask(self, step: Step, body: bytes, services: Services, app: App) -> Answer:
        token = ""
        if step.by is not None and self.access_tokens:
            token = self.access_tokens[step.by % len(self.access_tokens)]
        call = Call(
            app=app,
            action=table.named(step.action),
            payload=wire.read_body(body),
            api_key=KEYS[step.key],
            access_token=token,
            now=services.now(),
            origin=Origin("192.0.2.1", "a request"),
        )
        answer = await dispatch(call, services)
        crashed = answer.refusal is not None and answer.refusal.reason is Reason.CRASHED
        assert not crashed, f"{step.action} crashed on {services.store.dialect}"
        return answer

    def _known(self, value: Any) -> Any:
        """Return *value* with its placeholders filled in."""
        match value:
            case User(ordinal, prefix):
                return f"{prefix}{_nth(self.user_ids, ordinal)}"
            case Device(ordinal):
                return _nth(self.device_ids, ordinal)
            case CustomToken(subject, profile, lifetime):
                now = int(self.clock.moment.timestamp())
                claims = {"skyprofile": self._known(profile), "iat": now, "exp": now + lifetime}
                return make_token(sub=subject, **claims)
            case dict():
                return {name: self._known(inner) for name, inner in value.items()}
            case list():
                return [self._known(inner) for inner in value]
        return value.replace(LONG, LONG_TEXT) if isinstance(value, str) else value

    def _remember(self, result: Any) -> None:
        """Keep the user and the access token of a login."""
        if isinstance(result, dict) and "access_token" in result:
            self.access_tokens.append(result["access_token"])
            if result["user_id"] not in self.user_ids:
                self.user_ids.append(result["user_id"])


def _nth(ids: list[str], ordinal: int) -> str:
    return ids[ordinal % len(ids)] if ids else "nobody"


def _written(answer: Answer) -> str:
    """Return the body of an answer as text, with its members sorted."""
    body = json.loads(json_text.write(answer.body))
    return json.dumps(body, sort_keys=True, ensure_ascii=False)


class Stage:
    """A server on each database, open for all sequences."""

    def __init__(self, *urls: str) -> None:
        self.clock = Clock()
        self.names = count()
        self.opened = AsyncExitStack()
        self.runner = asyncio.Runner()
        self.servers = [self.runner.run(self._open(url)) for url in urls]

    async def _open(self, url: str) -> Services:
        return await self.opened.enter_async_context(open_server(url, self.clock))

    def play(self, sequence: list[Step]) -> None:
        """Send a sequence to a new app."""
        self.runner.run(self._play(f"app-{next(self.names)}", sequence))

    async def _play(self, name: str, sequence: list[Step]) -> None:
        self.clock.moment = NOW
        servers = []
        for services in self.servers:
            app = await services.apps.find(name)
            assert app is not None
            servers.append((services, app))
            assert isinstance(services.ids, SameIds)
            services.ids.numbers.seed(1)
        play = Play(servers, self.clock)
        for step in sequence:
            await play.do(step)

    def close(self) -> None:
        """Close the servers."""
        self.runner.run(self.opened.aclose())
        self.runner.close()


@asynccontextmanager
async def open_server(url: str, clock: Clock) -> AsyncIterator[Services]:
    """Open a server on a database that is empty."""
    store = Store(url, durable=False)
    await store.create()
    async with open_services(config.read(ENVIRONMENT, config.DEV), store, clock) as services:
        yield services
    await store.close()


@pytest.fixture(scope="module")
def stage(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server on an empty database of each kind."""
    url = postgresql.make_database()
    with pytest.MonkeyPatch.context() as patch:
        # Cheap hashes: they protect nothing here.
        patch.setattr(passwords, "COST", 4)
        patch.setattr(registry, "MADE_BY_USE_MAX", APPS_MAX)
        patch.setattr("skylogin.actions.services.IdMaker", SameIds)
        opened = Stage(f"sqlite:///{tmp_path_factory.mktemp('same') / 'skylogin.db'}", url)
        yield opened
        opened.close()
    postgresql.drop_database(url)


however_long = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.slow
@settings(however_long, max_examples=40)
@given(sequence=SEQUENCES)
def test_both_databases_give_the_same_answers(stage: Stage, sequence: list[Step]) -> None:
    """Each sequence runs in a new app."""
    stage.play(sequence)


@pytest.mark.long
@settings(however_long, max_examples=400)
@given(sequence=SEQUENCES)
def test_both_databases_give_the_same_answers_to_many(stage: Stage, sequence: list[Step]) -> None:
    """The same with many more sequences."""
    stage.play(sequence)


def test_the_actions_left_out_are_known() -> None:
    """They only acknowledge a call."""
    assert set(ACTIONS) - set(PAYLOADS) == {"", "_status:healthz"}
