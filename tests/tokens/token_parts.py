"""Names, values, members and bytes for tokens, right and wrong."""

NAMES = ("sub", "iat", "exp", "nbf", "aud", "iss", "jti", "profile", "skyprofile", "nick", "-")
# fmt: off
NUMBERS = (
    "0", "-0", "-1", "1", "1.0", "1e3", "1E400", "-1e400", "1e-400", "-0.0", "1e+2",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "9" * 400,
)
VALUES = (
    "null", "true", "false", '""', '"a"', "[]", "{}", '["a",[{"b":null}]]', '"\\ud800"',
    '"\\udc00\\ud800"', '"\\u0000"', '"\\ud83d\\ude00"', '"\\/\\b\\f\\n\\r\\t\\""', '"\x7f"',
    '"\ufeff"', '"\\uD83D"', '{"":""}',
)
NOT_VALUES = (
    "nul", "Null", "", "[1,]", "[1 2]", '{"a":1,}', "{1:2}", '{"a" 1}', "'a'", '"\\x41"',
    '"\\u12"', '"\n"', '"a', "\ufeff1", "1//", "/*x*/1", "[", "}", "\x0b1", "1\u00a0", "00", "01",
    "+1", "1.", ".5", "0x10", "1_000", "\u0661", "NaN", "Infinity", "-Infinity", "-", "1e", "--1",
)
TYPED = (
    '"$type":"date"', '"$type":"geo"', '"$type":"geojson"', '"$type":"ref"', '"$type":"asset"',
    '"$type":"keypath"', '"$type":"seq"', '"$type":"unknown"', '"$type":"relation"',
    '"$type":"record"', '"$type":"blob"', '"$type":"x"', '"$type":1', '"$type":null', '"$type":[]',
    '"$type":""', '"$date":"2020-02-30T00:00:00Z"', '"$date":""',
    '"$date":"2020-02-29T1:00:00.1234567899+24:60"', '"$date":"9999-12-31T23:59:59.9999999Z"',
    '"$date":5', '"$date":"0001-01-01T00:00:00+00:01"', '"$date":"2020-01-01T00:00:00z"',
    '"$date":"2020-01-01T00:00:60Z"', '"$lng":1', '"$lng":"1"', '"$lat":-1e308', '"$lat":true',
    '"$val":{"type":"Point"}', '"$val":[]', '"$val":"k"', '"$val":{"$type":"x","a":"\\u0000"}',
    '"$id":"user/1"', '"$id":"user"', '"$id":1', '"$id":"\\u0000"', '"$name":"n"', '"$name":""',
    '"$name":2', '"$name":"\\u0000/"', '"$content_type":1', '"$content_type":"\\u0000"',
    '"$direction":"d"', '"$direction":""', '"$record":{}', '"$record":1',
    '"$underlying_type":"\\u0000"',
)
ALGORITHMS = (
    '"HS256"', '"HS384"', '"HS512"', '"HS256"', '"HS384"', '"none"', '"None"', '"hs256"',
    '"RS256"', '"ES256"', '"PS512"', '"HS256 "', '""', "null", "1", '["HS256"]',
    '"HS\\u0032\\u0035\\u0036"', '"\uff28S256"',
)
PROTECTED = (
    '"typ":"JWT"', '"typ":1', '"kid":"second"', '"kid":1e999', '"crit":["x"]', '"b64":false',
    '"ALG":"none"',
)
# fmt: on
SUBJECTS = ("a", "é", "\U0001f600", "e\u0301", "\u212a", "\ufffd", "\\ud83d\\ude00", "\\udc00")
NOISE = (b"\0", b"\n", b" ", b'"', b"\\", b",", b"}", b"{", b"\xff", b"\xc3", b"\xed\xa0\x80")
BLANKS = ("", "", "", " ", "\t", "\r\n")
