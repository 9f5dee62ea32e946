"""Routes by method and path template, such as `GET users/{user_id}`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote

from skylogin.config import DEV

T = TypeVar("T")
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Route(Generic[T]):
    """The endpoint for a method and a path template; under `skylogin dev` alone if *dev_only*."""

    method: str
    path: str
    endpoint: T
    dev_only: bool = False


class NoRouteError(Exception):
    """No route matches. *allowed* are the methods of the path, empty if the path is unknown."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(", ".join(allowed))
        self.allowed = allowed


class RouteTable(Generic[T]):
    """Routes that are looked up by method and path."""

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        # `logins/wait` must come before `logins/{attempt_id}`.
        ordered = sorted(routes, key=lambda route: len(_PARAMETER.findall(route.path)))
        self._routes = [(route, _pattern(route.path)) for route in ordered]

    def find(self, method: str, path: str, mode: str) -> tuple[T, Mapping[str, str]]:
        """Return the endpoint for *method* and *path*, and the path's parameters.

        *path* is percent-encoded. Raises NoRouteError.
        """
        allowed = []
        for route, pattern in self._routes:
            match = pattern.fullmatch(path)
            if match is None or (route.dev_only and mode != DEV):
                continue
            if route.method == method:
                values = {name: unquote(value) for name, value in match.groupdict().items()}
                return route.endpoint, values
            allowed.append(route.method)
        raise NoRouteError(allowed)


def _pattern(template: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(template)
    return re.compile(
        "".join(
            f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
    )
