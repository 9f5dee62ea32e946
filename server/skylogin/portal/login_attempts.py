"""The pages on the login log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from skylogin import relative_time
from skylogin.domain.claims import PROFILE_CLAIM
from skylogin.domain.login_attempt import NAMES_MAX, Details, Filter, LogEntry
from skylogin.errors import Reason
from skylogin.http import event_stream
from skylogin.operations import login_attempts
from skylogin.operations.login_attempts import AttemptPage
from skylogin.operations.operator import RefusedError
from skylogin.operations.overview import ACCEPTED
from skylogin.portal import commands, templates, timeline
from skylogin.portal.request import PageRequest, next_page, read_time, status_with
from skylogin.tokens import explain, jws

ATTEMPTS_PER_PAGE = 50
TEXTS = ("reason", "subject", "user_id", "secret_id")
TIMES = ("since", "until")
FIELDS = ("accepted", *TEXTS, *TIMES)
# These fields are in the form's collapsed part.
IN_DETAILS = ("user_id", "secret_id", *TIMES)
# Filters that are shown as chips; a click on one removes it.
CHIPS = {
    "reason": "reason",
    "subject": "principal",
    "user_id": "user",
    "secret_id": "secret",
    "since": "since",
    "until": "until",
}
TIME_LENGTH = len("2026-01-02T03:04:05")
EMPTY_PAGE = AttemptPage([], "")


# --- the list -----------------------------------------------------------------------


async def show_logins(request: PageRequest) -> web.Response:
    """Show the login attempts that match the form."""
    typed = {name: request.raw_text(name) for name in FIELDS}
    cursor = request.text("cursor")
    wanted, problems = _read_filter(typed)
    page = EMPTY_PAGE
    if not problems:
        page = await login_attempts.find(
            request.operator, request.app, wanted, cursor, ATTEMPTS_PER_PAGE
        )
    query = _query(typed)
    counts: dict[str, int] = {}
    if not problems:
        of_all = wanted._replace(accepted=None, reason="")
        counts = await login_attempts.count_by_reason(request.operator, request.app, of_all)
    is_over = wanted.until is not None and wanted.until <= request.operator.now()
    return request.render(
        "logins.html",
        status=status_with(problems),
        attempts=page.attempts,
        fields=_shown_fields(typed, wanted),
        results=_results(typed, counts),
        counts=sorted(counts.items(), key=lambda one: -one[1]),
        reasons=[*Reason],
        chips=[
            (label, typed[name], _query({**typed, name: ""}))
            for name, label in CHIPS.items()
            if typed[name]
        ],
        is_counted=sum(counts.values()) < login_attempts.COUNTED_MAX,
        wanted=wanted,
        problems=problems,
        is_search=any(typed.values()),
        are_details_open=any(typed[name] for name in IN_DETAILS),
        stream="" if cursor or problems or is_over else f"logins/stream?{query}",
        next_page=next_page(typed, page.next_cursor),
    )


def _results(typed: Mapping[str, str], counts: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Return a value, a name, a number and a query for all, accepted and refused attempts."""
    accepted = sum(number for reason, number in counts.items() if reason in ACCEPTED)
    total = sum(counts.values())
    numbers = {
        "": ("All", total),
        "yes": ("Accepted", accepted),
        "no": ("Refused", total - accepted),
    }
    return [
        (value, name, f"{number:,}", _query({**typed, "accepted": value, "reason": ""}))
        for value, (name, number) in numbers.items()
    ]


def _query(typed: Mapping[str, str]) -> str:
    return urlencode({name: value for name, value in typed.items() if value})


def _shown_fields(typed: Mapping[str, str], wanted: Filter) -> dict[str, str]:
    """Return the form's values: times in the format of a browser's field, the rest as typed."""
    times = {name: getattr(wanted, name) for name in TIMES}
    return {**typed, **{name: one.isoformat()[:TIME_LENGTH] for name, one in times.items() if one}}


async def stream_logins(request: PageRequest) -> web.StreamResponse:
    """Send new rows of the list until the browser disconnects."""
    wanted, problems = _read_filter({name: request.raw_text(name) for name in FIELDS})
    if problems:
        raise RefusedError(" ".join(problems.values()))

    def to_row(attempt: LogEntry) -> str:
        values = {"attempt": attempt, "base": request.base, "now": request.operator.now()}
        return templates.render("login_row.html", values)

    with login_attempts.stream(request.operator):
        new = login_attempts.follow(request.operator, request.app, wanted)
        return await event_stream.send(request.http, new, to_row)


def _read_filter(typed: Mapping[str, str]) -> tuple[Filter, dict[str, str]]:
    """Return the filter in the form, and its problems by field."""
    problems: dict[str, str] = {}
    times: dict[str, datetime] = {}
    for name in TIMES:
        try:
            if typed[name]:
                times[name] = read_time(typed[name])
        except RefusedError as error:
            problems[name] = str(error)
    if len(times) == len(TIMES) and times["since"] >= times["until"]:
        problems["until"] = "Until must be later than Since."
    if typed["reason"] not in ("", *Reason):
        problems["reason"] = f"This is not a reason. The reasons are {', '.join(Reason)}."
    for name in TEXTS:
        if "\0" in typed[name]:
            problems[name] = "This contains U+0000, which login attempts never contain."
    wanted = Filter(
        accepted={"yes": True, "no": False}.get(typed["accepted"]),
        reason=typed["reason"],
        subject=typed["subject"],
        user_id=typed["user_id"],
        secret_id=typed["secret_id"],
        since=times.get("since"),
        until=times.get("until"),
    )
    return wanted, problems


# --- one login attempt ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A member of the token's header or claims: its value, or why the log does not have it."""

    name: str
    value: object = None
    is_kept: bool = True
    note: str = ""
    is_at_fault: bool = False
    is_missing: bool = False


async def show_login(request: PageRequest) -> web.Response:
    attempt_id = request.parameters["attempt_id"]
    attempt = await login_attempts.get(request.operator, request.app, attempt_id)
    is_shown = request.text("show") == "key"
    at_fault = explain.claim_at_fault(attempt.reason)
    names = attempt.details["claim_names"]
    claims = [_claim_row(attempt, name, at_fault) for name in names]
    left_out = [row.name for row in claims if not row.is_kept]
    has_token = bool(attempt.details["header"]) and len(names) < NAMES_MAX
    if has_token and at_fault not in ("", "alg", "signature", *names):
        claims.append(Row(at_fault, is_at_fault=True, is_missing=True))
    return request.render(
        "login.html",
        attempt=attempt,
        parts=[("Header", _header_rows(attempt.details, at_fault)), ("Claims", claims)],
        at_fault=at_fault,
        timeline=timeline.draw(attempt.details["claims"], attempt.at),
        command=commands.repeat(request, attempt, is_shown=is_shown),
        is_masked=commands.key_is_secret(request) and not is_shown,
        left_out=left_out,
    )


def _header_rows(details: Details, at_fault: str) -> list[Row]:
    return [
        Row(name, value, is_kept=value is not None, is_at_fault=name == at_fault == "alg")
        for name, value in details["header"].items()
    ]


def _claim_row(attempt: LogEntry, name: str, at_fault: str) -> Row:
    kept = attempt.details["claims"]
    value, is_kept, note = kept.get(name), name in kept, ""
    if name == "sub" and not is_kept and attempt.subject:
        # Older versions logged it only as the subject.
        value, is_kept = attempt.subject, True
    if name in jws.TIME_CLAIMS and type(value) is int:
        note = f"{jws.moment_text(value)}, {_distance(value, attempt.at)}"
    if name == PROFILE_CLAIM and not is_kept:
        note = attempt.details["profile_left_out"]
    return Row(name, value, is_kept, note, name == at_fault and at_fault != "alg")


def _distance(seconds: int, at: datetime) -> str:
    difference = seconds - int(at.timestamp())
    if not difference:
        return "the same second as the login attempt"
    words = relative_time.span(abs(difference))
    return f"{words} {'after' if difference > 0 else 'before'} the login attempt"
