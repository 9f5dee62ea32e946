"""Which scenarios are played: the action of a request is the one the original would run."""

from dataclasses import replace

import pytest

from tests.golden.answers import scenario_of
from tests.golden.choosing import action_of, is_offered
from tests.golden.scenarios import Request, load_scenarios

# Fewer would mean that the choice went wrong; more is welcome.
OFFERED_MIN = 327

ACTIONS = {
    "the body": (Request(json={"action": "me"}), "me"),
    "the path": (Request(path="/sso/custom_token/login"), "sso:custom_token:login"),
    "a path with colons": (Request(path="/sso:custom_token:login"), "sso:custom_token:login"),
    "an encoded path": (Request(path="/sso%2Fcustom_token%3Alogin"), "sso:custom_token:login"),
    "the path wins": (Request(path="/me", json={"action": "auth:logout"}), "me"),
    "an unknown path": (Request(path="/no/such", json={"action": "me"}), "me"),
    "a slash too many": (Request(path="/me/", json={}), ""),
    "another spelling": (Request(path="/ME", json={}), ""),
    "a query": (Request(path="/?action=me"), ""),
    "no text": (Request(json={"action": 5}), ""),
    "no object": (Request(json=["me"]), ""),
    "a written body": (Request(body=' {"action": "me"} {}'), "me"),
    "no JSON": (Request(body="action=me"), ""),
    "nothing": (Request(method="GET"), ""),
}


@pytest.mark.parametrize(("request_", "action"), ACTIONS.values(), ids=ACTIONS)
def test_the_action_of_a_request(request_: Request, action: str) -> None:
    """The path goes first, then the body; else it is the home action."""
    assert action_of(replace(request_, has_json=request_.body is None)) == action


CHOSEN = {
    "offered": ({"json": {"action": "me"}}, True),
    "unknown to the original": ({"json": {"action": "no:such"}}, True),
    "not offered": ({"json": {"action": "push:user"}}, False),
    "a family not offered": ({"path": "/subscription/save"}, False),
    "asked about": ({"method": "OPTIONS", "path": "/push/user"}, True),
    "a socket": ({"method": "GET", "path": "/pubsub"}, False),
    "a file": ({"path": "/files/x"}, False),
}


@pytest.mark.parametrize(("request_", "chosen"), CHOSEN.values(), ids=CHOSEN)
def test_a_scenario_is_played_when_all_is_offered(request_, chosen):
    """One request that is out of reach leaves a scenario out."""
    assert is_offered(scenario_of({}, request=request_)) is chosen


def test_cleaning_up_has_to_be_offered_too():
    """A scenario that cannot be cleaned up would disturb the next."""
    scenario = scenario_of({})
    push = Request(json={"action": "push:user"}, has_json=True)

    assert is_offered(scenario)
    assert not is_offered(replace(scenario, cleanup=(push,)))


def test_scenarios_are_chosen():
    """The choice does not get smaller by mistake."""
    assert sum(map(is_offered, load_scenarios())) >= OFFERED_MIN
