"""Bar charts of logins, as coordinates for an SVG. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from skylogin.operations.overview import Series

WIDTH, HEIGHT, GAP = 960, 160, 2
TICKS_MAX, TIMES = 5, 5


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: accepted attempts below refused ones. *query* finds them in the login log."""

    x: float
    width: float
    accepted_y: float
    accepted_height: float
    refused_y: float
    refused_height: float
    time: str
    accepted: int
    refused: int
    label: str
    query: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its bars, the values and heights of its grid lines, and the times below it."""

    width: int
    height: int
    bars: list[Bar]
    ticks: list[tuple[int, float]]
    times: list[str]


def draw(series: Series) -> Chart:
    """Return the chart of a series."""
    points, length = series.points, timedelta(minutes=series.minutes_per_point)
    totals = [point.accepted + sum(point.refused.values()) for point in points]
    values = _ticks(max(totals))
    step, scale = WIDTH / len(points), HEIGHT / values[0]
    bars = []
    for number, point in enumerate(points):
        refused = sum(point.refused.values())
        if not point.accepted + refused:
            continue
        accepted_height, refused_height = point.accepted * scale, refused * scale
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(point.refused.items()))
        bars.append(
            Bar(
                x=round(number * step, 1),
                width=round(step - GAP, 1),
                accepted_y=round(HEIGHT - accepted_height, 1),
                accepted_height=round(accepted_height, 1),
                refused_y=round(HEIGHT - accepted_height - refused_height, 1),
                refused_height=round(refused_height, 1),
                time=f"{point.at:%H:%M}",
                accepted=point.accepted,
                refused=refused,
                label=f"{point.at:%H:%M}: {point.accepted} accepted, {reasons or '0'} refused",
                query=urlencode(
                    {"since": f"{point.at:%FT%H:%M}", "until": f"{point.at + length:%FT%H:%M}"}
                ),
            )
        )
    quarter = length * len(points) / (TIMES - 1)
    times = [f"{points[0].at + quarter * number:%H:%M}" for number in range(TIMES)]
    return Chart(WIDTH, HEIGHT, bars, [(value, HEIGHT - value * scale) for value in values], times)


def _ticks(highest: int) -> list[int]:
    """Return the round values of the grid lines, from the top, at least *highest*, down to 0."""
    rough = max(highest, 1) / (TICKS_MAX - 1)
    power = 10 ** math.floor(math.log10(rough)) if rough >= 1 else 1
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= rough)
    return [step * number for number in range(math.ceil(max(highest, 1) / step), -1, -1)]


def bars_of(values: Sequence[int], width: int, height: int) -> list[tuple[float, float, float]]:
    """Return the left edge, the top and the height of a bar for each value of a small chart."""
    scale = height / max(*values, 1)
    step = width / len(values)
    return [
        (round(number * step, 1), round(height - value * scale, 1), round(value * scale, 1))
        for number, value in enumerate(values)
    ]
