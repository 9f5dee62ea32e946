"""Write the SQL with which `psql` loads an app into the original's database. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from skylogin.domain import skygear
from skylogin.domain.skygear import (
    ASSETS,
    FIXED_TABLES,
    RECORD_COLUMNS,
    RECORD_TIMES,
    FixedTable,
)
from skylogin.domain.stored_names import CUSTOM_TOKEN
from skylogin.domain.unique_keys import KeySet
from skylogin.domain.user import Field
from skylogin.encoding import json_text
from skylogin.encoding.json_text import JsonValue

Row = Mapping[str, JsonValue]
_ID, _NAME_BYTES_MAX = RECORD_COLUMNS["id"], 63
_COLUMN_TYPES = {
    "access": "jsonb",
    **dict.fromkeys(RECORD_TIMES, "timestamp without time zone NOT NULL"),
    **dict.fromkeys(("created_by", "updated_by"), "text"),
}
_RECORD = ", ".join(
    f"{theirs} {_COLUMN_TYPES.get(ours, 'text NOT NULL')}"
    for ours, theirs in RECORD_COLUMNS.items()
)
_RECORD += (
    f", PRIMARY KEY ({', '.join(RECORD_COLUMNS[n] for n in ('id', 'database_id', 'owner_id'))})"
)
_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
# JSON columns in which the original stores the JSON value null.
_JSON_NULL = frozenset(("provider_info", "token_response", "profile"))


def quoted(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as SQL."""
    return "'" + value.replace("'", "''") + "'"


def beginning(schema: str, tables: str, *, replaces: bool) -> str:
    """Return the statements before the rows; *tables* create the tables of every app."""
    names = ", ".join(quoted(one.name) for one in FIXED_TABLES)
    clear = (
        f"TRUNCATE {names}, _record_creation, _record_default_access, {quoted('user')} CASCADE;\n"
        if replaces
        else "DO $$ BEGIN IF EXISTS (SELECT FROM _auth) THEN RAISE EXCEPTION "
        "'the schema has users: load this into a new database, or export with --replace'; "
        "END IF; END $$;\n"
        # Delete what a new server puts there.
        "DELETE FROM _record_field_access; DELETE FROM _role;\n"
    )
    version = text(skygear.VERSION)
    return (
        "\\set ON_ERROR_STOP on\nBEGIN;\nSET LOCAL client_min_messages = warning;\n"
        "SET LOCAL standard_conforming_strings = on;\nSET LOCAL client_encoding = 'UTF8';\n"
        f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)};\n"
        f"SET LOCAL search_path = {quoted(schema)}, public;\n{tables}{clear}"
        f"INSERT INTO _version SELECT {version} WHERE NOT EXISTS (SELECT FROM _version);\n"
    )


def types(
    fields: Mapping[str, Mapping[str, Field]], key_sets: Iterable[KeySet], *, replaces: bool
) -> str:
    """Return the statements that create the tables of records, without the references."""
    lines = []
    for name, columns in fields.items():
        table = quoted(name)
        lines.append(f"CREATE TABLE IF NOT EXISTS {table} ({_RECORD}, UNIQUE ({_ID}));")
        for column, field in columns.items():
            type_name = field.column or "text"
            lines.append(
                f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {quoted(column)} {type_name};"
            )
            if field.kind == "sequence":
                sequence = quoted(_cut(f"{name}_{column}_seq"))
                lines += [
                    f"CREATE SEQUENCE IF NOT EXISTS {sequence} OWNED BY {table}.{quoted(column)};",
                    f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} SET DEFAULT "
                    f"nextval({text(sequence)});",
                ]
            if field.kind in ("reference", "asset"):
                key = _reference_name(column, field)
                lines.append(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {key};")
        if replaces:
            lines.append(f"TRUNCATE {table} CASCADE;")
    for names in key_sets:
        constraint = quoted(_cut(f"{skygear.KEY_CONSTRAINTS}{'_'.join(names)}_key"))
        listed = ", ".join(map(quoted, names))
        lines.append(f"ALTER TABLE {quoted('user')} DROP CONSTRAINT IF EXISTS {constraint};")
        lines.append(f"ALTER TABLE {quoted('user')} ADD CONSTRAINT {constraint} UNIQUE ({listed});")
    return "".join(f"{line}\n" for line in lines)


def _cut(name: str) -> str:
    return name.encode()[:_NAME_BYTES_MAX].decode(errors="ignore")


def _reference_name(column: str, field: Field) -> str:
    target = f"{ASSETS}_id" if field.kind == "asset" else f"{field.target}_{_ID}"
    return quoted(_cut(f"fk_{column}_{target}"))


def ending(fields: Mapping[str, Mapping[str, Field]], assets: Iterable[str]) -> str:
    """Return the statements after the rows: references, numbers of sequences, and the commit."""
    lines = [
        f"INSERT INTO _asset VALUES ({text(name)}, '', 0) ON CONFLICT DO NOTHING;"
        for name in sorted(assets)
    ]
    for name, columns in fields.items():
        for column, field in columns.items():
            if field.kind in ("reference", "asset"):
                target = (
                    "_asset (id)" if field.kind == "asset" else f"{quoted(field.target)} ({_ID})"
                )
                lines.append(
                    f"ALTER TABLE {quoted(name)} ADD CONSTRAINT {_reference_name(column, field)} "
                    f"FOREIGN KEY ({quoted(column)}) REFERENCES {target};"
                )
            if field.kind == "sequence":
                sequence = text(quoted(_cut(f"{name}_{column}_seq")))
                lines.append(f"SELECT setval({sequence}, {field.next_value or 1}, false);")
    return "".join(f"{line}\n" for line in (*lines, "COMMIT;"))


# --- rows ---------------------------------------------------------------------------------


def fixed_rows(table_name: str, rows: Sequence[Row]) -> str:
    """Return the statements for rows of a table that every app has."""
    parts = []
    for fixed in FIXED_TABLES:
        if fixed.table == table_name:
            own = [row for row in rows if _is_of(fixed, row)]
            parts.append(_copy(fixed.name, *_columns_and_lines(fixed, own)) if own else "")
    return "".join(parts)


def _is_of(fixed: FixedTable, row: Row) -> bool:
    is_custom = fixed.constant.get("kind") == CUSTOM_TOKEN
    return fixed.table != "principals" or (row["kind"] == CUSTOM_TOKEN) == is_custom


def _columns_and_lines(fixed: FixedTable, rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    columns = list(fixed.columns.values())
    lines = []
    for row in rows:
        values = [_value(row.get(name), name) for name in fixed.columns]
        if fixed.table == "password_history":
            values.append(_value(f"{row['user_id']} {row['logged_at']}"))
        lines.append("\t".join(values))
    return [*columns, "id"] if fixed.table == "password_history" else columns, lines


def rules(rows: Sequence[Row]) -> str:
    """Return the statements for the rules of types: who may create records, and default access."""
    creation = [
        f"{_value(row['type'])}\t{_value(role)}"
        for row in rows
        for role in (row.get("create_roles") or ())  # type: ignore[union-attr]
    ]
    access = [
        f"{_value(row['type'])}\t{_value(row['default_access'])}"
        for row in rows
        if row.get("default_access") is not None
    ]
    return _copy("_record_creation", ["record_type", "role_id"], creation) + _copy(
        "_record_default_access", ["record_type", "default_access"], access
    )


def records(record_type: str, fields: Mapping[str, Field], rows: Sequence[Row]) -> str:
    """Return the statement for records of one type."""
    columns = [*RECORD_COLUMNS.values(), *fields]
    lines = []
    for row in rows:
        data = row["data"]
        assert isinstance(data, dict)
        values = [_value(row.get(name) or None, name) for name in ("created_by", "updated_by")]
        own = dict(zip(("created_by", "updated_by"), values, strict=True))
        line = [own.get(name) or _value(row.get(name)) for name in RECORD_COLUMNS]
        line += [_field_value(field, data.get(name)) for name, field in fields.items()]
        lines.append("\t".join(line))
    return _copy(record_type, columns, lines)


def _copy(table: str, columns: Sequence[str], lines: Sequence[str]) -> str:
    if not lines:
        return ""
    listed = ", ".join(map(quoted, columns))
    rows = "".join(f"{line}\n" for line in lines)
    return f"COPY {quoted(table)} ({listed}) FROM stdin;\n{rows}\\.\n"


def _value(value: JsonValue, name: str = "") -> str:
    if value is None:
        return "null" if name in _JSON_NULL else "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, str):
        return value.translate(_ESCAPED)
    return json_text.write_stored(value).translate(_ESCAPED)


def _field_value(field: Field, value: JsonValue) -> str:
    if value is None:
        return "\\N"
    match field.kind:
        case "json" | "acl":
            return json_text.write_stored(value).translate(_ESCAPED)
        case "location" if isinstance(value, list):
            return f"POINT({_position(value)})"
        case "geometry" if isinstance(value, dict):
            return _shape(value)
    return _value(value)


def _position(position: Sequence[JsonValue]) -> str:
    return " ".join(json_text.write_stored(number) for number in position)


def _shape(shape: Row) -> str:
    """Return a geometry of GeoJSON as text that every version of PostGIS reads."""
    name = str(shape["type"]).upper()
    if name == "GEOMETRYCOLLECTION":
        inner = shape.get("geometries")
        parts = [_shape(one) for one in inner if isinstance(one, dict)]  # type: ignore[union-attr]
        return f"{name}({','.join(parts)})" if parts else f"{name} EMPTY"
    places = shape.get("coordinates")
    if not isinstance(places, list) or not places:
        return f"{name} EMPTY"
    return f"{name}{_places(places) if isinstance(places[0], list) else f'({_position(places)})'}"


def _places(places: Sequence[JsonValue]) -> str:
    """Return positions, or lists of them, in brackets."""
    parts = []
    for one in places:
        assert isinstance(one, list)
        is_position = bool(one) and not isinstance(one[0], list)
        parts.append(_position(one) if is_position else _places(one))
    return f"({','.join(parts)})"
