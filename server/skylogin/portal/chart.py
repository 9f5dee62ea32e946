"""A bar chart of login attempts, as coordinates for an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from skylogin.operations.overview import Point

WIDTH, HEIGHT, GAP = 960, 160, 2


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: accepted attempts below refused ones."""

    x: float
    width: float
    accepted_y: float
    accepted_height: float
    refused_y: float
    refused_height: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart. *highest* is the total of the highest bar."""

    width: int
    height: int
    highest: int
    bars: list[Bar]


def draw(points: Sequence[Point]) -> Chart:
    """Return the chart of *points*, oldest first."""
    totals = [point.accepted + sum(point.refused.values()) for point in points]
    highest = max(totals, default=0)
    step = WIDTH / max(len(points), 1)
    scale = HEIGHT / max(highest, 1)
    bars = []
    for number, point in enumerate(points):
        accepted = point.accepted * scale
        refused = sum(point.refused.values()) * scale
        bars.append(
            Bar(
                x=round(number * step, 1),
                width=round(max(step - GAP, 1), 1),
                accepted_y=round(HEIGHT - accepted, 1),
                accepted_height=round(accepted, 1),
                refused_y=round(HEIGHT - accepted - refused, 1),
                refused_height=round(refused, 1),
                label=_label(point),
            )
        )
    return Chart(WIDTH, HEIGHT, highest, bars)


def _label(point: Point) -> str:
    refused = ", ".join(f"{number} {reason}" for reason, number in sorted(point.refused.items()))
    return f"{point.at:%H:%M}: {point.accepted} accepted, {refused or '0'} refused"
