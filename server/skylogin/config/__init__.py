"""The settings of a server. The environment is an argument; only files of secrets are read."""

from skylogin.config.display import MASK, InForce, in_force
from skylogin.config.openness import notes
from skylogin.config.parsers import Network, address
from skylogin.config.reading import (
    ConfigurationError,
    check_names,
    is_own,
    read,
    with_given,
)
from skylogin.config.secrecy import doubts, secrets_of
from skylogin.config.settings import (
    DEFAULT_KEYS,
    DEFAULT_MASTER_KEY,
    DEV,
    FROM_FILES,
    NOT_SHOWN,
    PROJECT_FILE,
    PUBLIC_KEY,
    SECRET,
    SERVE,
    SETTINGS,
    VARIABLES,
    Setting,
    Settings,
    url_of,
)
from skylogin.domain.database_url import SQLITE_PREFIX

__all__ = [
    "DEFAULT_KEYS",
    "DEFAULT_MASTER_KEY",
    "DEV",
    "FROM_FILES",
    "MASK",
    "NOT_SHOWN",
    "PROJECT_FILE",
    "PUBLIC_KEY",
    "SECRET",
    "SERVE",
    "SETTINGS",
    "SQLITE_PREFIX",
    "VARIABLES",
    "ConfigurationError",
    "InForce",
    "Network",
    "Setting",
    "Settings",
    "address",
    "check_names",
    "doubts",
    "in_force",
    "is_own",
    "notes",
    "read",
    "secrets_of",
    "url_of",
    "with_given",
]
