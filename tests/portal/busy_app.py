"""An app as a busy team has it: 200 users, 500 logins through the last day, stubs, mails, secrets.

Names are long or not Latin, e-mails have up to 90 characters, profiles are nested.
"""

import contextlib
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from skylogin.clock import system_now
from skylogin.testing import CallRefusedError, LoginRefusedError, SkyloginApp
from skylogin.tokens import bad_tokens

from tests.browsers import Client

USERS, LOGINS, ROWS, EMAIL_LENGTH = 200, 500, 50, 90
DAY = timedelta(days=1)
STEPS = 100
REFUSED_SHARE = 0.3
GIVEN = ("Anna", "Maximiliane-Alexandra", "Иннокентий", "美咲", "نور", "עמיחי", "Nguyễn Thị Phương")
FAMILY = (
    *("Schmidt", "Fernández de la Concepción", "Преображенская", "佐々木", "الأنصاري", "O'Brian"),
    *("Wolfeschlegelsteinhausenbergerdorff", "김", "Łukasiewicz", "van der Westhuizen-Oosterhout"),
)


def profiles() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the subject and the profile of each user, always the same."""
    numbers = random.Random(7)
    for number in range(USERS):
        given, family = GIVEN[number % len(GIVEN)], FAMILY[(number * 5) % len(FAMILY)]
        start = f"person-{number}.of-the-quality-assurance-department"
        domain = "@mail.subsidiary.example-international-holdings.example"
        email = f"p{number}@example.com" if number % 3 else start + domain
        if number % 7 == 0:
            email = start.ljust(EMAIL_LENGTH - len(domain), "x")[: EMAIL_LENGTH - len(domain)]
            email += domain
        hexadecimal = f"{numbers.getrandbits(128):032x}"
        parts = (hexadecimal[place : place + 4] for place in (8, 12, 16))
        uuid = "-".join((hexadecimal[:8], *parts, hexadecimal[20:]))
        yield (
            uuid if number % 2 else f"user-{number}",
            {
                "username": f"user{number}",
                "name": f"{given} {family}",
                "email": email,
                "address": {
                    "street": "Donaudampfschifffahrtsgesellschaftsstraße 12",
                    "city": {"name": "Wien", "code": number},
                    "lines": ["Hinterhaus", ["3. Stock", {"door": None}]],
                },
                "preferences": {"dark": bool(number % 2), "tags": ["a", "b"], "none": {}},
                "born": {"$type": "date", "$date": "1990-01-02T03:04:05Z"},
                "place": {"$type": "geo", "$lat": 48.2, "$lng": 16.37},
                "score": number / 3,
            },
        )


def fill(client: Client) -> SkyloginApp:
    """Fill the default app of the client's server."""
    app, everybody = client.server.app(), dict(profiles())
    app.reset()
    roles = (["admin", "editor"], ["editor"], [])
    app.seed(
        {
            "users": [
                {
                    "sub": sub,
                    "profile": profile,
                    "roles": roles[number % 3],
                    "disabled": {"message": "Owes us money."} if number % 11 == 0 else False,
                }
                for number, (sub, profile) in enumerate(everybody.items())
            ]
        }
    )
    _log_in(app, list(everybody))
    _call(app, list(everybody.values()))
    _fill_the_rest(client)
    return app


def _log_in(app: SkyloginApp, subjects: list[str]) -> None:
    """Log in through the last day, more often towards its end."""
    numbers, kinds = random.Random(3), list(bad_tokens.KINDS)
    start = system_now() - DAY
    for step in range(STEPS):
        app.clock.set(start + DAY * (step / STEPS) ** 0.7)
        for one in range(LOGINS // STEPS):
            sub = subjects[numbers.randrange(USERS)]
            profile = {"seen": ["a", {"b": [1]}]} if one == 0 else {}
            with contextlib.suppress(LoginRefusedError):
                if numbers.random() < REFUSED_SHARE:
                    app.login_with(getattr(app.bad, numbers.choice(kinds))(sub))
                else:
                    app.login(sub, profile)
    app.clock.reset()
    with contextlib.suppress(LoginRefusedError):
        app.login_with(app.bad.expired("user-4"))
    with contextlib.suppress(LoginRefusedError):
        app.login("user-4", {"username": "user6"})


def _call(app: SkyloginApp, everybody: list[dict[str, Any]]) -> None:
    """Call actions that stubs answer and that none does, have codes sent, sign a user out."""
    user = app.users["user-4"]
    names = ("get-orders", "sync-the-whole-warehouse-with-the-accounting", "hello:world")
    for number in range(ROWS):
        name = f"shop:{names[number % 3]}-{number}"
        times = 3 if number % 3 else None
        app.stubs.answer(name, {"orders": [{"id": number, "city": "Wien"}]}, times=times)
    app.stubs.fail("shop:pay", "PermissionDenied", "You have not verified your e-mail address.")
    for number in range(ROWS):
        app.call("user:forgot-password", args={"email": everybody[number * 3]["email"]})
        user.sign_out()
    for number in range(ROWS):
        with contextlib.suppress(CallRefusedError):
            sent = {"page": number, "filter": {"city": "Łódź", "since": "2026-01-02"}}
            app.call(f"shop:{names[0]}-{number}", args=sent if number % 2 else [])


def _fill_the_rest(client: Client) -> None:
    """Add another secret, apps, faults and a snapshot."""
    client.control("secrets", overlap_hours=24)
    client.server.app().login("user-2")
    names = ["shop", "a-rather-long-name-of-an-app-for-the-integration-tests"]
    for name in (*names, *(f"worker-{number}" for number in range(3, ROWS))):
        client.server.app(name).login("alice", {"username": "alice"})
    client.control("faults", kind="latency", seconds=2, calls=3, action="sso:custom_token:login")
    client.control("faults", kind="drop", probability=0.3, seed=7)
    client.control("snapshots", name="two-hundred-users")
