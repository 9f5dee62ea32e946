"""Printing, asking for confirmation and writing files.

All that a command prints goes through here: any text can be printed on any terminal, and none
controls it.
"""

import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NoReturn, TextIO

import typer

from skylogin.encoding import json_text, visible
from skylogin.encoding.json_text import NotJsonError

STANDARD = "-"
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the admin API returns it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def prepare_streams() -> None:
    """Let libraries such as typer print any text too, and open closed streams."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w")))
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(*lines: str, flush: bool = False) -> None:
    """Print *lines*."""
    print(*(shown(line) for line in lines), sep="\n", flush=flush)


def tell(*lines: str) -> None:
    """Print *lines* to stderr."""
    print(*(visible.text(line, _charset(sys.stderr)) for line in lines), sep="\n", file=sys.stderr)


def fail(*lines: str) -> NoReturn:
    """Print *lines* to stderr and exit with 1."""
    tell(*lines)
    raise SystemExit(1)


def shown(text: str) -> str:
    """Return *text* as it is printed to standard output."""
    return visible.text(text, _charset(sys.stdout))


def _charset(stream: TextIO) -> str:
    return stream.encoding or "utf-8"


def confirm(question: str, *, yes: bool) -> None:
    """Ask the user to confirm, unless *yes* is set. Exits with 1 on a no."""
    if not yes and not typer.confirm(shown(question)):
        fail("Nothing changed.")


def read_object(text: str, what: str) -> dict[str, Any]:
    """Return the JSON object in *text*. Exits with 1 on any other text."""
    try:
        value = json_text.read_whole(text)
    except NotJsonError as error:
        fail(f"{what} is not JSON: {error}")
    if not isinstance(value, dict):
        fail(f"{what} is not a JSON object")
    return value


@contextmanager
def progress(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal; yield the function that updates it: (done, total)."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    # rich is on the start-up list.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal what the block does, if its progress cannot be measured."""
    if not sys.stderr.isatty():
        yield
        return
    # rich is on the start-up list.
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    with Console(stderr=True).status(Text(shown(what))):
        yield


def print_table(rows: Sequence[Mapping[str, str]], nothing: str = "") -> None:
    """Print *rows*, by column, as a table on a terminal, else as tab-separated lines.

    A terminal that is too narrow gets a line for each value instead, so that it breaks no id and
    no secret. It shows the sentence *nothing* instead of an empty table.
    """
    if rows:
        titles = [name.upper() for name in rows[0]]
        _print_lines([list(row.values()) for row in rows], titles)
    elif sys.stdout.isatty():
        print(nothing)


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print names and values, one pair per line."""
    _print_lines(facts)


def _print_lines(rows: Sequence[Sequence[str]], titles: Sequence[str] = ()) -> None:
    lines = [[shown(text) for text in row] for row in rows]
    if not sys.stdout.isatty():
        for line in lines:
            print(*line, sep="\t")
        return
    # rich is on the start-up list.
    from rich.cells import cell_len  # noqa: PLC0415

    if titles:
        lines.insert(0, list(titles))
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    if titles and sum(widths) + 2 * len(widths) - 2 > _columns_of_terminal():
        _print_blocks(*lines)
        return
    for line in lines:
        cells = (
            text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True)
        )
        print("  ".join(cells).rstrip())


def _columns_of_terminal() -> int:
    return shutil.get_terminal_size().columns


def _print_blocks(titles: Sequence[str], *rows: Sequence[str]) -> None:
    """Print each row as lines of a title and a value, after an empty line."""
    width = max(map(len, titles))
    for row in rows:
        print()
        for title, text in zip(titles, row, strict=True):
            if text:
                print(f"{title:<{width}}  {text}")


def count(number: int, noun: str) -> str:
    """Return *number* with its noun: 1 user, 2 users."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def print_rows(
    rows: Sequence[Any],
    cells: Callable[[Any], Mapping[str, str]],
    *,
    as_json: bool,
    nothing: str = "",
) -> None:
    """Print *rows* as JSON, or as a table of the *cells* of each."""
    if as_json:
        print_json(rows)
    else:
        print_table([cells(row) for row in rows], nothing)


def as_cell(value: object) -> str:
    """Return *value* as the text of a table cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def print_warnings(warnings: Sequence[str]) -> None:
    """Print warnings to stderr."""
    for warning in warnings:
        tell(f"warning: {warning}")


def print_notes(notes: Iterable[str]) -> None:
    """Print notes to stderr."""
    for note in notes:
        tell(f"note: {note}")


def print_json(value: object) -> None:
    """Print *value* as indented JSON."""
    print(visible.json_text(value, _charset(sys.stdout), indent=2))


def print_result(value: object, text: str, *, as_json: bool) -> None:
    """Print *value* as JSON, or else *text*."""
    if as_json:
        print_json(value)
    else:
        say(text)


def print_done(act: str, id: str, *, as_json: bool) -> None:
    """Print what was done to the thing with this id, as `deleted x` or as JSON."""
    print_result({"done": act, "id": id}, f"{act} {id}", as_json=as_json)


def print_exported(file: str, value: object, text: str, *, as_json: bool) -> None:
    """Print *value* as JSON, or else *text* to stderr; standard output may be the export itself."""
    if as_json and file != STANDARD:
        print_json(value)
    else:
        tell(f"exported {text}")


def print_line(value: Mapping[str, Any], *, as_json: bool) -> None:
    """Print *value* as one line, or as lines that a terminal does not break, and flush it."""
    if as_json:
        print(visible.json_text(value, _charset(sys.stdout)), flush=True)
        return
    texts = [shown(text) for text in value.values()]
    if sys.stdout.isatty() and len("\t".join(texts).expandtabs()) > _columns_of_terminal():
        _print_blocks([title.upper() for title in value], texts)
        sys.stdout.flush()
    else:
        print(*texts, sep="\t", flush=True)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that replaces *path* at the end of the block, readable by its owner only.

    Readers never see half of it. A pipe or device is not replaced: the content is copied into it.
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


@contextmanager
def output_file(name: str) -> Iterator[BinaryIO]:
    """Yield a file that is copied to *name*, or to standard output, once it is complete.

    A terminal shows characters that it lacks as JSON escapes.
    """
    if name == STANDARD:
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            if sys.stdout.isatty():
                for line in file:
                    print(visible.in_json(line.decode(), _charset(sys.stdout)), end="")
                return
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    try:
        with whole_file(Path(name)) as file:
            yield file
    except OSError as error:
        fail(f"{name}: {error.strerror}")
