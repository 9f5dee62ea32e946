"""How the server's verdict on a token differs from that of the rules as they are stated again."""

from datetime import UTC, datetime

from skylogin.errors import Reason, SkygearError
from skylogin.tokens import custom_token
from skylogin.tokens.custom_token import DOCUMENTED, ORIGINAL, Rules, Secret

from tests.golden.verdicts import NOW
from tests.golden.verdicts import SECRET as RECORDED_SECRET
from tests.tokens import oracle

SECONDS = int(NOW.timestamp())
# The third one is not accepted.
KEYS = (RECORDED_SECRET, b"another secret that is accepted", b"an unknown secret")
RULES = (
    Rules(contract=ORIGINAL),
    Rules(contract=DOCUMENTED),
    Rules(contract=ORIGINAL, leeway_seconds=5, algorithms=frozenset({"HS256", "HS512"})),
    Rules(
        contract=DOCUMENTED,
        leeway_seconds=60,
        lifetime_max_seconds=3600,
        audience="the app",
        issuer="the issuer",
    ),
)


def settings_of(rules: Rules) -> oracle.Settings:
    """Return the same rules in the words of the other statement."""
    return oracle.Settings(
        KEYS[:2],
        documented=rules.contract == DOCUMENTED,
        algorithms=tuple(rules.algorithms),
        leeway=rules.leeway_seconds,
        lifetime_max=rules.lifetime_max_seconds,
        audience=rules.audience,
        issuer=rules.issuer,
    )


SETTINGS = {rules: settings_of(rules) for rules in RULES}


ACCEPTED = tuple(Secret(str(number), key) for number, key in enumerate(KEYS[:2]))
NOW_UTC = datetime.fromtimestamp(SECONDS, UTC)


def difference(token: str, rules: Rules, expected: oracle.Verdict) -> str:
    """Return how the server's verdict differs, and the token; nothing if it does not."""
    try:
        claims = custom_token.verify(token, ACCEPTED, NOW_UTC, rules)
    except SkygearError as refusal:
        same = (
            (refusal.status, refusal.kind.code) == (expected.status, expected.code)
            and refusal.reason in expected.reasons
            and is_expected(refusal.message, expected)
            and is_explained(refusal)
        )
        got = f"{refusal.status} {refusal.reason} {refusal.message!r} {refusal.explanation!r}"
    else:
        read = claims.subject, (claims.issued_at, claims.expires_at), frozenset(claims.profile)
        same = expected.code is None and read == (expected.subject, expected.times, expected.fields)
        got = f"accepted {read}"
    if same:
        return ""
    shown = token if len(token) < SHOWN_MAX else f"{token[:SHOWN_MAX]}…"
    return f"{{{got}}} instead of {expected} under {rules}: {shown}"


SHOWN_MAX = 1000


def is_expected(message: str, expected: oracle.Verdict) -> bool:
    """Return whether a message is one of those expected."""
    return message in expected.messages or any(
        known.endswith("…") and message.startswith(known[:-1]) for known in expected.messages
    )


def is_explained(refusal: SkygearError) -> bool:
    """Return whether a refusal has a reason of the list, and a sentence that says more."""
    return (
        refusal.reason in Reason
        and bool(refusal.explanation.strip())
        and (refusal.explanation != "fails to decode the request payload")
    )
