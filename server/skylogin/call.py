"""One call on its way, and what it may use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from skylogin.access_token import AccessToken
from skylogin.config import Settings
from skylogin.custom_token import Rules
from skylogin.ids import IdMaker
from skylogin.journal import Origin
from skylogin.journal_writer import JournalWriter
from skylogin.login import Attempt, Login
from skylogin.store import Store
from skylogin.store.batch import Batcher
from skylogin.token_secrets import SecretCache
from skylogin.user import User


class AccessKey(Enum):
    """What a call proved by its API key."""

    NONE = "none"
    CLIENT = "client"
    MASTER = "master"


@dataclass(slots=True)
class Call:
    """One action being carried out. Preprocessors fill in what they learn."""

    app: str
    payload: Mapping[str, object]
    api_key: str
    access_token: str
    now: datetime
    origin: Origin
    action: str = ""
    access_key: AccessKey = AccessKey.NONE
    token: AccessToken | None = None
    user_id: str = ""
    user: User | None = None

    @property
    def has_master_key(self) -> bool:
        """Return whether the call came with the master key."""
        return self.access_key is AccessKey.MASTER


@dataclass(frozen=True, slots=True)
class JournaledAttempt:
    """A login in a batch: what is decided on, and what the journal needs besides."""

    app: str
    attempt: Attempt
    entry_id: str
    action: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody was seen: the time goes into their row."""

    app: str
    user_id: str
    now: datetime


@dataclass(slots=True)
class Services:
    """What handlers may use. Built once, in `web`; fields only, no behaviour."""

    settings: Settings
    rules: Rules
    store: Store
    secrets: SecretCache
    journal: JournalWriter
    access_token_key: bytes
    now: Callable[[], datetime]
    ids: IdMaker
    logins: Batcher[JournaledAttempt, Login] = field(init=False)
    visits: Batcher[Visit, None] = field(init=False)
