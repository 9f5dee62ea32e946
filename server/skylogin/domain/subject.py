"""What may be the `sub` of a custom token, in a token or in an import. Pure."""

from skylogin.errors import INVALID_CREDENTIALS, Reason, SkygearError, text_with_nul

CHARACTERS_MAX = 36
BYTES_MAX = 2500
_CLAIM = "subject (sub) "


def check(subject: str, *, documented: bool) -> None:
    """Raise SkygearError if no custom token with *subject* is accepted.

    The 36 characters are a rule of the contract `documented` only (docs/wire.md, "Two contracts").
    """
    check_present(subject)
    if documented and len(subject) > CHARACTERS_MAX:
        message = f"{_CLAIM}is longer than {CHARACTERS_MAX} characters"
        hint = f"it has {len(subject)}; SKYLOGIN_CONTRACT=original accepts longer ones"
        raise invalid_token(message, Reason.SUBJECT_TOO_LONG, hint)
    if len(subject.encode()) > BYTES_MAX:
        message = f"{_CLAIM}is longer than {BYTES_MAX} bytes"
        raise invalid_token(message, Reason.SUBJECT_TOO_LONG)
    if "\0" in subject:
        raise text_with_nul()


def problem(subject: str, *, documented: bool) -> str:
    """Return what is wrong with *subject*, such as `is longer than …`, empty if it is valid."""
    try:
        check(subject, documented=documented)
    except SkygearError as error:
        return error.explanation.removeprefix(_CLAIM)
    return ""


def check_present(subject: str) -> None:
    """Raise SkygearError if *subject* is empty."""
    if not subject:
        raise invalid_token(f"{_CLAIM}not specified", Reason.SUBJECT_MISSING)


def invalid_token(message: str, reason: Reason, hint: str = "") -> SkygearError:
    """Return the refusal of a token whose signature is valid, but whose claims are not."""
    return SkygearError(
        INVALID_CREDENTIALS,
        f"invalid token: {message}",
        reason=reason,
        explanation=f"{message}: {hint}" if hint else message,
    )
