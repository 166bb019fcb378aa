"""Who sent a message first, and how long its chain is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from numberdesk.messaging.sqs import MAX_HOPS, SqsQueue, SqsRefusals, first_sender, leave, role_id, take_in_hand

API, PLACER, STRANGER = "AROAAPI", "AROAPLACER", "AROASTRANGER"
VOUCHING = frozenset({API, PLACER})


class Client:
    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **request: Any) -> None:
        self.sent.append(request)

    def attribute(self, name: str) -> str | None:
        found: dict[str, Any] = self.sent[-1]["MessageAttributes"].get(name, {})
        return found.get("StringValue")


@pytest.mark.parametrize(
    ("sender", "claimed", "first"),
    [
        (f"{STRANGER}:any", None, STRANGER),
        (f"{STRANGER}:any", API, STRANGER),
        (f"{STRANGER}:{API}", None, STRANGER),
        (f"{STRANGER}:{API}", API, STRANGER),
        (f"{API}:any", STRANGER, STRANGER),
        (f"{API}:any", f"{STRANGER}:any", STRANGER),
        (f"{API}:any", None, API),
        (f"{API}:any", "", API),
        (f"{PLACER}:any", API, API),
        ("AIDAUSER", API, "AIDAUSER"),
    ],
)
def test_only_numberdesks_own_roles_vouch_for_another_sender(sender: str, claimed: str | None, first: str) -> None:
    assert first_sender(sender, claimed, VOUCHING) == first
    assert role_id(sender) == sender.split(":", maxsplit=1)[0]


def in_hand(hops: str | None, receives: int = 1) -> Any:
    attributes: dict[str, Any] = {"hops": {"stringValue": hops}} if hops is not None else {}
    return take_in_hand(attributes, STRANGER, VOUCHING, receives)


@pytest.mark.parametrize(
    ("hops", "read"), [(None, 0), ("0", 0), ("7", 7), ("-1", 0), ("x", 0), ("\u0667", 0), ("99999", 999)]
)
def test_message_sent_meanwhile_is_one_hop_further(hops: str | None, read: int) -> None:
    client: Any = Client()
    hand, token = in_hand(hops)
    assert hand.hops == read
    SqsQueue(client, "url").send({"wake": {}})
    leave(token)
    assert client.attribute("hops") == str(read + 1)
    SqsQueue(client, "url").send({"wake": {}})
    assert client.attribute("hops") is None, "the next chain begins"


@pytest.mark.parametrize(("hops", "is_sent"), [(MAX_HOPS - 1, True), (MAX_HOPS, False), (MAX_HOPS + 1, False)])
def test_chain_ends_only_with_messages_that_may_be_dropped(hops: int, *, is_sent: bool) -> None:
    client: Any = Client()
    _, token = in_hand(str(hops))
    assert SqsQueue(client, "url").send({"wake": {}}, may_drop=True) is is_sent
    assert len(client.sent) == is_sent
    assert SqsQueue(client, "url").send({"bought": {}})
    leave(token)


@pytest.mark.parametrize(("receives", "redelivered"), [(1, False), (2, True)])
def test_message_that_comes_again_was_in_hand_before(receives: int, *, redelivered: bool) -> None:
    hand, token = in_hand(None, receives)
    leave(token)
    assert hand.redelivered is redelivered


def test_refused_message_keeps_its_first_sender() -> None:
    client: Any = Client()
    attributes: dict[str, Any] = {"submitted_by": {"stringValue": "ada"}, "sender": {"stringValue": API}}
    _, token = take_in_hand(attributes, f"{STRANGER}:x", VOUCHING)
    SqsRefusals(client, "url").refuse("body", reason="why", order_id=None, correlation_id="c-1")
    leave(token)
    assert (client.attribute("sender"), client.attribute("submitted_by")) == (STRANGER, "ada")
    assert client.sent[-1]["MessageBody"] == "body"


def test_batch_says_of_each_message_whether_it_was_sent() -> None:
    asked: list[dict[str, Any]] = []

    class Batches:
        def send_message_batch(self, **request: Any) -> dict[str, Any]:
            asked.extend(request["Entries"])
            return {"Successful": [{"Id": "2"}, {"Id": "0"}], "Failed": [{"Id": "1"}]}

    client: Any = Batches()
    messages: list[tuple[dict[str, object], timedelta]] = [
        ({"wake": {}}, timedelta(seconds=seconds)) for seconds in (0, 1.5, 5000)
    ]
    assert SqsQueue(client, "url").send_all(messages) == [True, False, True]
    assert [entry["DelaySeconds"] for entry in asked] == [0, 2, 900]
