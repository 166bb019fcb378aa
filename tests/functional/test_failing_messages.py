"""What happens to a message that cannot be handled: it is put aside, comes again, or is given up; never lost or in the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from numberdesk.domain.statuses import OrderState
from tests.support.builders import body

if TYPE_CHECKING:
    import pytest

    from tests.support.aws import World


def test_bad_messages_do_not_hold_up_good_ones(world: World) -> None:
    world.send("no JSON")
    world.send(body("order-2", {"keywords": ["CAKE"]}))
    world.send(body())
    event, _ = world.batch("OrderQueue")
    assert len(event["Records"]) == 3
    assert world.function("place_order")(event) == {"batchItemFailures": []}
    assert (world.order().state, world.bought()) == (OrderState.PENDING, 1)
    assert len(world.dead_letters()) == 2


def test_message_whose_refusal_could_not_be_put_aside_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost where the dead-letter queue cannot be reached; and it is announced once."""
    placer = world.function("place_order").module.placer

    def fail(*_args: object, **_kwargs: object) -> None:
        raise ConnectionError

    world.send("no JSON")
    with monkeypatch.context() as patched:
        patched.setattr(type(placer.dead_letters), "refuse", fail)
        world.settle()
    assert len(world.peek_raw("OrderQueue")) == 1
    world.pass_time(1081)
    assert world.peek_raw("OrderQueue") == []
    assert len(world.dead_letters()) == 1
    assert [kind for kind, _ in world.events()] == ["OrderRefused"]


def test_message_that_breaks_the_desk_ends_in_the_dead_letter_queue(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    placer = world.function("place_order").module.placer

    def break_down(*args: object) -> None:
        raise TypeError(repr(args))

    monkeypatch.setattr(type(placer), "_receive", break_down)
    world.send(body(metadata={"for": "Erika Mustermann"}))
    for _ in range(6):
        world.pass_time(1081)
    [(put_aside, attributes)] = world.dead_letters()
    assert json.loads(put_aside)["order_id"] == "order-1"
    assert attributes["reason"].startswith("failed 5 times, last with TypeError at ")
    assert "Mustermann" not in attributes["reason"]
    lines = [json.loads(line) for line in world.output.getvalue().splitlines() if "message failed" in line]
    assert [line["error"] for line in lines] == ["TypeError"] * 5
    assert any("handle" in frame for frame in lines[0]["trace"])
    assert "Mustermann" not in world.output.getvalue()
