"""Recording the calls of `skylogin dev` for tests, without secrets."""

from contextlib import suppress

from skylogin.actions import stubbed
from skylogin.actions.call import Call, secrets_of
from skylogin.actions.dispatch import Answer, dispatch
from skylogin.actions.services import Services
from skylogin.actions.stubbed import arguments_of
from skylogin.actions.table import ACTIONS
from skylogin.apps.calls import RecordedCall
from skylogin.config import DEV
from skylogin.domain import redaction
from skylogin.domain.stored_names import LAST_LOGIN_AT
from skylogin.encoding import json_text
from skylogin.errors import SkygearError

ARGUMENTS_BYTES_MAX = 16_384
NAME_CHARACTERS_MAX = 200


async def dispatch_recorded(call: Call, services: Services) -> Answer:
    """Carry out *call* and return its answer; under `skylogin dev`, record both."""
    if services.settings.mode != DEV:
        return await dispatch(call, services)
    recorded = await _record_of(call, services)
    call.app.calls.add(recorded)
    try:
        answered = await dispatch(call, services)
        if services.settings.verify_required and call.action.logged:
            await _verify_new_user(call, services, answered.body.get("result"))
        recorded.status = answered.status
        if answered.refusal is not None:
            recorded.error = answered.refusal.kind.name
            recorded.reason = answered.refusal.reason or ""
            recorded.explanation = answered.refusal.explanation
        return answered
    finally:
        recorded.key, recorded.user_id = call.access_key.value, call.user_id
        recorded.stub_id = call.stub_id
        call.app.calls.end()


async def _verify_new_user(call: Call, services: Services, result: object) -> None:
    # Only the answer to a first login lacks the time of the previous one. That login is committed,
    # so an error here must not refuse it.
    if isinstance(result, dict) and LAST_LOGIN_AT not in result:
        with suppress(SkygearError):
            await stubbed.verify_new_user(call, services, result["user_id"])


def _shown(name: str, secrets: set[str]) -> str:
    # Cut last, because half of a secret would not be recognized.
    return redaction.text(name, secrets)[:NAME_CHARACTERS_MAX]


async def _record_of(call: Call, services: Services) -> RecordedCall:
    name, secrets = call.action.name, await secrets_of(call)
    arguments = arguments_of(name, call.payload)
    text = json_text.write_stored(arguments)
    size, left_out = len(text.encode()), ""
    if size > ARGUMENTS_BYTES_MAX:
        left_out = f"they have {size:,} bytes, more than {ARGUMENTS_BYTES_MAX:,}"
    return RecordedCall(
        id=call.app.calls.new_id(),
        at=call.now,
        action=name if name in ACTIONS else _shown(name, secrets),
        written="null" if left_out else text,
        secrets=secrets,
        left_out=left_out,
    )
