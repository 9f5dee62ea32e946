"""The admin API's operations on stubs, recorded calls and mails, in `skylogin dev` only."""

from dataclasses import asdict

from skylogin.admin.request import AdminRequest, Json, time_text
from skylogin.apps.calls import RecordedCall, Wanted
from skylogin.apps.stubs import AddedStub, action_name
from skylogin.operations import stubs

WAIT_SECONDS = 5


async def list_stubs(request: AdminRequest) -> Json:
    return {"stubs": [_stub_body(one) for one in request.opened_app.stubs.all()]}


async def add_stub(request: AdminRequest) -> Json:
    stub = stubs.read_stub(request.body)
    return _stub_body(await stubs.add_stub(request.operator, request.opened_app, stub))


async def remove_stub(request: AdminRequest) -> None:
    stub_id = request.parameters["stub_id"]
    await stubs.remove_stub(request.operator, request.opened_app, stub_id)


async def remove_stubs(request: AdminRequest) -> None:
    await stubs.remove_stubs(request.operator, request.opened_app)


def _stub_body(one: AddedStub) -> Json:
    stub = one.stub
    body: Json = {
        "id": one.id,
        "action": stub.action,
        "arguments": stub.arguments,
        "times": stub.times,
        "used": one.used,
        "delay": stub.delay,
        "key_required": stub.key_required,
        "user_required": stub.user_required,
    }
    if stub.error is None:
        return {**body, "result": stub.result}
    return {**body, "error": stub.error, "message": stub.message, "info": stub.info}


async def list_calls(request: AdminRequest) -> Json:
    given = request.parameters
    action = action_name(given["action"]) if given["action"] else "*"
    found = request.opened_app.calls.find(action, given["after"] or "")
    return {"calls": [_call_body(one) for one in found]}


async def wait_for_call(request: AdminRequest) -> Json:
    body = request.body
    action, seconds = action_name(body["action"]), body.get("timeout", WAIT_SECONDS)
    wanted = Wanted(action, body.get("arguments"), body.get("after", ""))
    app = request.opened_app
    found, explanation = await stubs.wait_for_call(request.operator, app, wanted, seconds)
    return {"call": _call_body(found) if found else None, "explanation": explanation}


async def forget_calls(request: AdminRequest) -> None:
    await stubs.forget_calls(request.operator, request.opened_app)


def _call_body(one: RecordedCall) -> Json:
    return {
        "id": one.id,
        "at": time_text(one.at),
        "action": one.action,
        "arguments": one.arguments,
        "left_out": one.left_out,
        "key": one.key,
        "user_id": one.user_id,
        "status": one.status,
        "error": one.error,
        "reason": one.reason,
        "explanation": one.explanation,
        "stub_id": one.stub_id or None,
    }


async def list_mails(request: AdminRequest) -> Json:
    mails = request.opened_app.outbox.all()
    return {
        "mails": [
            {**asdict(one), "at": time_text(one.at), "expires_at": time_text(one.expires_at)}
            for one in mails
        ]
    }


async def delete_mails(request: AdminRequest) -> None:
    await stubs.delete_mails(request.operator, request.opened_app)
