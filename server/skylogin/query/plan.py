"""The plan of a query, whose parts fit together and whose fields exist."""

from dataclasses import dataclass

from skylogin.encoding.json_text import JsonValue
from skylogin.query.values import Column, Family, Value


@dataclass(frozen=True, slots=True)
class Metres:
    """The distance between a column and a place."""

    column: Column
    longitude: float
    latitude: float
    family: Family = Family.NUMBER


Operand = Column | Value | Metres


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands of one family; null if one of them is null."""

    operator: str
    left: Operand
    right: Operand
    folds: bool = False


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether an operand is null or, with *negated*, is not null."""

    operand: Column | Metres
    negated: bool


@dataclass(frozen=True, slots=True)
class OneOf:
    """Whether a column has one of *values*; null if it has none of them and one of them is null."""

    column: Column
    values: tuple[JsonValue, ...]


@dataclass(frozen=True, slots=True)
class HasMember:
    """Whether a JSON column is a text, is a list with it, or is an object with it as a key."""

    column: Column
    text: str


@dataclass(frozen=True, slots=True)
class Combined:
    """Tests joined by `and` or `or`, or one negated by `not`."""

    operator: str
    parts: tuple["Test", ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """True, false or null (None)."""

    value: bool | None


Test = Compare | IsNull | OneOf | HasMember | Combined | Constant


@dataclass(frozen=True, slots=True)
class Plan:
    """The test that records have to pass, their order, and how many to return."""

    type: str
    test: Test | None
    order: tuple[tuple[Column | Metres, bool], ...]
    offset: int
    limit: int | None
