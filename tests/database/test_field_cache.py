"""The cache of fields: clients name the types that it knows."""

from dataclasses import dataclass, field
from typing import cast

from skylogin.database import transaction
from skylogin.database.transaction import FieldCache, Transaction


@dataclass
class Read:
    """What the cache looks at of a transaction that read the fields of types."""

    new_fields: dict[tuple[str, str], object]
    forgotten: int = 0
    fields_read_at: dict[tuple[str, str], float] = field(default_factory=dict)


def learn(cache: FieldCache, record_type: str) -> None:
    """Read a type that has no fields."""
    key = ("myapp", record_type)
    cache.learn(cast("Transaction", Read({key: {}}, fields_read_at={key: 0.0})))


def test_the_cache_knows_a_bounded_number_of_types() -> None:
    """The one that was read first is forgotten, and read again when it is needed."""
    cache = FieldCache(lambda: 0.0)
    for number in range(transaction.TYPES_KNOWN_MAX + 1):
        learn(cache, f"type{number}")

    assert cache.of("myapp", "type0") is None
    assert cache.fresh("myapp", "type0") is None
    assert cache.fresh("myapp", "type1") == {}


def test_the_cache_keeps_no_long_names() -> None:
    """No stored type has one."""
    cache = FieldCache(lambda: 0.0)
    learn(cache, "x" * 60_000)

    assert cache.of("myapp", "x" * 60_000) is None
