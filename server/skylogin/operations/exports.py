"""Export and import of an app, as JSON Lines.

The first line describes the file; each line after it is a row of a table:

    {"skylogin": "export", "version": "0009", "app": "shop", "at": "…"}
    {"table": "users", "row": {"id": "…", "last_seen_at": "…"}}
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import BinaryIO

from skylogin.database import Transaction, tables
from skylogin.domain import fields, subject, text_file
from skylogin.domain.limits import KEY_BYTES_MAX, check_storable
from skylogin.domain.stored_names import CUSTOM_TOKEN
from skylogin.domain.text_file import NotTextError
from skylogin.encoding import json_text, rfc3339
from skylogin.encoding.json_text import JsonValue, NotJsonError
from skylogin.errors import SkygearError
from skylogin.operations.operator import ConflictError, Operator, RefusedError
from skylogin.store import apps, exports
from skylogin.store.apps import KeysTakenError
from skylogin.store.exports import TABLES, TakenError
from skylogin.store.table_rows import ROWS_AT_ONCE, Row
from skylogin.tokens.custom_token import DOCUMENTED

CONTENT_TYPE = "application/jsonl"
HEADER = "skylogin"
# Far above the largest row: a profile has some hundred fields.
LINE_BYTES_MAX = 16 * 2**20

# Called with the work done so far and the total.
Progress = Callable[[int, int], None]


def _ignore(done: int, total: int) -> None:
    pass


async def export(operator: Operator, app: str, file: BinaryIO, progress: Progress = _ignore) -> int:
    """Write the app, as of one moment, into *file*, and return the number of rows.

    The file contains password hashes, but no keys, custom token secrets or login log. *progress*
    counts rows.
    """
    await operator.note(app, "app.export", app)
    head = {
        HEADER: "export",
        "version": tables.VERSION,
        "app": app,
        "at": rfc3339.on_wire(operator.now()),
    }

    async def write_all(tx: Transaction) -> int:
        file.seek(0)
        file.truncate()
        file.write(_line(head))
        total, done = await exports.count(tx, app), 0
        async for table, rows in exports.read(tx, app):
            file.write(b"".join(_line({"table": table, "row": row}) for row in rows))
            done += len(rows)
            progress(done, total)
        return done

    return await operator.store.run(write_all, write=False, snapshot=True)


def _line(value: object) -> bytes:
    return f"{json_text.write_stored(value)}\n".encode()


async def load(
    operator: Operator,
    app: str,
    file: BinaryIO,
    *,
    replace: bool = False,
    progress: Progress = _ignore,
) -> dict[str, int]:
    """Import a file that `export` wrote into the app: all of it, or nothing.

    Users, principals and records that exist already are a conflict, or with *replace* are
    overwritten. Roles, record types and rules are merged with the existing ones; everything else
    stays. *progress* counts bytes. Returns the number of rows by table. Raises RefusedError,
    which names the line, and ConflictError.
    """
    # Outside the transaction, so that it is short.
    documented = operator.settings.contract == DOCUMENTED
    await asyncio.to_thread(_check, file, documented=documented)
    size = file.seek(0, 2)

    async def write_all(tx: Transaction) -> dict[str, int]:
        rows: dict[str, int] = {}
        for number, table, batch in _batches(file):
            try:
                await exports.write(tx, app, table, batch, replace=replace)
            except TakenError as error:
                raise ConflictError(f"{error} (line {number} or before)") from None
            except ValueError as error:
                raise RefusedError(f"{error} (line {number} or before)") from None
            rows[table] = rows.get(table, 0) + len(batch)
            progress(file.tell(), size)
        try:
            await apps.rebuild_keys(tx, app, operator.settings.auth_record_keys)
        except KeysTakenError as error:
            raise ConflictError(str(error)) from None
        tx.on_commit.append(tx.fields.forget)
        return rows

    details = {"replace": replace, "bytes": size}
    return await operator.act(app, "app.import", app, write_all, details)


def _check(file: BinaryIO, *, documented: bool) -> None:
    """Raise RefusedError on the first line that is invalid or whose principal cannot log in."""
    order = list(TABLES)
    reached = 0
    for number, table, row in _rows(file):
        problem = ""
        if table == "principals":
            problem = _principal_problem(row, documented=documented)
        elif table == "record_fields":
            problem = _field_problem(row)
        if problem:
            raise RefusedError(f"line {number}: {table}: {problem}")
        if order.index(table) < reached:
            raise RefusedError(
                f"line {number}: {table} comes after {order[reached]}; "
                f"the order is {', '.join(order)}"
            )
        reached = order.index(table)


def _principal_problem(row: Row, *, documented: bool) -> str:
    """Return why the principal of a row cannot log in, empty if it can."""
    principal = row["principal"]
    if (row["kind"], row["provider"]) == (CUSTOM_TOKEN, ""):
        problem = subject.problem(principal, documented=documented)
        return f"the principal {problem}" if problem else ""
    is_long = len(principal.encode()) > KEY_BYTES_MAX
    return f"the principal is longer than {KEY_BYTES_MAX} bytes" if is_long else ""


def _field_problem(row: Row) -> str:
    """Return why the name of a row's field is invalid, empty if it is valid."""
    try:
        fields.check_name(row["field"])
    except SkygearError as error:
        return error.explanation
    return ""


def _batches(file: BinaryIO) -> Iterator[tuple[int, str, list[Row]]]:
    """Yield batches of rows of one table, each with the number of its last line."""
    batch: list[Row] = []
    last, at = "", 0
    for number, table, row in _rows(file):
        if batch and (table != last or len(batch) == ROWS_AT_ONCE):
            yield at, last, batch
            batch = []
        batch.append(row)
        last, at = table, number
    if batch:
        yield at, last, batch


def _rows(file: BinaryIO) -> Iterator[tuple[int, str, Row]]:
    """Yield the number of each line, its table and its row. Raises RefusedError."""
    file.seek(0)
    _check_head(_read_line(1, file.readline(LINE_BYTES_MAX)))
    number = 1
    while line := file.readline(LINE_BYTES_MAX):
        number += 1
        if not line.strip():
            continue
        value = _read_line(number, line)
        table, row = value.get("table"), value.get("row")
        if not isinstance(table, str) or table not in TABLES or set(value) != {"table", "row"}:
            raise RefusedError(f'line {number}: a line is {{"table": …, "row": {{…}}}}')
        if not isinstance(row, dict):
            raise RefusedError(f"line {number}: the row is not an object")
        try:
            yield number, table, exports.read_row(table, row)
        except ValueError as error:
            raise RefusedError(f"line {number}: {table}: {error}") from None


def _read_line(number: int, line: bytes) -> dict[str, JsonValue]:
    if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
        raise RefusedError(f"line {number}: it has more than {LINE_BYTES_MAX:,} bytes")
    try:
        value = json_text.read_whole(text_file.read(line))
        check_storable(value)
    except NotTextError as error:
        raise RefusedError(f"line {number}: it {error}") from None
    except NotJsonError as error:
        raise RefusedError(f"line {number}: {error}") from None
    except SkygearError as error:
        raise RefusedError(f"line {number}: {error.explanation}") from None
    if not isinstance(value, dict):
        raise RefusedError(f"line {number}: it is not a JSON object")
    return value


def _check_head(head: dict[str, JsonValue]) -> None:
    if head.get(HEADER) != "export":
        raise RefusedError('line 1: it has to begin with {"skylogin": "export", "version": …}')
    version = head.get("version")
    if not isinstance(version, str) or version > tables.VERSION:
        raise RefusedError(
            f"line 1: the export has version {version}, this skylogin reads up to {tables.VERSION}"
        )
