"""The messages of websockets: reading what clients send, writing what they receive. Pure.

An invalid message ends its connection. The texts are the original's
(pkg/server/pubsub/ws.go), with its spelling of `UNKNOWN_ACTION`.
"""

from typing import NamedTuple

from skylogin.encoding import json_text, raw_json
from skylogin.encoding.go_format import fold_name

UNKNOWN_ACTION = b"Unknow action"
_ENDING = "Closing Connection"
_TEXT_MEMBERS = ("action", "channel")


class Message(NamedTuple):
    """A message of a client. Other actions than `sub`, `unsub` and `pub` are unknown.

    *frame* is what `pub` sends to all subscribers of *channel*.
    """

    action: str
    channel: str
    frame: bytes = b""


class FatalMessageError(ValueError):
    """A message that ends the connection; *answer* is the last text its client receives."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.answer = f"Error: {text}{_ENDING}".encode()


def read(data: bytes) -> Message:
    """Return the message in *data*. Raises FatalMessageError."""
    members = _read_members(data)
    action, channel = members.get("action", ""), members.get("channel", "")
    if not channel:
        raise FatalMessageError("channel should not be empty. ")
    if action != "pub":
        return Message(action, channel)
    if "data" not in members:
        raise FatalMessageError("missing data to publish. ")
    return Message(action, channel, frame(channel, members["data"]))


def frame(channel: str, data: str) -> bytes:
    """Return what subscribers of *channel* receive; *data* is JSON, passed on as it was written."""
    name = json_text.write(channel)
    return b'{"channel":' + name + b',"data":' + raw_json.write(data) + b"}"


def _read_members(data: bytes) -> dict[str, str]:
    """Return `action`, `channel` and the JSON of `data`, without those that are null."""
    try:
        value = raw_json.read_members(json_text.decode(data))
    except json_text.NotJsonError as error:
        raise FatalMessageError(f"the message is not JSON: {error} \n") from error
    if value is None:
        # The original treats null as an empty object.
        return {}
    if not isinstance(value, list) or not all(isinstance(item, tuple) for item in value):
        raise _wrong_type(value, "Go value of type pubsub.wsPayload")
    found: dict[str, str] = {}
    for name, member, written in value:
        # As in the original, names match in any case, and the last one counts.
        _take(found, fold_name(name), member, written)
    return found


def _take(found: dict[str, str], name: str, member: object, written: str) -> None:
    if name == "data":
        found.pop(name, None)
        if member is not None:
            found[name] = written
    elif name in _TEXT_MEMBERS and member is not None:
        if not isinstance(member, str):
            raise _wrong_type(member, f"Go struct field wsPayload.{name} of type string")
        found[name] = member


def _wrong_type(value: object, wanted: str) -> FatalMessageError:
    kind = _KINDS[type(value)]
    return FatalMessageError(f"json: cannot unmarshal {kind} into {wanted} \n")


_KINDS = {str: "string", bool: "bool", int: "number", list: "array", dict: "object"}
