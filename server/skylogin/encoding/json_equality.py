"""Equality of JSON values. Pure."""


def is_equal(one: object, other: object) -> bool:
    """Return whether two JSON values are equal: `1` equals `1.0`, but not `true` as in Python.

    However deeply they are nested.
    """
    pairs = [(one, other)]
    while pairs:
        one, other = pairs.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            pairs += [(value, other[name]) for name, value in one.items()]
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            pairs += zip(one, other, strict=True)
        elif one != other or isinstance(one, bool) != isinstance(other, bool):
            return False
    return True
