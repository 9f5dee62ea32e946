"""What a query asks for: its predicate, order and extent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from skylogin.encoding.json_text import JsonValue


@dataclass(frozen=True, slots=True)
class KeyPath:
    """The name of a field, or of a reference and a field of the record it refers to."""

    text: str

    @property
    def names(self) -> list[str]:
        """Return the names it is made of."""
        return self.text.split(".")


@dataclass(frozen=True, slots=True)
class Distance:
    """The distance in metres between a field and a place."""

    path: KeyPath
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class Relation:
    """Whether the user in a field and the caller have a relation."""

    path: KeyPath
    name: str
    direction: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value: *kind* is that of a field, or `null`; *raw* is the JSON it was read from."""

    kind: str
    value: JsonValue = None
    raw: object = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of values, for `in`; *raw* is the JSON it was read from."""

    items: tuple[Literal, ...]
    raw: object = field(default=None, compare=False)


Expression = KeyPath | Distance | Relation | Literal | Listed


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two expressions, compared by an operator."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Functional:
    """A function that is itself a predicate."""

    function: Expression


@dataclass(frozen=True, slots=True)
class Compound:
    """Predicates joined by `and` or `or`, or negated by `not`."""

    operator: str
    parts: tuple["Predicate", ...]


Predicate = Comparison | Functional | Compound


@dataclass(frozen=True, slots=True)
class Sort:
    """An expression to order the records by."""

    by: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A query as a call gives it."""

    type: str
    predicate: Predicate | None = None
    sorts: tuple[Sort, ...] = ()
    includes: Mapping[str, Expression] = field(default_factory=dict)
    # None asks for all fields.
    desired_keys: tuple[str, ...] | None = None
    count: bool = False
    offset: int = 0
    # None means no limit; a limit below 0 is an error of the database.
    limit: int | None = None


def expressions(
    predicate: Predicate | None, *, simple: bool = True
) -> Iterator[tuple[Expression, bool]]:
    """Yield each expression of *predicate*, and whether it is only within `eq`, `in` and `and`."""
    match predicate:
        case Compound(operator, parts):
            for part in parts:
                yield from expressions(part, simple=simple and operator == "and")
        case Comparison(operator, left, right):
            is_simple = simple and operator in ("eq", "in")
            yield left, is_simple
            yield right, is_simple
        case Functional(function):
            yield function, False
