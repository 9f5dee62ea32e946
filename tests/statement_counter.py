"""Counting the statements and commits that are sent to a database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


@dataclass
class Counted:
    """The statements of a block, and the number of its commits."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0


@contextmanager
def counted() -> Iterator[Counted]:
    """Count the statements and commits of the block."""
    found = Counted()

    def note_statement(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        found.statements.append(statement)

    def note_commit(connection: Any) -> None:
        found.commits += 1

    listeners: dict[str, Callable[..., None]] = {
        "before_cursor_execute": note_statement,
        "commit": note_commit,
    }
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        yield found
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)


@contextmanager
def statements_counted() -> Iterator[list[str]]:
    """Collect the statements of the block."""
    with counted() as found:
        yield found.statements
