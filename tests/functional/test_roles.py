"""The functions run on moto with their roles: a missing permission fails every test that needs it, not only a deployed run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import roles
from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World


@pytest.mark.parametrize(
    ("function", "action"),
    [
        ("place_order", "dynamodb:ConditionCheckItem"),
        ("place_order", "secretsmanager:GetSecretValue"),
        ("sync_order", "dynamodb:BatchWriteItem"),
        ("wake_orders", "dynamodb:Query"),
        ("wake_orders", "sqs:SendMessage"),
        ("publish_changes", "events:PutEvents"),
    ],
)
def test_action_outside_the_role_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, function: str, action: str
) -> None:
    granted = roles.allowed(function)
    assert action in {its_action for its_action, _ in granted}
    less = frozenset(each for each in granted if each[0] != action)
    of_others = roles.allowed
    monkeypatch.setattr(roles, "allowed", lambda name: less if name == function else of_others(name))
    world.telnyx.webhooks(off=True)
    with pytest.raises(pytest.fail.Exception, match=f"the role of {function} does not allow {action} on arn:aws:"):
        order_until_it_is_there(world)


def test_roles_allow_everything_needed(world: World) -> None:
    order_until_it_is_there(world)
    assert world.order().ended


def order_until_it_is_there(world: World) -> None:
    world.send(body())
    world.deliver("place_order")
    world.publish()
    # The wake was lost: the sweep makes up for it.
    world.clear("SyncQueue")
    world.pass_time(301, sweep=True)
    world.pass_time(60, steps=3, sweep=True)
