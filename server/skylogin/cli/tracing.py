"""Send a server's traces to OpenTelemetry if the variables of OpenTelemetry's SDK ask for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from skylogin.config import ConfigurationError

if TYPE_CHECKING:
    from skylogin.traces import Traces

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTERS = ("otlp", "console")
HTTP = "http/protobuf"


@contextmanager
def sending() -> "Iterator[Traces | None]":
    """Yield the traces, None if no variable asks for them. At the end, send what is left.

    Raises ConfigurationError.
    """
    traces = _set_up()
    try:
        yield traces
    finally:
        if traces is not None:
            traces.close()


def _set_up() -> "Traces | None":
    variable = os.environ.get
    asks = variable("OTEL_TRACES_EXPORTER", "")
    exporter = asks or ("otlp" if any(map(variable, ENDPOINTS)) else "none")
    if exporter == "none" or variable("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if exporter not in EXPORTERS:
        raise ConfigurationError(
            [f"OTEL_TRACES_EXPORTER is not one of {', '.join(EXPORTERS)}, none"]
        )
    protocol = next(filter(None, map(variable, PROTOCOLS)), HTTP)
    if exporter == "otlp" and protocol != HTTP:
        raise ConfigurationError([f"OTEL_EXPORTER_OTLP_PROTOCOL has to be {HTTP}"])
    try:
        # On the start-up list: most servers send no traces.
        from skylogin import traces  # noqa: PLC0415

        return traces.set_up(variable("OTEL_SERVICE_NAME") or "skylogin", exporter)
    except ImportError:
        problem = (
            "traces need the extra otel: install skylogin[otel], or set OTEL_TRACES_EXPORTER=none"
        )
        raise ConfigurationError([problem]) from None
