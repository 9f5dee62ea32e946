"""Connections to PostgreSQL: what the URL's parameters do to them."""

import pytest
from skylogin.database import Store, Transaction
from skylogin.errors import RESPONSE_TIMEOUT, SkygearError
from sqlalchemy import text

pytestmark = pytest.mark.slow
PARAMETERS = (
    "channel_binding=prefer&connect_timeout=5&keepalives=1&keepalives_idle=30&gssencmode=disable"
    "&sslcompression=0&fallback_application_name=mine&target_session_attrs=read-write"
    "&sslmode=prefer&options=-c%20statement_timeout%3D5s%20--geqo=off&client_encoding=utf8"
)
SHOWN = {
    "application_name": "mine",
    "statement_timeout": "5s",
    "geqo": "off",
    # These are ours.
    "TimeZone": "UTC",
    "jit": "off",
}
ENDLESS = ("SELECT pg_sleep(600)", "SELECT count(*) FROM generate_series(1, 10000000000)")


async def shown(url: str, *names: str) -> dict[str, str]:
    """Return settings of a connection."""
    store = Store(url)

    async def show(tx: Transaction) -> dict[str, str]:
        return {
            name: (await tx.connection.execute(text(f"SHOW {name}"))).scalar_one() for name in names
        }

    try:
        return await store.run(show)
    finally:
        await store.close()


@pytest.mark.parametrize("pooler", ["", "&pgbouncer=true", "&pgbouncer=false"])
async def test_parameters_of_libpq_take_effect(postgresql_url: str, pooler: str) -> None:
    """On each connection, or in each transaction if a pooler is named."""
    assert await shown(f"{postgresql_url}?{PARAMETERS}{pooler}", *SHOWN) == SHOWN


async def test_settings_of_the_url_replace_ours(postgresql_url: str) -> None:
    """But for the time zone, which the statements rely on."""
    url = f"{postgresql_url}?options=-cjit=on%20-ctimezone=Asia/Tokyo"

    assert await shown(url, "jit", "timezone") == {"jit": "on", "timezone": "UTC"}


@pytest.mark.parametrize("text", ["it's", "back\\slash", "dollar $1", "per%cent", ":name", "ä"])
async def test_a_setting_may_have_any_text(postgresql_url: str, text: str) -> None:
    """It is quoted where it becomes part of a statement."""
    escaped = "".join(f"%{byte:02x}" for byte in text.replace("\\", "\\\\").encode())
    escaped = escaped.replace("%20", "%5c%20")
    for pooler in ("", "&pgbouncer=true"):
        url = f"{postgresql_url}?options=-cmy.text={escaped}{pooler}"

        assert await shown(url, "my.text") == {"my.text": text}


async def test_the_first_host_that_can_be_written_is_used(postgresql_url: str) -> None:
    """Others may be down."""
    url = postgresql_url.replace("@127.0.0.1", "@127.0.0.1:1,127.0.0.1")
    url += "?target_session_attrs=primary"

    assert await shown(url, "jit") == {"jit": "off"}


async def test_a_statement_that_takes_too_long_is_reported(postgresql_url: str) -> None:
    """The server ends it, because of a limit that an operator set."""
    store = Store(f"{postgresql_url}?options=-cstatement_timeout=10")

    async def sleep(tx: Transaction) -> None:
        await tx.connection.execute(text("SELECT pg_sleep(10)"))

    with pytest.raises(SkygearError) as refusal:
        await store.run(sleep)
    await store.close()

    assert "statement timeout" in refusal.value.explanation


@pytest.mark.parametrize("pooler", ["", "?pgbouncer=true"])
@pytest.mark.parametrize("statement", ENDLESS)
async def test_the_server_ends_a_query_at_its_limit(
    postgresql_url: str, pooler: str, statement: str
) -> None:
    """Even if nobody asks it to. Other transactions, such as migrations, have no limit."""
    store = Store(postgresql_url + pooler, query_seconds=1)

    async def run(tx: Transaction) -> None:
        await tx.connection.execute(text(statement))

    async def limit(tx: Transaction) -> object:
        return (await tx.connection.execute(text("SHOW statement_timeout"))).scalar()

    with pytest.raises(SkygearError) as refusal:
        await store.run(run, write=False, is_query=True)
    limits = [
        await store.run(limit, write=write, is_query=is_query)
        for write, is_query in ((True, False), (False, False), (False, True))
    ]
    await store.close()

    assert refusal.value.kind == RESPONSE_TIMEOUT
    assert limits == ["0", "0", "1s"]


@pytest.mark.parametrize("pooler", ["", "?pgbouncer=true"])
async def test_the_server_looks_whether_its_client_is_there(
    postgresql_url: str, pooler: str
) -> None:
    """One that was killed asks for nothing any more, also not for an end of its statements."""
    name, version = "client_connection_check_interval", "server_version_num"
    if int((await shown(postgresql_url, version))[version]) < 140_000:  # noqa: PLR2004
        pytest.skip("PostgreSQL before 14 cannot look whether its client is there")

    assert await shown(postgresql_url + pooler, name) == {name: "10s"}
