"""What a command prints, asks and writes."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NoReturn

import typer

from skylogin.encoding import json_text
from skylogin.encoding.json_text import NotJsonError

if TYPE_CHECKING:
    pass


STANDARD = "-"
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the admin API has it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def fail(*lines: str) -> NoReturn:
    """Print *lines* to stderr and exit with 1."""
    print(*lines, sep="\n", file=sys.stderr)
    raise SystemExit(1)


def ask(question: str, *, yes: bool) -> None:
    """Go on only where somebody says yes. Exits with 1 otherwise."""
    if not yes and not typer.confirm(question):
        fail("nothing is changed")


def read_object(text: str, what: str) -> dict[str, Any]:
    """Return the JSON object that an argument is. Exits with 1 where it is none."""
    try:
        value = json_text.read_whole(text)
    except NotJsonError as error:
        fail(f"{what} is not JSON: {error}")
    if not isinstance(value, dict):
        fail(f"{what} is not a JSON object")
    return value


@contextmanager
def progress(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Give what is told how much is done and of how much: a bar, where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    # rich is on the start-up list.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def print_table(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Print *rows* for a person, or plainly, tab between tab, where nobody looks."""
    _print_lines([[row[name] for name in columns] for row in rows], columns)


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print what is known of one thing, name by name."""
    _print_lines(facts, None)


def _print_lines(rows: Sequence[Sequence[str]], columns: Sequence[str] | None) -> None:
    lines = [[_in_one_line(text) for text in row] for row in rows]
    if not sys.stdout.isatty():
        for line in lines:
            print(*line, sep="\t")
        return
    if not lines:
        print("There are none.")
        return
    # rich is on the start-up list.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(show_header=columns is not None)
    for title in columns or lines[0]:
        # Somebody may want to copy what is too long for the terminal.
        table.add_column(title, overflow="fold")
    for line in lines:
        table.add_row(*(Text(text) for text in line))
    Console().print(table)


def _in_one_line(text: str) -> str:
    """Return *text* without what would move the cursor of a terminal, or begin a line."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def print_rows(
    columns: Sequence[str],
    rows: Sequence[Any],
    cells: Callable[[Any], Mapping[str, str]],
    *,
    as_json: bool,
) -> None:
    """Print *rows* for a program, or what *cells* makes of each for a person, as was asked."""
    if as_json:
        print_json(rows)
    else:
        print_table(columns, [cells(row) for row in rows])


def as_cell(value: object) -> str:
    """Return *value* as it stands in a table."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def print_warnings(warnings: Sequence[str]) -> None:
    """Print warnings, to stderr."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def print_json(value: object) -> None:
    """Print *value* for a program."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_line(value: Mapping[str, Any], *, as_json: bool) -> None:
    """Print *value* at once, as one line: for a program, or for a person."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False), flush=True)
    else:
        print(*(_in_one_line(text) for text in value.values()), sep="\t", flush=True)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file that becomes *path* at the end of the block; what was there stays until then.

    So nobody reads half of it, and only the owner reads it at all. What is no plain file, such
    as a pipe, stays where it is, and gets all of it at the end.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as target, tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            shutil.copyfileobj(file, target)
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
