"""The admin API's operations on custom tokens."""

from datetime import timedelta

from skylogin.admin.request import AdminRequest, Json
from skylogin.operations import tokens
from skylogin.operations.tokens import TokenOrder


async def mint_token(request: AdminRequest) -> Json:
    body = request.body
    claims = {"sub": body["sub"], **body.get("claims", {})}
    if "skyprofile" in body:
        claims["skyprofile"] = body["skyprofile"]
    lifetime = timedelta(seconds=body.get("expires_in", 3600))
    order = TokenOrder(claims, lifetime, body.get("algorithm", "HS256"), body.get("bad", ""))
    return {"token": await tokens.mint(request.operator, request.app, order)}


async def explain_token(request: AdminRequest) -> Json:
    """Explain how a login with a custom token would end."""
    verdict = await tokens.explain(request.operator, request.app, request.body["token"])
    return verdict.as_dict()
