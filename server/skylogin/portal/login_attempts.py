"""The pages on attempts to log in."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from skylogin import relative_time
from skylogin.domain.claims import PROFILE_CLAIM
from skylogin.domain.login_attempt import NAMES_MAX, Details, Filter, LogEntry
from skylogin.http import event_stream
from skylogin.operations import login_attempts
from skylogin.operations.login_attempts import AttemptPage
from skylogin.operations.operator import RefusedError
from skylogin.portal import templates
from skylogin.portal.endpoint import PageRequest, Route, next_page, route
from skylogin.tokens import explain, jws

PER_PAGE = 50
TEXTS = ("reason", "subject", "user_id", "secret_id")
TIMES = ("since", "until")
FIELDS = ("accepted", *TEXTS, *TIMES)
# Those that are asked for now and then; they are folded up.
RARER = ("user_id", "secret_id", *TIMES)
TIME_LENGTH = len("2026-01-02T03:04:05")
NONE = AttemptPage([], "")
MINTED, DEFAULT_ALGORITHM = ("iat", "exp"), "HS256"


# --- the list -----------------------------------------------------------------------


async def show_logins(visit: PageRequest) -> web.StreamResponse:
    """Show the attempts that are asked for."""
    kept = {name: visit.typed(name) for name in FIELDS}
    cursor = visit.text("cursor")
    wanted, faults = _filter(kept)
    page = NONE
    if not faults:
        page = await login_attempts.find(visit.operator, visit.app, wanted, cursor, PER_PAGE)
    query = urlencode({name: value for name, value in kept.items() if value})
    # After the time in Until nothing comes any more.
    is_over = wanted.until is not None and wanted.until <= visit.operator.now()
    return visit.page(
        "logins.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK,
        attempts=page.attempts,
        fields=_as_fields(kept, wanted),
        wanted=wanted,
        faults=faults,
        is_search=any(kept.values()),
        is_rare=any(kept[name] for name in RARER),
        stream="" if cursor or faults or is_over else f"logins/stream?{query}",
        next_page=next_page(kept, page.next_cursor),
    )


def _as_fields(kept: Mapping[str, str], wanted: Filter) -> dict[str, str]:
    """Return what the form shows: times as a browser's field takes them, others as typed."""
    times = {name: getattr(wanted, name) for name in TIMES}
    readable = {name: moment.isoformat()[:TIME_LENGTH] for name, moment in times.items() if moment}
    return {**kept, **readable}


async def stream_logins(visit: PageRequest) -> web.StreamResponse:
    """Send rows of the list as they come, until the browser leaves."""
    wanted, faults = _filter({name: visit.typed(name) for name in FIELDS})
    if faults:
        raise RefusedError(" ".join(faults.values()))

    def as_row(attempt: LogEntry) -> str:
        values = {"attempt": attempt, "base": visit.base, "now": visit.operator.now()}
        return templates.render("login_row.html", values)

    following = login_attempts.follow(visit.operator, visit.app, wanted)
    return await event_stream.send(visit.request, following, as_row)


def _filter(given: Mapping[str, str]) -> tuple[Filter, dict[str, str]]:
    """Return what is asked for, and what is wrong with it, by field."""
    faults: dict[str, str] = {}
    times: dict[str, datetime] = {}
    for name in TIMES:
        try:
            if given[name]:
                times[name] = _moment(given[name])
        except (ValueError, OverflowError):
            faults[name] = f"“{given[name]}” is no time: write it as 2026-01-02 15:04."
    if len(times) == len(TIMES) and times["since"] >= times["until"]:
        faults["until"] = "This is not after the time in Since, so nothing can be between them."
    faults |= {name: "This holds U+0000, as no attempt does." for name in _with_nul(given)}
    wanted = Filter(
        accepted={"yes": True, "no": False}.get(given["accepted"]),
        reason=given["reason"],
        subject=given["subject"],
        user_id=given["user_id"],
        secret_id=given["secret_id"],
        since=times.get("since"),
        until=times.get("until"),
    )
    return wanted, faults


def _with_nul(given: Mapping[str, str]) -> Iterator[str]:
    return (name for name in TEXTS if "\0" in given[name])


def _moment(text: str) -> datetime:
    """Return a time in UTC, as a browser sends it (`2026-01-02T03:04`) or as people write it."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# --- one attempt --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A member of a header or of claims: its value as JSON, or why there is none."""

    name: str
    value: object = None
    is_kept: bool = True
    note: str = ""
    is_at_fault: bool = False
    is_missing: bool = False


async def show_login(visit: PageRequest) -> web.StreamResponse:
    """Show one attempt."""
    attempt = await login_attempts.get(visit.operator, visit.app, visit.values["attempt_id"])
    at_fault = explain.claim_at_fault(attempt.reason)
    names = attempt.details["claim_names"]
    claims = [_claim(attempt, name, at_fault) for name in names]
    left_out = [row.name for row in claims if not row.is_kept]
    is_token = bool(attempt.details["header"]) and len(names) < NAMES_MAX
    if is_token and at_fault not in ("", "alg", "signature", *names):
        claims.append(Row(at_fault, is_at_fault=True, is_missing=True))
    return visit.page(
        "login.html",
        attempt=attempt,
        parts=[("Header", _header(attempt.details, at_fault)), ("Claims", claims)],
        at_fault=at_fault,
        command=_command(visit, attempt),
        left_out=left_out,
    )


def _header(details: Details, at_fault: str) -> list[Row]:
    return [
        Row(name, value, is_kept=value is not None, is_at_fault=name == at_fault == "alg")
        for name, value in details["header"].items()
    ]


def _claim(attempt: LogEntry, name: str, at_fault: str) -> Row:
    """Return a claim: the value where it is kept, a time also in words."""
    kept = attempt.details["claims"]
    value, is_kept, note = kept.get(name), name in kept, ""
    if name == "sub" and not is_kept and attempt.subject:
        # Older versions kept it once.
        value, is_kept = attempt.subject, True
    if name in jws.TIME_CLAIMS and type(value) is int:
        note = f"{jws.moment_text(value)}, {_distance(value, attempt.at)}"
    if name == PROFILE_CLAIM and not is_kept:
        note = attempt.details["profile_left_out"]
    return Row(name, value, is_kept, note, name == at_fault and at_fault != "alg")


def _distance(seconds: int, at: datetime) -> str:
    difference = seconds - int(at.timestamp())
    if not difference:
        return "the very second of the attempt"
    words = relative_time.span(abs(difference))
    return f"{words} {'after' if difference > 0 else 'before'} the attempt"


def _command(visit: PageRequest, attempt: LogEntry) -> str:
    """Return what does the attempt again, with a token that says the same."""
    details = attempt.details
    # What is made has these two, unless it is told that they are null.
    missing = {name: None for name in MINTED if name not in details["claim_names"]}
    claims = {**missing, **details["claims"]}
    options = "".join(
        f" --claim {shlex.quote(f'{name}={json.dumps(value)}')}"
        for name, value in sorted(claims.items())
        if name != "sub"
    )
    if details["algorithm"] in jws.ALGORITHMS and details["algorithm"] != DEFAULT_ALGORITHM:
        options += f" --algorithm {details['algorithm']}"
    subject = shlex.quote(attempt.subject)
    # Who begins with a hyphen would be taken for an option.
    said = f"{options} -- {subject}" if attempt.subject.startswith("-") else f" {subject}{options}"
    mint = f"skylogin token mint{said}"
    body = '"{\\"api_key\\":\\"$API_KEY\\",\\"token\\":\\"$TOKEN\\"}"'
    url = f"{visit.endpoint}sso/custom_token/login"
    return f"TOKEN=$({mint})\ncurl -s {url} -H 'Content-Type: application/json' -d {body}"


ROUTES: list[Route] = [
    route("GET", "logins", show_logins),
    route("GET", "logins/stream", stream_logins),
    route("GET", "logins/{attempt_id}", show_login),
]
