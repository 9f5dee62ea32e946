"""The keys under which the aiohttp application stores shared objects."""

from aiohttp import web

from skylogin.actions.services import Services
from skylogin.http.bodies import Bodies
from skylogin.pubsub.websocket import PubSub

SERVICES = web.AppKey("services", Services)
BODIES = web.AppKey("bodies", Bodies)
PUBSUB = web.AppKey("pubsub", PubSub)
