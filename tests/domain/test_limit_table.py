"""How limits are written in a setting, and which are in force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.domain import limit_table
from skylogin.domain.limit_table import LIMITS, UNITS, Given
from skylogin.domain.rate import Rule


def test_the_defaults_are_those_of_the_table() -> None:
    """Of accepted calls, keys and bytes, none is limited."""
    rules = limit_table.in_force((), has_defaults=True)

    assert rules["refused_logins"] == Rule(60, 60)
    assert rules["refused_logins_per_principal"] == Rule(60, 60)
    assert rules["failed_passwords"] == Rule(10, 60, is_paced=False)
    assert rules["sign_ups"] == Rule(30, 3600, is_paced=False)
    assert not {"calls", "calls_per_key", "body_bytes", "new_users"} & set(rules)
    assert limit_table.in_force((), has_defaults=False) == {}


def test_a_setting_changes_what_it_names() -> None:
    """The others keep their defaults; `off` ends all."""
    given = limit_table.read(" refused_logins=90/m, calls=7/s ,sign_ups=off,websockets=3,")
    rules = limit_table.in_force(given, has_defaults=True)

    assert rules["refused_logins"] == Rule(90, 60)
    assert rules["calls"] == Rule(7, 1)
    assert rules["websockets"] == Rule(3, 0)
    assert "sign_ups" not in rules
    assert rules["failed_passwords"] == Rule(10, 60, is_paced=False)
    assert limit_table.in_force(limit_table.read("off"), has_defaults=True) == {}


WRONG = {
    "another name": ("logins=60/m", "has 'logins', but the limits are refused_logins, "),
    "a long name": ("x" * 5000, f"has '{'x' * 40}', but the limits are refused_logins, "),
    "no value": ("calls", "has a value of calls that is neither 60/m (s, m or h) nor off"),
    "no time": ("calls=60", "neither 60/m"),
    "a day": ("calls=60/d", "neither 60/m"),
    "nothing": ("calls=0/m", "neither 60/m"),
    "a fraction": ("calls=1.5/m", "neither 60/m"),
    "another digit": ("calls=٣/m", "neither 60/m"),
    "a time for what is at once": ("websockets=3/m", "neither a number such as 100"),
    "twice": ("calls=1/m,calls=2/m", "gives calls twice"),
    "off among others": ("off,calls=1/m", "has 'off', but the limits are"),
}


@pytest.mark.parametrize(("text", "problem"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_read_is_reported(text: str, problem: str) -> None:
    """In one sentence."""
    with pytest.raises(ValueError, match=problem.replace("(", r"\(").replace(")", r"\)")):
        limit_table.read(text)


@given(
    st.dictionaries(
        st.sampled_from([one.name for one in LIMITS if one.is_rate]),
        st.none() | st.tuples(st.integers(1, 10**11), st.sampled_from(sorted(UNITS))),
    )
)
def test_what_is_written_is_read(values: dict[str, tuple[int, str] | None]) -> None:
    """As the portal shows it."""
    text = ",".join(f"{name}={f'{v[0]}/{v[1]}' if v else 'off'}" for name, v in values.items())
    given: tuple[Given, ...] = limit_table.read(text)

    assert ",".join(str(one) for one in given) == text
