"""The refused login attempts of a command that failed, as `skylogin exec` shows them."""

from skylogin.cli.output import tell
from skylogin.domain.login_attempt import Filter, LogEntry
from skylogin.operations import apps, login_attempts
from skylogin.operations.operator import operator_of
from skylogin.web.server import Running

SHOWN_MAX = 20


async def show(running: Running, first_id: str) -> None:
    """Print the latest refused attempts of all apps, from the id *first_id* on."""
    operator = operator_of(running.services, via="exec", address="")
    wanted = Filter(accepted=False, first_id=first_id)
    names = [running.settings.app_name, *(app.name for app in await apps.list_all(operator))]
    found: list[tuple[LogEntry, str]] = []
    for name in names:
        page = await login_attempts.find(operator, name, wanted, limit=SHOWN_MAX)
        found += [(attempt, name) for attempt in page.attempts]
    found.sort(key=lambda one: one[0].id)
    if found:
        tell("skylogin refused these logins:", *(_line(*one) for one in found[-SHOWN_MAX:]))


def _line(attempt: LogEntry, app: str) -> str:
    user = attempt.subject or "unknown user"
    return f"  app {app}, {user}: {attempt.reason}: {attempt.details['explanation']}"
