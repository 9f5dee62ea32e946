"""What a server is told: a value, made once from the environment."""

from dataclasses import dataclass, field

from skylogin.config.parsers import SQLITE_PREFIX, Network
from skylogin.domain.password_policy import PasswordPolicy
from skylogin.domain.unique_keys import KeySet
from skylogin.tokens.custom_token import Rules

DEV, SERVE = "dev", "serve"
PORT = 3000
LOOPBACK, LOOPBACK_NAME = "127.0.0.1", "localhost"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a server is told; SETTINGS says what each field is."""

    mode: str
    app_name: str
    api_key: str
    master_key: str
    custom_token_secret: str | None
    database_url: str
    dev_mode: bool | None
    host: tuple[str, int | None]
    port: int | None
    cors_host: str
    response_timeout_seconds: int
    auth_record_keys: tuple[KeySet, ...]
    token_store: str
    token_store_path: str
    token_store_prefix: str
    token_store_expiry_seconds: int
    token_store_secret: str
    verify_required: bool
    password_length_min: int
    password_uppercase_required: bool
    password_lowercase_required: bool
    password_digit_required: bool
    password_symbol_required: bool
    password_guessable_level_min: int
    password_excluded_keywords: list[str]
    password_excluded_fields: list[str]
    password_history_size: int
    password_history_days: int
    password_expiry_days: int
    log_level: str
    log_format: str
    contract: str
    data: str
    allowed_algorithms: frozenset[str]
    token_lifetime_max_seconds: int
    audience: str
    issuer: str
    leeway_seconds: int
    login_log_rows_max: int
    login_log_days: int
    login_log_profiles: bool | None
    trusted_proxies: tuple[Network, ...]
    domain: str
    body_bytes_max: int
    pubsub_message_bytes_max: int
    admin_token: str = field(repr=False)
    admin_password: str = field(repr=False)
    warnings: tuple[str, ...] = field(default=())

    @property
    def may_extend_schema(self) -> bool:
        """Return whether a login with the API key may add fields to the user record."""
        # Unset, both commands let logins add them, as the original does.
        return self.dev_mode is not False

    @property
    def keeps_profiles(self) -> bool:
        """Return whether the login log keeps the profiles of tokens."""
        wanted = self.login_log_profiles
        return self.mode == DEV if wanted is None else wanted

    @property
    def may_use_dev_actions(self) -> bool:
        """Return whether the API key may call what the original has only in DEV_MODE."""
        return self.mode == DEV if self.dev_mode is None else self.dev_mode

    @property
    def password_policy(self) -> PasswordPolicy:
        """Return what a new password has to satisfy."""
        return PasswordPolicy(
            length_min=self.password_length_min,
            uppercase_required=self.password_uppercase_required,
            lowercase_required=self.password_lowercase_required,
            digit_required=self.password_digit_required,
            symbol_required=self.password_symbol_required,
            guessable_level_min=self.password_guessable_level_min,
            excluded_keywords=tuple(self.password_excluded_keywords),
            excluded_fields=tuple(self.password_excluded_fields),
            history_size=self.password_history_size,
            history_days=self.password_history_days,
            expiry_days=self.password_expiry_days,
        )

    @property
    def rules(self) -> Rules:
        """Return what a custom token has to satisfy."""
        return Rules(
            contract=self.contract,
            algorithms=self.allowed_algorithms,
            leeway_seconds=self.leeway_seconds,
            lifetime_max_seconds=self.token_lifetime_max_seconds,
            audience=self.audience,
            issuer=self.issuer,
        )

    @property
    def embedded_url(self) -> str:
        """Return the URL of the embedded database."""
        return f"{SQLITE_PREFIX}{self.data}/skylogin.db"

    @property
    def host_names(self) -> frozenset[str] | None:
        """Return the host names of this server, None where a proxy may have others."""
        return frozenset((LOOPBACK_NAME, self.domain)) if self.mode == DEV else None

    def address(self) -> tuple[str, int]:
        """Return the host and the port to listen on."""
        host, port = self.host
        if port is None:
            port = PORT if self.port is None else self.port
        return host, port


def url_of(host: str, port: int) -> str:
    """Return the URL at which this machine reaches a server that listens on *host*."""
    # A server that listens on every address listens on loopback too.
    host = {"": LOOPBACK, "0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
