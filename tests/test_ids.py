"""Making ids."""

import uuid
from datetime import timedelta

from skylogin.ids import BYTES_AT_ONCE, UUID_BYTES, IdMaker

from tests.factories import NOW

MANY = 3 * BYTES_AT_ONCE // UUID_BYTES


def test_random_ids_are_different_uuids() -> None:
    """Also where more random bytes are read."""
    ids = IdMaker()
    made = [ids.random_id() for _ in range(MANY)]

    assert len(set(made)) == MANY
    read = [uuid.UUID(text) for text in made]
    assert {(one.version, one.variant) for one in read} == {(4, uuid.RFC_4122)}
    assert [str(one) for one in read] == made


def test_timed_ids_are_uuids_in_the_order_of_time() -> None:
    """To the millisecond, and within one in the order of the calls."""
    ids = IdMaker()
    moments = [NOW + timedelta(milliseconds=number) for number in range(MANY)]
    made = [ids.timed_id(moment) for moment in moments]

    assert made == sorted(made)
    read = [uuid.UUID(text) for text in made]
    assert {(one.version, one.variant) for one in read} == {(7, uuid.RFC_4122)}
    assert [str(one) for one in read] == made
    assert [one.int >> 80 for one in read] == [int(moment.timestamp() * 1000) for moment in moments]
    at_once = [ids.timed_id(NOW) for _ in range(MANY)]
    assert at_once == sorted(set(at_once))


def test_two_makers_make_different_ids() -> None:
    """Each reads its own random bytes."""
    first, second = IdMaker(), IdMaker()

    assert not {first.random_id() for _ in range(9)} & {second.random_id() for _ in range(9)}
