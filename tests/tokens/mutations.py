"""Tokens made from recorded ones by changing a few things, nearly all signed again afterwards."""

import hmac
import json
from collections.abc import Callable, Iterator
from random import Random

from tests.factories import decoded, encoded
from tests.golden.verdicts import recorded_verdicts
from tests.tokens.oracle import HASHES
from tests.tokens.token_parts import (
    ALGORITHMS,
    BLANKS,
    NAMES,
    NOISE,
    NOT_VALUES,
    NUMBERS,
    PROTECTED,
    SUBJECTS,
    TYPED,
    VALUES,
)

RARELY, SELDOM, OFTEN = 0.1, 0.3, 0.7


class Draft:
    """A token that is being changed: its members, then its bytes, then its text."""

    def __init__(self, random: Random, recorded: str, now: int, secrets: tuple[bytes, ...]) -> None:
        self.random, self.now, self.secrets = random, now, secrets
        self.head = ['"alg":"HS256"']
        self.members, self.bytes = members_of(recorded)
        self.tail = b""
        self.late: list[Callable[[list[str]], None]] = []
        self.signed_late: list[Callable[[list[str]], None]] = []

    def token(self) -> str:
        """Return the token, after a few changes."""
        changes = self.random.choices(CHANGES, WEIGHTS, k=self.random.choice((1, 1, 2, 3)))
        for change in changes:
            change(self)
        blank = self.random.choice(BLANKS)
        head = "{" + f",{blank}".join(self.head) + "}"
        claims = self.bytes
        if self.members is not None:
            claims = ("{" + f",{blank}".join(self.members) + "}").encode("utf-8", "surrogatepass")
        for change in changes:
            if change is bytes_changed:
                claims = noisy(self.random, claims)
        parts = [encoded(head.encode("utf-8", "surrogatepass")), encoded(claims + self.tail)]
        for edit in self.late:
            edit(parts)
        signed = ".".join(parts)
        key = self.random.choice(self.secrets)
        parts.append(encoded(hmac.digest(key, signed.encode(), self.hash())))
        for edit in self.signed_late:
            edit(parts)
        return ".".join(parts)

    def hash(self) -> str:
        """Return the hash of the last algorithm in the header, or one of them."""
        for member in reversed(self.head):
            for name, hashed in HASHES.items():
                if f'"{name}"' in member:
                    return hashed
        return "sha256"


def members_of(recorded: str) -> tuple[list[str] | None, bytes]:
    """Return the claims of a recorded token as members in JSON, or its claims as bytes."""
    try:
        data = decoded(recorded.split(".")[1])
    except (ValueError, IndexError):
        return None, b"{}"
    try:
        claims = json.loads(data)
        return [f"{json.dumps(name)}:{json.dumps(claims[name])}" for name in claims], data
    except (ValueError, TypeError, RecursionError):
        return None, data


def noisy(random: Random, data: bytes) -> bytes:
    """Return *data* with a byte changed, added or removed, or a part repeated or removed."""
    at, length = random.randint(0, len(data)), random.choice((0, 1, 1, 2, 9))
    part = random.choice(
        (b"", random.choice(NOISE), bytes([random.randrange(256)]), data[at : at + length] * 2)
    )
    return data[:at] + part + data[at + length :]


def insert(draft: Draft, member: str) -> None:
    """Put a member anywhere among the claims, for one of the same name or beside it."""
    members = draft.members = draft.members or []
    same = [
        at
        for at, known in enumerate(members)
        if known.split(":")[0] == member.split(":", maxsplit=1)[0]
    ]
    if same and draft.random.random() < OFTEN:
        members[same[0]] = member
    else:
        members.insert(draft.random.randint(0, len(members)), member)


def spelled(random: Random, name: str) -> str:
    """Return the name of a claim, perhaps in another spelling."""
    others = (
        name.upper(),
        name.title(),
        f"{name} ",
        name.replace("s", "\u017f").replace("k", "\u212a"),
        "".join(f"\\u{ord(letter):04x}" for letter in name),
        f"{name}\\u0000",
        name[:-1],
    )
    return name if random.random() < OFTEN else random.choice(others)


def any_value(draft: Draft) -> str:
    """Return the text of a value, right or wrong."""
    random = draft.random
    odd = NOT_VALUES if random.random() < RARELY else VALUES
    make = random.choice((typed, around, subject, lambda _: random.choice((*NUMBERS, *odd))))
    value = make(draft)
    blank = random.choice(BLANKS)
    return f"{blank}{value}{blank}"


def around(draft: Draft) -> str:
    """Return a time around now, in one of many spellings."""
    seconds = draft.now + draft.random.choice(
        (0, 0, 1, -1, 5, -5, 6, -6, 59, 60, 61, -60, 3600, 3601, -86_400)
    )
    return draft.random.choice(
        (str(seconds),) * 6 + (f"{seconds}.0", f"{seconds}e0", f'"{seconds}"', f"-{seconds}")
    )


def typed(draft: Draft) -> str:
    """Return an object with a few of the members that typed values have."""
    inner = "{" + ",".join(draft.random.sample(TYPED, draft.random.randint(1, 4))) + "}"
    return draft.random.choice((inner, inner, f"[{inner}]", f'{{"a":{inner}}}'))


def subject(draft: Draft) -> str:
    """Return a text of about as many characters as are allowed."""
    length = draft.random.choice((0, 1, 2, 35, 36, 36, 37, 37, 38, 624, 625, 626, 1250, 2500, 2501))
    return '"' + draft.random.choice(SUBJECTS) * length + '"'


def member_changed(draft: Draft) -> None:
    """Give a claim any value, under any spelling of its name."""
    name = spelled(draft.random, draft.random.choice(NAMES))
    insert(draft, f'"{name}":{any_value(draft)}')


def time_changed(draft: Draft) -> None:
    """A time is around now, or a number in an unusual spelling."""
    name = spelled(draft.random, draft.random.choice(("iat", "exp", "nbf")))
    often = draft.random.random() < OFTEN
    value = around(draft) if often else draft.random.choice(NUMBERS)
    insert(draft, f'"{name}":{value}')


def subject_changed(draft: Draft) -> None:
    """The subject has about as many characters as are allowed."""
    insert(draft, f'"sub":{subject(draft)}')


def profile_changed(draft: Draft) -> None:
    """The profile has typed values and unusual names."""
    names = draft.random.sample(
        ("a", "é", "\\u0000", "$type", "a.b", "", "_id", "x" * 64), draft.random.randint(1, 3)
    )
    fields = ",".join(
        f'"{name}":{draft.random.choice((typed, any_value))(draft)}' for name in names
    )
    insert(draft, f'"skyprofile":{{{fields}}}')


def setting_met(draft: Draft) -> None:
    """The claims that settings ask for are right, or nearly."""
    for name, value in (("aud", "the app"), ("iss", "the issuer")):
        insert(
            draft, f'"{name}":"{draft.random.choice((value, value, value.upper(), value + " "))}"'
        )
    insert(draft, f'"iat":{draft.now - 60}')
    insert(draft, f'"exp":{draft.now + draft.random.choice((3539, 3540, 3541))}')


def member_dropped(draft: Draft) -> None:
    """A claim is missing."""
    if draft.members:
        draft.members.pop(draft.random.randrange(len(draft.members)))


def member_repeated(draft: Draft) -> None:
    """A claim is there twice."""
    if draft.members:
        insert(draft, draft.random.choice(draft.members))
        draft.members.append(draft.random.choice(draft.members))


def deep(draft: Draft) -> None:
    """A value, or what follows the claims, is nested about as deeply as is allowed."""
    levels = draft.random.choice((2, 509, 510, 511, 512, 513, 600))
    opened, closed = draft.random.choice((("[", "]"), ('{"a":', "}")))
    text = opened * levels + "1" + closed * levels
    if draft.random.random() < SELDOM:
        draft.tail = text.encode()
    else:
        insert(draft, f'"{draft.random.choice(("x", "skyprofile", "profile"))}":{text}')


def followed(draft: Draft) -> None:
    """Something follows the claims."""
    draft.tail = draft.random.choice((*NOISE, b"{}", b"[[", b" null", b"]", b"\x0c"))


def header_changed(draft: Draft) -> None:
    """The header has another algorithm, other members, or is too long."""
    alg = draft.random.choice(ALGORITHMS)
    extra = draft.random.choice((*PROTECTED, f'"x":"{"x" * draft.random.choice((6000, 6200))}"'))
    name = spelled(draft.random, "alg")
    draft.head = draft.random.choice(
        (
            [f'"{name}":{alg}'],
            [f'"alg":{alg}', extra],
            [extra, *draft.head],
            [*draft.head, f'"alg":{alg}'],
            [],
        )
    )


def bytes_changed(draft: Draft) -> None:
    """The bytes of the claims are changed, in `Draft.token`."""


def text_changed(draft: Draft) -> None:
    """The base64 is changed, before the signature or after it."""
    early = draft.random.random() < OFTEN

    def edit(parts: list[str]) -> None:
        at = draft.random.randrange(len(parts))
        parts[at] = odd_base64(draft.random, parts[at])

    (draft.late if early else draft.signed_late).append(edit)


def odd_base64(random: Random, text: str) -> str:
    """Return a segment in another spelling."""
    at = random.randint(0, len(text))
    whole = "=" * (-len(text) % 4)
    start, end = text[:at], text[at:]
    odd = (
        text + whole,
        text + whole,
        text + "=",
        text + "====",
        text[:-1],
        start + end[1:],
        text.replace("-", "+").replace("_", "/"),
        start + random.choice("+/-_=.A \u00e9\0") + end,
        start + random.choice(("\n", "\r\n", "\n\n\n\n", "\r\n\r\n", "\r")) + end,
        "",
        text * 2,
        text[:-1] + random.choice("ABCDwxyz-_"),
    )
    return random.choice(odd)


def signature_changed(draft: Draft) -> None:
    """The signature is not that of the token, or the parts are not three."""

    def edit(parts: list[str]) -> None:
        signature = parts[-1]
        parts[-1] = draft.random.choice(
            (signature[::-1], signature[:-4], signature + "AAAA", "", parts[0])
        )

    def arrange(parts: list[str]) -> None:
        parts[:] = draft.random.choice(
            (
                parts[:2],
                [*parts, ""],
                ["", *parts],
                parts[::-1],
                ["Bearer " + parts[0], *parts[1:]],
                parts,
            )
        )

    draft.signed_late.append(draft.random.choice((edit, arrange)))


WEIGHED: dict[Callable[[Draft], None], int] = {
    member_changed: 6,
    time_changed: 6,
    profile_changed: 5,
    text_changed: 5,
    bytes_changed: 5,
    subject_changed: 3,
    header_changed: 3,
    setting_met: 3,
    member_dropped: 2,
    member_repeated: 2,
    signature_changed: 2,
    followed: 1,
    deep: 1,
}
CHANGES, WEIGHTS = tuple(WEIGHED), tuple(WEIGHED.values())


def mutated_tokens(
    random: Random, count: int, now: int, secrets: tuple[bytes, ...]
) -> Iterator[str]:
    """Yield *count* tokens, signed with any of *secrets*."""
    recorded = [line["token"] for line in recorded_verdicts()]
    for _ in range(count):
        yield Draft(random, random.choice(recorded), now, secrets).token()
