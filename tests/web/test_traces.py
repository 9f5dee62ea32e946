"""Spans of OpenTelemetry: which ones there are, what they contain, and when there are none."""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from skylogin.cli import tracing
from skylogin.clock import system_now
from skylogin.config import ConfigurationError
from skylogin.tokens.mint import mint
from skylogin.traces import Traces
from skylogin.web.keys import SERVICES

from tests.applications import Client, MakeClient

SECRET = "a secret of this test"
COUNT = 5
LOGIN = "sso:custom_token:login"


@contextmanager
def traced(client: Client) -> Iterator[list[ReadableSpan]]:
    """Yield the spans that the block's calls make; they are there after it."""
    exporter, spans = InMemorySpanExporter(), list[ReadableSpan]()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    client.app[SERVICES].store.traces = Traces(provider)
    yield spans
    spans.extend(exporter.get_finished_spans())
    provider.shutdown()


async def log_in(client: Client, subject: str, secret: str = SECRET) -> None:
    """Log in, once with a wrong secret."""
    token = mint(subject, secret, system_now())
    await client.post("/", json={"action": LOGIN, "api_key": "changeme", "token": token})


async def test_calls_batches_and_commits_are_traced(make_client: MakeClient) -> None:
    """A batch links to its calls, and has its commit within."""
    client = await make_client(CUSTOM_TOKEN_SECRET=SECRET)
    with traced(client) as spans:
        await asyncio.gather(*(log_in(client, f"user-{i}") for i in range(COUNT)))

    calls = [span for span in spans if span.name == LOGIN]
    batches = [span for span in spans if span.name == "batch logins"]
    commits = [span for span in spans if span.name == "commit"]
    assert {span.kind for span in calls} == {SpanKind.SERVER}
    assert all(span.parent is None for span in (*calls, *batches))
    linked = [link.context.span_id for batch in batches for link in batch.links]
    assert len(calls) == COUNT
    assert sorted(linked) == sorted(call.context.span_id for call in calls)
    assert {span.parent and span.parent.span_id for span in commits} >= {
        batch.context.span_id for batch in batches
    }
    for call in calls:
        assert call.attributes is not None
        assert call.attributes["skylogin.action"] == LOGIN
        assert call.attributes["http.response.status_code"] == HTTPStatus.OK
        assert call.attributes["skylogin.request_id"]


async def test_a_span_has_the_reason_and_nothing_that_a_client_wrote(
    make_client: MakeClient,
) -> None:
    """No token, no key, no subject, no made-up action."""
    client = await make_client(CUSTOM_TOKEN_SECRET=SECRET)
    with traced(client) as spans:
        await log_in(client, "subject-of-alice")
        await log_in(client, "subject-of-alice", "another secret")
        await client.post("/made-up", json={"action": "made:up", "api_key": "key-of-alice"})
        await client.post("/apps/no%20app/me", data="body-of-alice", headers={"a": "of-alice"})

    seen = [dict(span.attributes or {}) for span in spans]
    reasons = [one["skylogin.reason"] for one in seen if "skylogin.reason" in one]
    assert reasons[0] == "signature_wrong"
    assert {one["skylogin.action"] for one in seen if "skylogin.action" in one} == {LOGIN, "other"}
    text = "".join(span.to_json() for span in spans)
    assert not [word for word in ("alice", SECRET, "another secret", "made", "eyJ") if word in text]


# --- the variables of the SDK ------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*tracing.ENDPOINTS, *tracing.PROTOCOLS, "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_SERVICE_NAME": "a"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1"},
    ],
)
def test_without_a_variable_there_are_no_traces(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or with one that says so."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with tracing.sending() as traces:
        assert traces is None


def test_spans_for_people_leave_the_ready_line_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program reads it on standard output."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    with tracing.sending() as traces:
        assert traces is not None
        with traces.call() as span:
            traces.describe(span, "home", HTTPStatus.OK, {})

    written = capsys.readouterr()
    assert written.out == ""
    assert json.loads(written.err)["name"] == "home"


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "not one of otlp, console, none"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "has to be http/protobuf",
        ),
    ],
)
def test_unusable_settings_are_reported(
    environment: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not start."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=problem), tracing.sending():
        pass


def test_without_the_extra_the_server_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one who installed skylogin alone reads it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:1")
    monkeypatch.delitem(sys.modules, "skylogin.traces", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with pytest.raises(ConfigurationError, match=r"skylogin\[otel\]"), tracing.sending():
        pass


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the URL of a server, and the bodies that it gets."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Keep what is sent."""
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(HTTPStatus.OK)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", bodies
        finally:
            server.shutdown()
            thread.join()


async def test_spans_are_sent_to_the_collector(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, before the server has ended."""
    client = await make_client(CUSTOM_TOKEN_SECRET=SECRET)
    with collector() as (url, bodies):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "our login")
        with tracing.sending() as traces:
            client.app[SERVICES].store.traces = traces
            await log_in(client, "alice")

    sent = b"".join(bodies)
    assert all(word.encode() in sent for word in (LOGIN, "our login", "batch logins", "commit"))
    assert b"alice" not in sent
    assert json.dumps(SECRET).encode() not in sent
