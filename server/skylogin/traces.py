"""Spans of OpenTelemetry, for each call, batch and commit. Imported only if a setting asks.

A batch has a trace of its own, with links to the calls in it. No attribute is text that a client
wrote, and none is a secret.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from http import HTTPStatus

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode

Attributes = Mapping[str, str]
# What a batch links to.
CallSpan = SpanContext


class Traces:
    """Makes the spans of a server, and sends them with *provider*."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._start = partial(
            provider.get_tracer("skylogin").start_as_current_span,
            # The text of an exception may contain a secret.
            record_exception=False,
            set_status_on_exception=False,
        )

    def call(self) -> AbstractContextManager[Span]:
        """Trace a call, which begins a trace. Its name and attributes are known at its end."""
        return self._start("call", context=Context(), kind=SpanKind.SERVER)

    def current(self) -> CallSpan:
        """Return the current span, for a link to it."""
        return trace.get_current_span().get_span_context()

    def describe(self, call: Span, action: str, status: int, attributes: Attributes) -> None:
        """Say at the end of a call what it was, and whether the server failed."""
        call.update_name(action)
        call.set_attributes({"skylogin.action": action, "http.response.status_code": status})
        call.set_attributes(attributes)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            call.set_status(StatusCode.ERROR)

    def batch(self, kind: str, calls: Sequence[CallSpan]) -> AbstractContextManager[object]:
        """Trace a transaction for *calls*."""
        return self._start(
            f"batch {kind}",
            context=Context(),
            links=[Link(call) for call in calls],
            attributes={"skylogin.batch.kind": kind, "skylogin.batch.size": len(calls)},
        )

    def commit(self) -> AbstractContextManager[object]:
        """Trace a commit, within the batch or the call."""
        return self._start("commit")

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def set_up(service: str, exporter: str) -> Traces:
    """Return traces that are sent to a collector (`otlp`), or printed (`console`).

    The library reads its other variables, such as OTEL_EXPORTER_OTLP_ENDPOINT, by itself.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(_exporter(exporter)))
    return Traces(provider)


def _exporter(name: str) -> SpanExporter:
    if name == "console":
        # Standard output is for the ready line, and that of a worker is not read.
        return ConsoleSpanExporter(out=sys.stderr)
    # Only this exporter needs this part of the extra.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )

    return OTLPSpanExporter()
