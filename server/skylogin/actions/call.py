"""One call on its way, and what it may use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from skylogin.apps.faults import InjectedFault
from skylogin.apps.registry import App, AppRegistry
from skylogin.config import Settings
from skylogin.database import Store
from skylogin.database.group_commit import Batcher
from skylogin.domain.access import Actor
from skylogin.domain.login import Login, LoginAttempt
from skylogin.domain.login_attempt import Origin
from skylogin.domain.user import User
from skylogin.ids import IdMaker
from skylogin.tokens.access_token import AccessToken
from skylogin.tokens.custom_token import Rules


class AccessKey(Enum):
    """What a call proved by its API key."""

    NONE = "none"
    CLIENT = "client"
    MASTER = "master"


@dataclass(slots=True)
class Call:
    """One action being carried out. Preprocessors fill in what they learn."""

    app: App
    payload: Mapping[str, object]
    api_key: str
    access_token: str
    now: datetime
    origin: Origin
    action: str = ""
    access_key: AccessKey = AccessKey.NONE
    # The custom token secret that signed its token, once that is verified.
    secret_id: str = ""
    token: AccessToken | None = None
    user_id: str = ""
    user: User | None = None
    # Empty is the public database, None the union of all.
    database_id: str | None = ""
    fault: InjectedFault | None = None

    @property
    def has_master_key(self) -> bool:
        """Return whether the call came with the master key."""
        return self.access_key is AccessKey.MASTER

    @property
    def actor(self) -> Actor:
        """Return who calls, as the rules of access look at them."""
        if self.user is None:
            return Actor(has_master_key=self.has_master_key)
        return Actor(self.user.id, self.user.roles, self.has_master_key)


@dataclass(frozen=True, slots=True)
class LoggedAttempt:
    """A login in a batch: what is decided on, and what the journal needs besides."""

    app: App
    attempt: LoginAttempt
    entry_id: str
    action: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Lookup:
    """A user is asked for: whoever calls."""

    app: str
    user_id: str


@dataclass(frozen=True, slots=True)
class LastSeen:
    """Somebody was seen: the time goes into their row. *enable* clears a disabling that ended."""

    app: str
    user_id: str
    now: datetime
    enable: bool


@dataclass(slots=True)
class Services:
    """What handlers may use. Built once, in `web`.

    *app* is the one of the environment; a call says which one it is for.
    """

    settings: Settings
    rules: Rules
    store: Store
    apps: AppRegistry
    app: App
    now: Callable[[], datetime]
    ids: IdMaker
    logins: Batcher[LoggedAttempt, Login] = field(init=False)
    lookups: Batcher[Lookup, User | None] = field(init=False)
    visits: Batcher[LastSeen, None] = field(init=False)
