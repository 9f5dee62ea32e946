"""The errors that a call may be refused with: the original's kinds, and our reasons.

The kind, the message and the info go over the wire. The reason does not: it is for the
login log, for a header under `skylogin dev`, and for `skylogin token explain`.
"""

import os
import socket
import ssl
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class ErrorKind(NamedTuple):
    """A row of the original's error table (pkg/server/skyerr/skyerr.go)."""

    name: str
    code: int
    status: int


# fmt: off
NOT_AUTHENTICATED            = ErrorKind("NotAuthenticated", 101, 401)
PERMISSION_DENIED            = ErrorKind("PermissionDenied", 102, 403)
ACCESS_KEY_NOT_ACCEPTED      = ErrorKind("AccessKeyNotAccepted", 103, 401)
ACCESS_TOKEN_NOT_ACCEPTED    = ErrorKind("AccessTokenNotAccepted", 104, 401)
INVALID_CREDENTIALS          = ErrorKind("InvalidCredentials", 105, 401)
INVALID_SIGNATURE            = ErrorKind("InvalidSignature", 106, 401)
BAD_REQUEST                  = ErrorKind("BadRequest", 107, 400)
INVALID_ARGUMENT             = ErrorKind("InvalidArgument", 108, 400)
DUPLICATED                   = ErrorKind("Duplicated", 109, 409)
RESOURCE_NOT_FOUND           = ErrorKind("ResourceNotFound", 110, 404)
NOT_SUPPORTED                = ErrorKind("NotSupported", 111, 501)
NOT_IMPLEMENTED              = ErrorKind("NotImplemented", 112, 501)
CONSTRAINT_VIOLATED          = ErrorKind("ConstraintViolated", 113, 409)
INCOMPATIBLE_SCHEMA          = ErrorKind("IncompatibleSchema", 114, 409)
ATOMIC_OPERATION_FAILURE     = ErrorKind("AtomicOperationFailure", 115, 409)
PARTIAL_OPERATION_FAILURE    = ErrorKind("PartialOperationFailure", 116, 200)
UNDEFINED_OPERATION          = ErrorKind("UndefinedOperation", 117, 404)
PLUGIN_UNAVAILABLE           = ErrorKind("PluginUnavailable", 118, 503)
PLUGIN_TIMEOUT               = ErrorKind("PluginTimeout", 119, 504)
RECORD_QUERY_INVALID         = ErrorKind("RecordQueryInvalid", 120, 400)
PLUGIN_INITIALIZING          = ErrorKind("PluginInitializing", 121, 503)
RESPONSE_TIMEOUT             = ErrorKind("ResponseTimeout", 122, 503)
DENIED_ARGUMENT              = ErrorKind("DeniedArgument", 123, 403)
RECORD_QUERY_DENIED          = ErrorKind("RecordQueryDenied", 124, 403)
NOT_CONFIGURED               = ErrorKind("NotConfigured", 125, 503)
PASSWORD_POLICY_VIOLATED     = ErrorKind("PasswordPolicyViolated", 126, 500)
USER_DISABLED                = ErrorKind("UserDisabled", 127, 403)
VERIFICATION_REQUIRED        = ErrorKind("VerificationRequired", 128, 403)
ASSET_SIZE_TOO_LARGE         = ErrorKind("AssetSizeTooLarge", 129, 500)
UNEXPECTED_ERROR             = ErrorKind("UnexpectedError", 10000, 500)
UNEXPECTED_AUTH_NOT_FOUND    = ErrorKind("UnexpectedAuthInfoNotFound", 10001, 500)
UNEXPECTED_USER_NOT_FOUND    = ErrorKind("UnexpectedUserNotFound", 10005, 500)
UNABLE_TO_OPEN_DATABASE      = ErrorKind("UnexpectedUnableToOpenDatabase", 10002, 503)
# fmt: on

ERROR_KINDS = tuple(value for value in list(globals().values()) if isinstance(value, ErrorKind))


# The header with the reason and its explanation, under `skylogin dev`.
REASON_HEADER = "X-Skylogin-Reason"


class Reason(StrEnum):
    """Why a login attempt was accepted or refused, as a code of a closed list."""

    CREATED = "created"
    UPDATED = "updated"
    APP_UNKNOWN = "app_unknown"
    PATH_NOT_CLEAN = "path_not_clean"
    API_KEY_MISSING = "api_key_missing"
    API_KEY_WRONG = "api_key_wrong"
    NOT_CONFIGURED = "not_configured"
    TOKEN_MISSING = "token_missing"
    TOKEN_NOT_TEXT = "token_not_text"
    TOKEN_MALFORMED = "token_malformed"
    TOKEN_TOO_LONG = "token_too_long"
    HEADER_MALFORMED = "header_malformed"
    ALGORITHM_NOT_ACCEPTED = "algorithm_not_accepted"
    SIGNATURE_WRONG = "signature_wrong"
    CLAIMS_MALFORMED = "claims_malformed"
    CLAIM_OF_WRONG_TYPE = "claim_of_wrong_type"
    EXPIRED = "expired"
    ISSUED_IN_FUTURE = "issued_in_future"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    AUDIENCE_WRONG = "audience_wrong"
    ISSUER_WRONG = "issuer_wrong"
    SUBJECT_MISSING = "subject_missing"
    EXPIRY_MISSING = "expiry_missing"
    ISSUE_TIME_MISSING = "issue_time_missing"
    SUBJECT_TOO_LONG = "subject_too_long"
    TEXT_WITH_NUL = "text_with_nul"
    PROFILE_VALUE_INVALID = "profile_value_invalid"
    FIELD_NAME_INVALID = "field_name_invalid"
    FIELD_TYPE_CONFLICT = "field_type_conflict"
    FIELD_NOT_ADDED = "field_not_added"
    FIELD_REFUSED = "field_refused"
    REFERENCE_MISSING = "reference_missing"
    KEY_TAKEN = "key_taken"
    USER_DISABLED = "user_disabled"
    TIMED_OUT = "timed_out"
    CALLER_LEFT = "caller_left"
    ARGUMENT_INVALID = "argument_invalid"
    NOT_PERMITTED = "not_permitted"
    USER_UNKNOWN = "user_unknown"
    PASSWORD_WRONG = "password_wrong"
    PASSWORD_REFUSED = "password_refused"
    NOT_EMULATED = "not_emulated"
    SWITCHED_OFF = "switched_off"
    FAULT = "fault"
    DATABASE_UNAVAILABLE = "database_unavailable"
    TOKEN_STORE_UNAVAILABLE = "token_store_unavailable"
    COMMITTED_WITHOUT_TOKEN = "committed_without_token"
    TOO_MANY = "too_many"
    OVERLOADED = "overloaded"
    CRASHED = "crashed"


class ExpectedError(Exception):
    """An error that says why something cannot be done. Any other is a bug."""


class SkygearError(ExpectedError):
    """A refusal that the client sees: a kind and a message.

    *reason* and *explanation* are not sent. *status* replaces that of the kind, as in some
    checks of the original. *retry_seconds*, if any, are sent as `Retry-After`.
    """

    def __init__(  # noqa: PLR0913
        self,
        kind: ErrorKind,
        message: str,
        *,
        info: Mapping[str, object] | None = None,
        status: int | None = None,
        reason: Reason | None = None,
        explanation: str = "",
        retry_seconds: int = 0,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.info = info
        self.status = status or kind.status
        self.reason = reason
        self.explanation = explanation or message
        self.retry_seconds = retry_seconds


def not_decodable(reason: Reason, explanation: str) -> SkygearError:
    """Return the one refusal that the original has for any payload it cannot decode."""
    message = "fails to decode the request payload"
    return SkygearError(BAD_REQUEST, message, reason=reason, explanation=explanation)


def invalid_argument(
    message: str, *arguments: str, reason: Reason = Reason.ARGUMENT_INVALID
) -> SkygearError:
    """Return the original's refusal of the arguments called *arguments*."""
    info = {"arguments": list(arguments)} if arguments else None
    return SkygearError(INVALID_ARGUMENT, message, info=info, reason=reason)


def login_required() -> SkygearError:
    """Return the original's refusal of a call that needs a user."""
    message = "Authentication is required for this action, please login."
    return SkygearError(NOT_AUTHENTICATED, message)


def auth_not_found() -> SkygearError:
    """Return the original's refusal of a call for a user who does not exist."""
    return SkygearError(UNEXPECTED_AUTH_NOT_FOUND, "skydb: AuthInfo ID not found")


def took_too_long(explanation: str) -> SkygearError:
    """Return the original's refusal of a call that takes too long."""
    message = "Service taking too long to respond."
    return SkygearError(RESPONSE_TIMEOUT, message, reason=Reason.TIMED_OUT, explanation=explanation)


def too_many(limit: str, seconds: int) -> SkygearError:
    """Return the refusal of a call over a limit for *seconds*. The original lacks limits."""
    return SkygearError(
        UNEXPECTED_ERROR,
        f"too many requests: try again in {seconds} s",
        status=429,
        reason=Reason.TOO_MANY,
        explanation=f"the limit {limit} is reached; try again in {seconds} s",
        retry_seconds=seconds,
    )


def too_busy(reason: Reason | None, explanation: str) -> SkygearError:
    """Return the refusal of a call that the server has no room for at the moment."""
    return SkygearError(
        UNEXPECTED_ERROR,
        "the server is busy",
        status=503,
        reason=reason,
        explanation=explanation,
        retry_seconds=1,
    )


def text_with_nul() -> SkygearError:
    """Return the refusal of U+0000, which PostgreSQL cannot store in text."""
    message = 'invalid byte sequence for encoding "UTF8": 0x00'
    return invalid_argument(message, reason=Reason.TEXT_WITH_NUL)


def database_busy(reason: Reason | None = None, explanation: str = "") -> SkygearError:
    """Return the refusal of a call whose transaction met a conflict at every try."""
    message = "concurrent calls kept changing the same data"
    return SkygearError(UNEXPECTED_ERROR, message, reason=reason, explanation=explanation)


def database_trouble(error: BaseException) -> str:
    """Return why the database cannot be used; empty if *error* has another cause."""
    if isinstance(error, SkygearError) and error.reason is Reason.DATABASE_UNAVAILABLE:
        return error.explanation
    return ""


class RetryTransaction(Exception):
    """The transaction has to begin again: it needs more than what it has read."""


def error_body(refusal: SkygearError) -> dict[str, object]:
    """Return a refusal in wire form; an empty info is left out."""
    kind = refusal.kind
    body: dict[str, object] = {"name": kind.name, "code": kind.code, "message": refusal.message}
    if refusal.info:
        body["info"] = dict(refusal.info)
    return body


def cause_of(error: OSError) -> str:
    """Return why a connection failed, in the system's words: those of event loops differ."""
    if error.errno is None or isinstance(error, socket.gaierror | ssl.SSLError):
        return error.strerror or str(error)
    return os.strerror(error.errno)
