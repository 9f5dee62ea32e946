"""The text of a seed: what YAML and JSON say, on which line, and what is wrong with it."""

import contextlib
import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from skylogin.encoding.json_text import as_double
from skylogin.seeds import document, nodes
from skylogin.seeds.document import of_plain
from skylogin.seeds.nodes import Node, SeedError, SeedProblem


def plain(node: Node) -> Any:
    """Return the value of a node without problems."""
    assert (node.problem, node.repeated) == ("", ())
    if isinstance(node.value, dict):
        return {name: plain(inner) for name, inner in node.value.items()}
    if isinstance(node.value, list):
        return [plain(inner) for inner in node.value]
    return node.value


def of_yaml(text: str) -> Node:
    """Read YAML."""
    return document.read(text.encode(), "seed.yaml")


def of_json(text: str) -> Node:
    """Read JSON."""
    return document.read(text.encode(), "seed.json")


def problem_of(data: bytes | str, file: str = "seed.yaml") -> str:
    """Return the only problem of a text that cannot be read."""
    with pytest.raises(SeedError) as caught:
        document.read(data.encode() if isinstance(data, str) else data, file)
    [problem] = caught.value.problems
    return str(problem)


# --- values ------------------------------------------------------------------------

PLAIN_YAML: dict[str, object] = {
    "yes": "yes",
    "no": "no",
    "on": "on",
    "Off": "Off",
    "y": "y",
    "true": True,
    "TRUE": True,
    "False": False,
    "tRue": "tRue",
    "null": None,
    "~": None,
    "": None,
    "nil": "nil",
    "7": 7,
    "-0": 0,
    "1.50": 1.5,
    "1e3": 1000.0,
    "1E-2": 0.01,
    "0123": "0123",
    "0x1F": "0x1F",
    "0o17": "0o17",
    "+49": "+49",
    "1_000": "1_000",
    "1:30": "1:30",
    ".5": ".5",
    "5.": "5.",
    "'.inf'": ".inf",
    ".Nan": ".Nan",
    "inf": "inf",
    "NaN": "NaN",
    "2024-01-02": "2024-01-02",
    "2024-01-02T03:04:05Z": "2024-01-02T03:04:05Z",
    "=": "=",
    '"7"': "7",
    "'null'": "null",
    "!!str 7": "7",
    "! 7": "7",
}


@pytest.mark.parametrize(("text", "value"), PLAIN_YAML.items(), ids=PLAIN_YAML)
def test_yaml_is_read_without_guessing_types(text: str, value: object) -> None:
    """Null, booleans and numbers as JSON writes them; everything else is text."""
    [node] = of_yaml(f"- {text}").value

    assert plain(node) == value
    assert type(node.value) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.Inf", "+.INF", ".nan", ".NaN", ".NAN"])
def test_a_number_that_json_does_not_have_is_a_problem(text: str) -> None:
    """Its author did not mean a text."""
    [node] = of_yaml(f"- {text}").value

    assert node.problem == f"is {text}, which JSON does not have; put a text in quotes"


def test_keys_are_texts() -> None:
    """No matter what they look like."""
    text = "yes: 1\nnull: 2\n5: 3\n2024-01-02: 4\n'': 5\n"

    assert plain(of_yaml(text)) == {"yes": 1, "null": 2, "5": 3, "2024-01-02": 4, "": 5}


def test_json_has_json_types() -> None:
    """And no other types."""
    text = '{"yes": ["no", 1, 1.5, 1e3, true, false, null, "2024-01-02", "\\u00e9"], "a": {}}'

    assert plain(of_json(text)) == json.loads(text)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def as_kept(value: Any) -> Any:
    """Return a value after its numbers were written and read."""
    if isinstance(value, dict):
        return {name: as_kept(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_kept(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return as_double(value)
    return value


@given(json_values)
@example([chr(number) for number in (*range(1, 0x100), 0x2028, 0x2029, 0xFEFF, 0x1F600)])
@example({f" {chr(number)} a": chr(number) * 130 for number in (9, 10, 13, 0x20, 0x85, 0x2028)})
@example({f"{chr(number)}" * 130: 1 for number in (9, 10, 13, 0x20, 0x85, 0x2028)})
def test_what_is_written_is_read_again(value: Any) -> None:
    """In YAML and in JSON, also in the format of `json`."""
    assert plain(of_json(document.write_json(value))) == value
    assert plain(of_json(json.dumps(value))) == value
    assert as_kept(plain(of_yaml(document.write_yaml(value)))) == as_kept(value)
    assert plain(of_plain(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "on",
        "1e3",
        "0123",
        "2024-01-02",
        "1_0",
        "~",
        "<<",
        "=",
        "null",
        "",
        " a ",
        "#",
        ".nan",
    ],
)
def test_texts_that_look_like_something_else_are_quoted(text: str) -> None:
    """For readers of YAML 1.1 as well."""
    assert document.write_yaml([text]).startswith(("- '", '- "'))


@given(st.text())
def test_any_text_is_read_or_refused_as_json_is(text: str) -> None:
    """Exactly the texts that `json` reads are read."""
    data = text.encode("utf-8", "replace")
    try:
        # As text: from bytes, `json` would guess the encoding.
        wanted = json.loads(data.decode())
    except ValueError:
        wanted = SeedError
    try:
        found: Any = document.read(data, "x.json")
    except SeedError:
        found = SeedError
    assert (found is SeedError) == (wanted is SeedError)


@given(st.binary() | st.text(alphabet="ab:-[]{}&*!|>?,#'\" \n\t01").map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No other error is raised."""
    with contextlib.suppress(SeedError):
        assert isinstance(document.read(data, "seed.yaml"), Node)


# --- lines -------------------------------------------------------------------------


def test_values_know_their_lines() -> None:
    """A member has the line of its key."""
    text = "a: 1\nb:\n  - x\n  -\n    c: 2\nd: >\n  long\n  text\ne: {f: 1,\n  g: 2}\n"
    root = of_yaml(text).value

    assert {name: node.line for name, node in root.items()} == {"a": 1, "b": 2, "d": 6, "e": 9}
    assert [node.line for node in root["b"].value] == [3, 5]
    inner = root["b"].value[1].value["c"], root["e"].value["g"]
    assert [node.line for node in inner] == [5, 10]


def test_json_values_know_their_lines() -> None:
    """As values of YAML do."""
    root = of_json('\n{"a":\n1, "b": [\n{},\n"\\n",\r\n"x"\n], "c\\"[": {"d":\n"\\\\"}}').value

    assert {name: node.line for name, node in root.items()} == {"a": 2, "b": 3, 'c"[': 7}
    assert [node.line for node in root["b"].value] == [4, 5, 6]
    assert root['c"['].value["d"] == Node("\\", 7)


@pytest.mark.parametrize("read", [of_yaml, of_json], ids=["yaml", "json"])
def test_repeated_keys_are_noted(read: Any) -> None:
    """With their lines; the first value counts."""
    node = read('{"a": 1,\n"b": 2,\n"a": 3}')

    assert node.repeated == (("a", 3),)
    assert node.value["a"].value == 1


def test_the_parser_in_python_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some machines do not have the one in C."""
    text = "a: &x [1, 'b']\nb:\n  - ['\\U0001F600']\n  - !!str 7\n  - yes # no\n"
    quick = of_yaml(text)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)

    assert of_yaml(text) == quick
    assert problem_of("a: 1\nb: \x07").startswith("seed.yaml:2: is not YAML: ")
    assert problem_of('a: "\\Uffffffff"').startswith("seed.yaml: is not YAML: ")
    assert problem_of("a: [1").startswith("seed.yaml:1: is not YAML: ")


def test_a_file_without_a_suffix_is_recognised_by_its_text() -> None:
    """Such as standard input."""
    assert problem_of('{"a": .5}', "-").startswith("-:1: is not JSON")
    assert plain(document.read(b"a: .5", "-")) == {"a": ".5"}
    assert plain(document.read(b"\xef\xbb\xbf{}", "seed.JSON")) == {}


# --- what cannot be read -----------------------------------------------------------

UNREADABLE = {
    "not UTF-8": (b"a: 1\nb: \xff", "seed.yaml:2: is not UTF-8: byte 0xff at offset 8"),
    "UTF-16": ("a: 1".encode("utf-16"), "seed.yaml:1: is UTF-16, not UTF-8: byte 0xff at offset 0"),
    "unclosed list": (b"a:\n  [1", "seed.yaml:3: is not YAML: "),
    "tab": (b"a:\n\tb: 1", "seed.yaml:2: is not YAML: "),
    "control character": (b"a: 1\nb: \x07", "seed.yaml:2: is not YAML: "),
    "two documents": (b"a: 1\n---\nb: 1\n", "seed.yaml:2: has a second document"),
    "alias": (b"a: &x 1\nb: *x\n", "seed.yaml:2: *x: aliases are not supported"),
    "alias of itself": (b"a: &x\n  - *x\n", "seed.yaml:2: *x: aliases are not supported"),
    "a list as a key": (b"a: 1\n? [b]\n: 1\n", "seed.yaml:2: a key must be a string"),
    "nested": (b"[" * 100, "seed.yaml:1: is nested deeper than 64 levels"),
    "large": (b" " * (64 * 2**20 + 1), "seed.yaml: has more than 67,108,864 bytes"),
}


@pytest.mark.parametrize(("data", "problem"), UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_yaml_text_is_refused(data: bytes, problem: str) -> None:
    """With the file and the line."""
    assert problem_of(data).startswith(problem)


UNREADABLE_JSON = {
    "comma": (
        '{"users": [\n  1,\n]}',
        "seed.json:3: is not JSON: unexpected ']' in line 3, column 1",
    ),
    "comma in an object": ('{"a": 1,\n}', "seed.json:2: is not JSON: unexpected '}'"),
    "two commas": ("[1,,2]", "seed.json:1: is not JSON: unexpected ','"),
    "nothing": ("", "seed.json:1: is not JSON: unexpected end in line 1, column 1"),
    "more": ("{}\n\n{}", "seed.json:3: is not JSON: unexpected '{'"),
    "quotes": ("{'a': 1}", 'seed.json:1: is not JSON: unexpected "\'"'),
    "open": ('{"a": "\n', "seed.json:1: is not JSON: "),
    "nested": ("[" * 65 + "]" * 65, "seed.json:1: is nested deeper than 64 levels"),
    "nested and not closed": ("\n" + "[" * 100_000, "seed.json:2: is nested deeper than"),
    "long number": ('{"a": ' + "1" * 5000 + "", "seed.json:1: is not JSON: unexpected end"),
}


@pytest.mark.parametrize(("text", "problem"), UNREADABLE_JSON.values(), ids=UNREADABLE_JSON)
def test_an_unreadable_json_text_is_refused(text: str, problem: str) -> None:
    """In words that no version of Python changes."""
    assert problem_of(text, "seed.json").startswith(problem)


@pytest.mark.parametrize(
    "text", ["[1, 2, 3]", "{a: 1, b: [2]}", '{"a": [1, 2, 3]}', '[{"a": 1}, {"b": 2}]']
)
def test_the_number_of_values_is_limited(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys count as well, in YAML as in JSON."""
    is_json = '"' in text
    file = "seed.json" if is_json else "seed.yaml"
    count = {"[1, 2, 3]": 4, "{a: 1, b: [2]}": 6, '{"a": [1, 2, 3]}': 6}.get(text, 7)
    monkeypatch.setattr(nodes, "VALUES_MAX", count)
    assert document.read(text.encode(), file).value
    monkeypatch.setattr(nodes, "VALUES_MAX", count - 1)
    assert problem_of(text, file) == f"{file}:1: has more than {count - 1} keys and values"


PROBLEMS = {
    "tag": "!!python/object:os.system x",
    "date": "!!timestamp 2024-01-02",
    "tag of a list": "!x [1]",
    "infinite": "1e999",
    "zero": '"\\0"',
}


@pytest.mark.parametrize("text", PROBLEMS.values(), ids=PROBLEMS)
def test_a_value_that_cannot_be_stored_is_marked(text: str) -> None:
    """So that the reader reports it with its field."""
    assert of_yaml(f"a: {text}").value["a"].problem


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", '"\\ud800"', '"\\u0000"'])
def test_a_json_value_that_cannot_be_stored_is_marked(text: str) -> None:
    """As in YAML."""
    assert of_json(f'{{"a": {text}}}').value["a"].problem


def test_values_of_a_body_are_marked() -> None:
    """They do not have lines."""
    deep: list[Any] = []
    for _ in range(70):
        deep = [deep]
    node = of_plain({"a": "\0", "b": [1, {"c": math.pi}]})

    assert node.value["a"].problem
    assert node.value["b"].value[1].value["c"] == Node(math.pi)
    innermost = of_plain(deep)
    while innermost.value:
        [innermost] = innermost.value
    assert innermost.problem == "is nested deeper than 64 levels"


PROBLEM_LINES = {
    "users.yaml:7: users[1].roles: no": SeedProblem("users[1].roles", "no", 7, "users.yaml"),
    "users.yaml: no": SeedProblem("", "no", 0, "users.yaml"),
    "users[1]: no": SeedProblem("users[1]", "no"),
    "no": SeedProblem("", "no", 7),
    r"a\nb.yaml:1: us\r\n\x85ers: \u2028no": SeedProblem(
        "us\r\n\x85ers", "\u2028no", 1, "a\nb.yaml"
    ),
    r"\x1b[0m: no": SeedProblem("\x1b[0m", "no"),
    "größe: no": SeedProblem("größe", "no"),
}


@pytest.mark.parametrize(("line", "problem"), PROBLEM_LINES.items(), ids=PROBLEM_LINES)
def test_a_problem_is_one_line(line: str, problem: SeedProblem) -> None:
    """With as much of the place as is known."""
    assert str(problem) == line
