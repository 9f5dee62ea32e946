"""The notes that `skylogin serve` prints about settings that open or close it."""

from collections.abc import Iterator

from skylogin.config.settings import ALL, Settings
from skylogin.domain.user import EVERYBODY, USERS


def notes(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each setting that may close what the original leaves open."""
    if settings.dev_mode is False:
        who = "DEV_MODE is off: only the master key"
    elif settings.dev_mode:
        who = "DEV_MODE is on: anyone with the API key"
    elif settings.clients_may_extend_schema:
        who = "anyone with the API key"
    else:
        who = "only logins with a custom token, and the master key,"
    yield f"SKYLOGIN_SCHEMA_CHANGES={settings.schema_changes}: {who} may add fields and types"
    others = "sign-up, passwords, anonymous users and OAuth are switched"
    yield f"SKYLOGIN_LOGINS={settings.logins}: {others} {'on' if settings.logins == ALL else 'off'}"
    sees = {EVERYBODY: "anyone with the API key sees", USERS: "only users who are logged in see"}
    who = sees.get(settings.user_directory, "only their owner and the master key see")
    yield f"SKYLOGIN_USER_DIRECTORY={settings.user_directory}: {who} the records of users"
