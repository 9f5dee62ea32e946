"""A hundred thousand users are imported, and only once."""

import pytest

from tests.skygear.databases import NewDatabase, OldDatabase

pytestmark = [pytest.mark.slow, pytest.mark.long]
NUMBER = 100_000
MANY = f"""
INSERT INTO _auth (id, password, provider_info, token_valid_since, last_seen_at)
    SELECT 'user-' || n, CASE WHEN n % 4 = 0 THEN '$2a$10$' || repeat('x', 53) END, 'null',
        CASE WHEN n % 4 = 0 THEN now() END, now()
    FROM generate_series(1, {NUMBER}) n;
INSERT INTO "user" (
    _id, _database_id, _owner_id, _created_at, _created_by, _updated_at, _updated_by, username,
    email, last_login_at, birthday, address, age, score, tags, home, name, vip
) SELECT
    id, '', id, now(), id, now(), id, 'Name ' || id, id || '@Example.com', now(), now(),
    '{{"city": "HK", "lines": ["a", {{"deep": 7}}]}}', 34, random(), '["a"]',
    ST_MakePoint(114.1, 22.3), 'Zoë', true
FROM _auth WHERE id LIKE 'user-%';
INSERT INTO _sso_custom_token SELECT id, 'sub ' || id, now() FROM _auth WHERE id LIKE 'user-%';
INSERT INTO _auth_role SELECT id, 'Writer' FROM _auth WHERE id LIKE 'user-%7';
"""


def test_many_users_are_imported(old: OldDatabase, new: NewDatabase) -> None:
    """The second import finds nothing to do."""
    old.sql(MANY)
    first = new.load(old.url)["rows"]
    second = new.load(old.url)["rows"]

    assert first["users"]["new"] == second["users"]["same"] > NUMBER
    assert first["records"]["new"] == second["records"]["same"] > NUMBER
    assert len(new.run("users", "find", "sub user-99999").stdout.splitlines()) == 1
