"""The API on moto: orders are submitted, worked on and read through it.

`World.api` checks every response against the API's document.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import TOKEN
from tests.support.builders import body

if TYPE_CHECKING:
    from tests.support.aws import World

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
BELGIAN = {"criteria": {"country": "BE", "number_type": "mobile"}, "quantity": 1}
CONTACT = {"email": "desk@example.com", "contact_name": "Desk", "use_case": "two-factor"}
PROFILE = "/profiles/telnyx/default/DE/local"
TEXT = {"kind": "text", "text": "Example GmbH"}
ADDRESS = {
    "kind": "address",
    "address": {
        "business_name": "Example GmbH",
        "street_address": "Unter den Linden 1",
        "locality": "Berlin",
        "postal_code": "10117",
        "country_code": "DE",
    },
}
PDF = b"%PDF-1.7 a proof of identity"
ALICE = "arn:aws:iam::123456789012:user/alice"


def fields(problem: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of a problem's issues."""
    return [(fault["field"], fault["code"]) for fault in problem["errors"]]


def kind(problem: dict[str, Any]) -> str:
    """Return the kind of a problem."""
    return str(problem["type"].removeprefix("urn:numberdesk:problem:"))


def vetted(world: World, order_id: str = "order-1", **more: Any) -> None:
    """Make a German order wait for its requirements."""
    world.telnyx.configure(vetting_seconds=1)
    world.send(body(order_id, GERMAN, **more))
    world.pass_time(3)


def uploaded(world: World, path: str, content: bytes = PDF, content_type: str = "application/pdf") -> str:
    """Upload a file for an order or a profile."""
    extension = content_type.partition("/")[2]
    status, made = world.api("POST", path, {"filename": f"proof.{extension}", "content_type": content_type})
    assert (status, made["max_bytes"]) == (201, 10 * 1024 * 1024)
    if content:
        world.upload(made["upload"], content)
    return str(made["file_id"])


def test_order_is_submitted_and_read(world: World) -> None:
    status, submitted = world.api("POST", "/orders", body())
    assert (status, submitted) == (202, {"order_id": "order-1", "state": "received"})
    world.pass_time(3)
    status, order = world.api("GET", "/orders/order-1")
    assert (status, order["state"], len(order["assets"])) == (200, "completed", 2)
    assert world.api("POST", "/orders", body()) == (200, order)
    status, problem = world.api("POST", "/orders", body(metadata={"other": True}))
    assert (status, kind(problem)) == (409, "order-id-reused")
    assert world.bought() == 1


def test_every_issue_of_an_order_is_listed_and_no_value_is_repeated(world: World) -> None:
    faulty = body("order 1", {"numbers": ["0301234567"]}, GERMAN, provider="Erika", colour="Mustermann")
    status, problem = world.api("POST", "/orders", faulty)
    assert (status, kind(problem)) == (400, "invalid")
    assert fields(problem) == [
        ("order_id", "string_pattern_mismatch"),
        ("provider", "unknown_provider"),
        ("items.0.numbers.0", "not_e164"),
        ("colour", "unknown_field"),
    ]
    value = {"requirement": "x", "value": {"kind": "Erika Mustermann", "text": "Erika Mustermann"}}
    answered = world.api("POST", "/orders", body("order-1", GERMAN, answers=[value]))[1]
    assert fields(answered) == [("answers.0.value.kind", "unknown_kind")]
    assert "Erika" not in repr(problem) + repr(answered) + world.output.getvalue()
    assert "Mustermann" not in repr(problem) + repr(answered) + world.output.getvalue()
    assert world.peek("OrderQueue") == []


def test_order_is_on_every_list_whose_condition_holds(world: World) -> None:
    vetted(world, metadata={"team": 7})
    for query in (
        {"state": "action_required"},
        {"provider": "telnyx", "month": "2026-11"},
        {"country": "DE"},
        {"open": "true"},
        {"attention": "true"},
        {"deadline_before": "2027-01-01T00:00:00+01:00"},
    ):
        status, found = world.api("GET", "/orders", **query)
        assert (status, [order["order_id"] for order in found["items"]]) == (200, ["order-1"]), query
    for query in (
        {"state": "completed"},
        {"provider": "telnyx", "month": "2026-10"},
        {"deadline_before": "2026-11-22T09:00:00Z"},
    ):
        assert world.api("GET", "/orders", **query) == (200, {"items": [], "next": None, "unreadable": []}), query
    # This stack lists orders by no metadata key.
    assert fields(world.api("GET", "/orders", metadata="7")[1]) == [("metadata", "not_listed")]


def test_invalid_list_query_is_refused(world: World) -> None:
    for query, fault in (
        ({}, ("", "one_filter")),
        ({"state": "pending", "open": "true"}, ("", "one_filter")),
        ({"open": "false"}, ("open", "only_true")),
        ({"open": "true", "month": "2026-11"}, ("month", "not_taken")),
        ({"state": "lost"}, ("state", "enum")),
        ({"open": "true", "limit": "101"}, ("limit", "less_than_equal")),
        ({"open": "true", "next": "b3JkZXI.0123456789abcdef"}, ("next", "not_a_token")),
        ({"deadline_before": "0001-01-01T00:00:00+14:00"}, ("deadline_before", "value_error")),
    ):
        status, problem = world.api("GET", "/orders", **query)
        assert (status, fields(problem)) == (400, [fault])


def test_list_continues_only_with_its_own_token(world: World) -> None:
    for number in range(3):
        world.send(body(f"order-{number}"))
    world.settle()
    seen, query = [], {"provider": "telnyx", "limit": "2"}
    _, page = world.api("GET", "/orders", **query)
    seen += page["items"]
    assert page["next"]
    # The month turns meanwhile: the list goes on as it was begun.
    world.clock.advance(30 * 86400)
    elsewhere = world.api("GET", "/orders", country="US", next=page["next"])
    assert (elsewhere[0], fields(elsewhere[1])) == (400, [("next", "not_a_token")])
    _, rest = world.api("GET", "/orders", **query, next=page["next"])
    assert rest["next"] is None
    assert sorted(order["order_id"] for order in seen + rest["items"]) == ["order-0", "order-1", "order-2"]


def test_ledger_events_and_comments_of_an_order(world: World) -> None:
    world.telnyx.reject("End User Address", "It cannot be read.")
    vetted(world)
    world.telnyx.supply("*")
    world.pass_time(60, steps=2, sweep=True)
    first = world.api("GET", "/orders/order-1/ledger", limit="2")[1]
    rest = world.api("GET", "/orders/order-1/ledger", next=first["next"])[1]
    assert [entry["kind"] for entry in first["items"] + rest["items"]] == [each.value for each in world.kinds()]
    [comment] = world.api("GET", "/orders/order-1/comments")[1]["items"]
    assert (comment["body"], comment["by_provider"], comment["read"]) == ("It cannot be read.", True, False)
    assert world.api("POST", f"/orders/order-1/comments/{comment['id']}/read")[0] == 202
    world.pass_time(60, steps=2, sweep=True)
    assert world.api("GET", "/orders/order-1/comments")[1]["items"] == [{**comment, "read": True}]
    assert world.api("GET", "/orders/order-1/webhooks")[1]["items"] == []
    for part in ("", "/ledger", "/webhooks", "/comments", "/requirements"):
        assert world.api("GET", f"/orders/nobodys{part}")[0] == 404


def test_webhook_is_shown_as_received_and_can_be_replayed(world: World) -> None:
    world.send(body())
    world.pass_time(3)
    [event] = world.api("GET", "/orders/order-1/webhooks")[1]["items"]
    assert event["document"]["data"]["id"] == event["webhook_id"]
    world.clear("SyncQueue")
    dry = world.api("POST", "/orders/order-1/replay", {"dry_run": True})[1]
    assert (dry["webhook_ids"], dry["dry_run"], world.peek("SyncQueue")) == ([event["webhook_id"]], True, [])
    named = {"webhook_ids": [event["webhook_id"]], "dry_run": False}
    assert world.api("POST", "/orders/order-1/replay", named)[0] == 200
    [message] = world.peek("SyncQueue")
    assert message["webhook"]["body"] == event["body"]
    world.settle()
    assert len(world.api("GET", "/orders/order-1/webhooks")[1]["items"]) == 1
    status, problem = world.api("POST", "/orders/order-1/replay", {"webhook_ids": ["x"], "dry_run": False})
    assert (status, kind(problem)) == (404, "not-found")


def test_webhook_without_an_order_is_found_by_its_day(world: World) -> None:
    world.telnyx.send_webhook(payload={"id": "none-of-ours"})
    world.settle()
    [event] = world.api("GET", "/unmatched-webhooks", day="2026-11-22")[1]["items"]
    assert event["reason"] == "no order of ours"
    assert world.api("GET", "/unmatched-webhooks", day="2026-11-21")[1]["items"] == []
    replay = {"day": "2026-11-22", "dry_run": False}
    assert world.api("POST", "/unmatched-webhooks/replay", replay)[1]["webhook_ids"] == [event["webhook_id"]]
    assert len(world.peek("SyncQueue")) == 1


def test_requirements_are_listed_before_buying_and_with_their_states(world: World) -> None:
    asked = world.api("GET", "/providers/telnyx/requirements", country="DE", number_type="local")[1]["items"]
    names = ["End User Address", "Identity Document", "Business Name"]
    assert [specification["name"] for specification in asked] == names
    vetted(world)
    [part] = world.api("GET", "/orders/order-1/requirements")[1]["items"]
    assert (part["about"]["country"], part["read"]) == ("DE", True)
    stands = [(each["specification"]["name"], each["requirement"]["state"]) for each in part["requirements"]]
    assert stands == [(name, "awaiting_value") for name in names]
    status, problem = world.api("GET", "/providers/telnyx/requirements", country="DE")
    assert (status, fields(problem)) == (400, [("", "one_question")])
    status, problem = world.api("GET", "/providers/callfire/requirements", country="US", number_type="local")
    assert (status, kind(problem)) == (409, "not-able")


def test_values_a_file_and_a_comment_reach_the_provider(world: World) -> None:
    vetted(world)
    file_id = uploaded(world, "/orders/order-1/files")
    values = [
        {"requirement": "Business Name", "value": TEXT},
        {"requirement": "End User Address", "value": ADDRESS},
        {"requirement": "Identity Document", "value": {"kind": "file", "file_id": file_id}},
    ]
    status, order = world.api("POST", "/orders/order-1/requirements", {"values": values})
    assert (status, [operation["kind"] for operation in order["operations"]]) == (202, ["supply"])
    assert "Unter den Linden" not in repr(order)
    world.pass_time(120, steps=4, sweep=True)
    order = world.api("GET", "/orders/order-1")[1]
    assert {each["state"] for each in order["requirements"]} == {"approved"}
    assert order["state"] == "completed"
    actors = {entry["data"].get("by") for entry in world.api("GET", "/orders/order-1/ledger")[1]["items"]}
    assert ALICE in actors
    status, problem = world.api("POST", "/orders/order-1/comments", {"text": "Thanks"})
    assert (status, kind(problem)) == (409, "order-ended")


def test_file_of_another_type_than_declared_is_refused(world: World) -> None:
    vetted(world)
    for content, content_type, status, problem in (
        (b"", "application/pdf", 409, "file-missing"),
        (b"\x89PNG\r\n\x1a\n...", "application/pdf", 422, "file-not-taken"),
        (b"MZ an executable", "image/png", 422, "file-not-taken"),
    ):
        file_id = uploaded(world, "/orders/order-1/files", content, content_type)
        values = [{"requirement": "Identity Document", "value": {"kind": "file", "file_id": file_id}}]
        answer = world.api("POST", "/orders/order-1/requirements", {"values": values})
        assert (answer[0], kind(answer[1])) == (status, problem)
        assert world.order().operations == ()


def test_file_of_another_order_is_not_found(world: World) -> None:
    vetted(world)
    vetted(world, "order-2")
    file_id = uploaded(world, "/orders/order-2/files")
    values = [{"requirement": "Identity Document", "value": {"kind": "file", "file_id": file_id}}]
    answer = world.api("POST", "/orders/order-1/requirements", {"values": values})
    assert (answer[0], kind(answer[1])) == (409, "file-missing")


def test_own_requirements_are_ticked_off(world: World) -> None:
    own = [{"id": "letter", "name": "Letter of authority"}]
    more: dict[str, Any] = {
        "provider": "telesign",
        "contact": CONTACT,
        "requirements": own,
        "deadline": "2026-12-01T08:00:00Z",
    }
    world.send(body("order-1", BELGIAN, **more))
    world.settle()
    [part] = world.api("GET", "/orders/order-1/requirements")[1]["items"]
    assert (part["own"], part["requirements"][0]["requirement"]["name"]) == (True, "Letter of authority")
    status, order = world.api(
        "POST", "/orders/order-1/requirements", {"values": [{"requirement": "letter", "value": {"kind": "done"}}]}
    )
    assert (status, order["requirements"][0]["state"]) == (200, "approved")


def test_order_is_cancelled_if_possible(world: World) -> None:
    vetted(world)
    assert world.api("POST", "/orders/order-1/cancel")[0] == 202
    world.pass_time(60, sweep=True)
    assert world.api("GET", "/orders/order-1")[1]["state"] == "cancelled"
    world.send(body("order-2", {"keywords": ["CAKE"]}, provider="callfire"))
    world.settle()
    status, problem = world.api("POST", "/orders/order-2/cancel", {})
    assert (status, kind(problem)) == (409, "cannot-cancel")


def test_acknowledgement_extension_and_sync_are_accepted(world: World) -> None:
    vetted(world)
    status, order = world.api("POST", "/orders/order-1/acknowledgements", {"until": "2026-11-24T08:00:00+01:00"})
    assert (status, order["acknowledged"]["by"]) == (200, ALICE)
    assert order["acknowledged"]["until"] == "2026-11-24T07:00:00.000000Z"
    status, order = world.api("POST", "/orders/order-1/extensions")
    assert (status, [operation["kind"] for operation in order["operations"]]) == (202, ["extension"])
    assert world.api("POST", "/orders/order-1/sync")[0] == 202
    world.pass_time(60, steps=2, sweep=True)
    [comment] = world.api("GET", "/orders/order-1/comments")[1]["items"]
    assert not comment["by_provider"]


def test_profile_is_checked_kept_and_deleted_with_its_files(world: World) -> None:
    file_id = uploaded(world, f"{PROFILE}/files")
    answers = [
        {"requirement": "Business Name", "value": TEXT},
        {"requirement": "Identity Document", "value": {"kind": "file", "file_id": file_id}},
    ]
    status, profile = world.api("PUT", PROFILE, {"answers": answers, "version": 0})
    assert (status, profile["version"], profile["updated_by"]) == (200, 1, ALICE)
    assert profile["files"][file_id]["size"] == len(PDF)
    assert world.api("GET", PROFILE) == (200, profile)
    assert world.api("GET", "/profiles", provider="telnyx")[1]["items"] == [profile]
    status, problem = world.api("PUT", PROFILE, {"answers": [], "version": 0})
    assert (status, kind(problem)) == (409, "changed-meanwhile")
    assert world.objects() == [f"profiles/{file_id}"]
    # What no profile names any more is not kept.
    assert world.api("PUT", PROFILE, {"answers": answers[:1]})[1]["version"] == 2
    assert world.objects() == []
    assert world.api("DELETE", PROFILE) == (204, None)
    assert world.api("GET", PROFILE)[0] == 404
    assert world.api("DELETE", PROFILE)[0] == 404


def test_every_issue_of_a_profile_is_listed(world: World) -> None:
    answers = [
        {"requirement": "Business Name", "value": {"kind": "date", "date": "2026-01-01"}},
        {"requirement": "Shoe Size", "value": TEXT},
        {"requirement": "Identity Document", "value": {"kind": "done"}},
    ]
    status, problem = world.api("PUT", PROFILE, {"answers": answers})
    assert (status, fields(problem)) == (
        400,
        [("answers.0.value", "wrong_kind"), ("answers.1.requirement", "not_asked"), ("answers.2.value", "not_own")],
    )
    twice = [{"requirement": name, "value": TEXT} for name in ("Business Name", "business name")]
    assert fields(world.api("PUT", PROFILE, {"answers": twice})[1]) == [("answers.1.requirement", "twice")]
    nowhere = world.api("PUT", "/profiles/telnyx/default/ZZ/local", {"answers": []})
    assert (nowhere[0], fields(nowhere[1])) == (400, [("country", "no_such_country")])
    other = uploaded(world, "/profiles/telnyx/default/NL/local/files")
    files = [{"requirement": "Identity Document", "value": {"kind": "file", "file_id": other}}]
    status, problem = world.api("PUT", PROFILE, {"answers": files})
    assert (status, fields(problem)) == (409, [("answers.0.value.file_id", "file-missing")])
    assert kind(world.api("PUT", "/profiles/callfire/default/US/local", {"answers": []})[1]) == "not-able"
    assert world.api("GET", "/profiles", provider="telnyx")[1]["items"] == []


def test_available_and_owned_numbers_are_listed(world: World) -> None:
    wanted = {"what": "numbers", "criteria": {"country": "US", "city": "Chicago"}, "limit": 3}
    status, found = world.api("POST", "/providers/telnyx/search", wanted)
    assert (status, len(found["items"]), found["items"][0]["currency"]) == (200, 3, "USD")
    words = {"what": "keywords", "keywords": ["CAKE", "TEA"]}
    assert [each["value"] for each in world.api("POST", "/providers/callfire/search", words)[1]["items"]] == [
        "CAKE",
        "TEA",
    ]
    assert kind(world.api("POST", "/providers/telnyx/search", words)[1]) == "not-able"
    mixed = world.api("POST", "/providers/callfire/search", {**words, "what": "numbers"})
    assert fields(mixed[1]) == [("keywords", "not_taken"), ("criteria", "missing")]
    world.send(body())
    world.pass_time(3)
    owned = world.api("GET", "/providers/telnyx/numbers")[1]["items"]
    assert {each["value"] for each in owned} == {asset.value for asset in world.order().assets}
    assert world.bought() == 1


def test_missing_account_is_reported(world: World) -> None:
    status, problem = world.api("GET", "/providers/telnyx/numbers", account="acme")
    assert (status, kind(problem)) == (409, "account-unusable")
    assert "numberdesk/telnyx/acme" in problem["detail"]


def test_unavailable_provider_is_reported(world: World) -> None:
    world.telnyx.fault("*", "status", None, status=502, body="bad gateway")
    status, problem = world.api("GET", "/providers/telnyx/numbers")
    assert (status, kind(problem)) == (503, "provider-unavailable")
    assert "bad gateway" not in repr(problem)


def test_webhooks_are_registered_for_this_stack_only(world: World) -> None:
    host = "https://abc.execute-api.eu-central-1.amazonaws.com/v1"
    status, made = world.api("POST", "/providers/telnyx/webhooks", {})
    assert (status, made["url"]) == (201, f"{host}/webhooks/telnyx")
    assert [each["id"] for each in world.api("GET", "/providers/telnyx/webhooks")[1]["items"]] == [made["id"]]
    assert world.api("DELETE", f"/providers/telnyx/webhooks/{made['id']}") == (204, None)
    new = {"event": "INBOUND_CALL_FINISHED", "token": TOKEN}
    status, made = world.api("POST", "/providers/callfire/webhooks", new)
    assert (status, made["url"]) == (201, f"{host}/postbacks/callfire/{{token}}")
    assert TOKEN not in repr(made)
    for wrong in ({"event": "INBOUND_CALL_FINISHED"}, {**new, "token": "a-token-nobody-knows"}):
        status, problem = world.api("POST", "/providers/callfire/webhooks", wrong)
        assert (status, fields(problem)) == (400, [("token", "not_known")])
    assert kind(world.api("POST", "/providers/telesign/webhooks", {})[1]) == "not-able"


def test_dead_letters_are_read_and_redriven(world: World) -> None:
    world.send({"order_id": "order-1", "provider": "telnyx"})
    world.send(body("order-2"), queue="OrderDeadLetterQueue", correlation_id="c-2")
    world.settle()
    assert world.api("GET", "/dead-letters") == (200, {"orders": 2, "sync": 0})
    for _ in range(2):  # polling changes nothing
        world.clock.advance(1)  # what was put back is seen again from the next instant on
        letters = {each["order_id"]: each for each in world.api("GET", "/dead-letters/orders")[1]["items"]}
        assert letters.keys() == {"order-1", None}
    assert letters["order-1"]["reason"] == "items: Field required"
    wanted = {"message_ids": [letters[None]["message_id"], "x"]}
    world.clock.advance(1)
    dry = world.api("POST", "/dead-letters/orders/redrive", {**wanted, "dry_run": True})[1]
    world.clock.advance(1)
    assert ([each["message_id"] for each in dry["items"]], dry["not_found"]) == (wanted["message_ids"][:1], ["x"])
    assert world.peek("OrderQueue") == []
    done = world.api("POST", "/dead-letters/orders/redrive", {**wanted, "dry_run": False})[1]
    assert done == {**dry, "dry_run": False}
    world.settle()
    assert (world.order("order-2").correlation_id, world.bought()) == ("c-2", 1)
    assert world.api("GET", "/dead-letters")[1]["orders"] == 1
    # The faulty one comes back, whatever is done with it.
    assert world.api("POST", "/dead-letters/orders/redrive", {"dry_run": False})[1]["more"] is False
    world.settle()
    assert world.api("GET", "/dead-letters")[1]["orders"] == 1


def test_invalid_paths_and_bodies_are_refused(world: World) -> None:
    for method, path, status, problem in (
        ("GET", "/nothing", 404, "no-such-path"),
        ("GET", '/orders/a"b', 404, "no-such-path"),
        ("PATCH", "/orders", 405, "method-not-allowed"),
        ("GET", "/orders/" + "x" * 65, 400, "invalid"),
        ("GET", "/dead-letters/others", 400, "invalid"),
    ):
        answer = world.api(method, path)
        assert (answer[0], kind(answer[1])) == (status, problem), path
    for sent in (b"{", b"\xff\xfe", b'{"a": ' * 5000, b"[1]", b"null", b'"text"'):
        answer = world.api("POST", "/orders", sent)
        assert (answer[0], kind(answer[1])) == (400, "invalid"), sent[:10]


def test_what_is_not_known_is_answered_with_the_nearest_that_is(world: World) -> None:
    for method, path, sent, field, said in (
        ("POST", "/orders", {**body(), "itms": []}, "itms", "unknown field; did you mean items?"),
        ("POST", "/orders/a/cancel", {"sub_order": "x"}, "sub_order", "unknown field; did you mean sub_order_id?"),
        ("POST", "/orders/a/replay", {"dry_run": True, "webhooks_ids": []}, "webhooks_ids", "unknown field; did you mean webhook_ids?"),
        ("POST", "/providers/telnyx/search", {"what": "number"}, "what", "Input should be 'numbers', 'keywords' or 'regions'; did you mean numbers?"),
    ):  # fmt: skip
        status, problem = world.api(method, path, sent)
        assert (status, kind(problem)) == (400, "invalid")
        assert said in [each["message"] for each in problem["errors"] if each["field"] == field]
    assert world.api("GET", "/ordrs/a")[1]["detail"] == "did you mean GET /orders/{order_id}?"
    assert world.api("DELETE", "/orders")[1]["detail"] == "this path takes GET, POST"
    assert world.peek("OrderQueue") == []


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ({"state": "pendin"}, [("state", "; did you mean pending?")]),
        ({"open": "true", "stat": "pending"}, [("stat", "unknown query parameter; did you mean state?")]),
        ({"open": "perhaps", "Limit": "7"}, [("open", ""), ("?", "; did you mean limit?")]),
        ({"open": "true", "x\n" * 900: "<b>", "next_": "x"}, [("?", "; remove it"), ("next_", "; did you mean next?")]),
        ({"open": "true", "X-Amz-Signature": "0" * 64}, []),
    ],
)
def test_an_unknown_query_parameter_is_refused(
    world: World, query: dict[str, str], errors: list[tuple[str, str]]
) -> None:
    status, answer = world.api("GET", "/orders", **query)
    assert status == (400 if errors else 200)
    found = answer.get("errors", [])
    assert [each["field"] for each in found] == [field for field, _ in errors]
    assert all(each["message"].endswith(said) for each, (_, said) in zip(found, errors, strict=True))


def test_request_without_a_principal_is_refused(world: World) -> None:
    status, problem = world.api("GET", "/orders", principal=None, open="true")
    assert (status, kind(problem)) == (403, "not-authenticated")


def test_unexpected_error_is_reported_without_its_text(world: World) -> None:
    world.function("orders_api")
    name = world.stack.outputs["TableName"]
    world.dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    world.dynamodb.delete_table(TableName=name)
    status, problem = world.api("GET", "/orders/order-1")
    assert (status, kind(problem)) == (500, "internal-error")
    assert name not in repr(problem)
    assert "ResourceNotFoundException" not in repr(problem)
    assert '"aws":"ResourceNotFoundException: Query"' in world.output.getvalue()


@pytest.mark.parametrize(
    ("sender", "api", "believed"),
    [
        ("AROAORDERSAPIROLE:{stack}-orders_api", "AROAORDERSAPIROLE", True),
        # Whoever assumes a role names the session.
        ("AROAEXAMPLE:{stack}-orders_api", "AROAORDERSAPIROLE", False),
        ("AROAPLACEORDERROLE:{stack}-orders_api", "AROAORDERSAPIROLE", False),
        ("AIDAEXAMPLE", "AROAORDERSAPIROLE", False),
        # The emulator's word for everybody.
        ("123456789012", "123456789012", True),
    ],
)
def test_submitter_is_believed_only_from_the_api(
    world: World,
    sender: str,
    api: str,
    believed: bool,
) -> None:
    assert world.api("POST", "/orders", body())[0] == 202
    event, _ = world.batch("OrderQueue", 1)
    event["Records"][0]["attributes"]["SenderId"] = sender.format(
        stack=world.stack.environments["place_order"]["STACK_NAME"]
    )
    world.cold("place_order", ORDERS_API_ROLE_ID=api)(event)
    [received, *_] = world.api("GET", "/orders/order-1/ledger")[1]["items"]
    assert ("submitted_by" in received["data"]) is believed


def test_only_the_caller_of_a_request_is_logged(world: World) -> None:
    world.api("PUT", PROFILE, {"answers": [{"requirement": "Geheim", "value": TEXT}], "enabled": True})
    world.api("GET", "/orders/nobodys/comments", next="Geheim")
    world.api("GET", "/orders/Geheim!")
    world.api("GET", "/Geheim")
    world.api("GET", "/orders", principal=None, metadata="Geheim")
    lines = [json.loads(line) for line in world.output.getvalue().splitlines() if '"request"' in line]
    logged = [
        (line.get("operation"), line["principal"], line.get("order_id"), line["status"])
        for line in lines
        if line["message"] == "request"
    ]
    assert logged == [
        ("put_profile", ALICE, None, 400),
        ("list_comments", ALICE, "nobodys", 404),
        ("get_order", ALICE, None, 400),
        (None, ALICE, None, 404),
        ("list_orders", "", None, 403),
    ]
    assert "Geheim" not in world.output.getvalue()


def test_unknown_country_is_refused_as_a_validation_issue(world: World) -> None:
    asked = {"country": "ZZ", "number_type": "local"}
    status, problem = world.api("GET", "/providers/telnyx/requirements", **asked)
    assert (status, fields(problem)) == (400, [("country", "no_such_country")])


@pytest.mark.parametrize(
    ("provider", "criteria", "fault"),
    [
        ("telnyx", {"country": "US", "lata": "358"}, ("criteria.lata", "field_not_taken")),
        ("telnyx", {"area_code": "312"}, ("criteria.country", "missing")),
        ("callfire", {"country": "US", "number_type": "mobile"}, ("criteria.number_type", "not_taken")),
        ("telesign", {"country": "BE", "features": ["fax"]}, ("criteria.features", "not_taken")),
        # An order at TeleSign takes it, and its search does not.
        ("telesign", {"country": "BE", "number_type": "mobile"}, ("criteria", "not_taken")),
    ],
)
def test_unsupported_search_names_the_issue(
    world: World, provider: str, criteria: dict[str, Any], fault: tuple[str, str]
) -> None:
    search = {"what": "numbers", "criteria": criteria}
    status, problem = world.api("POST", f"/providers/{provider}/search", search)
    assert (status, kind(problem), fields(problem)) == (400, "invalid", [fault])


@pytest.mark.parametrize("provider", ["telnyx", "callfire"])
def test_missing_registration_is_not_found(world: World, provider: str) -> None:
    status, problem = world.api("DELETE", f"/providers/{provider}/webhooks/4711")
    assert (status, kind(problem)) == (404, "not-found")


@pytest.mark.parametrize("odd", ["\ufffe", "\uffff", "\x00", "\x7f", "\U0001fffe"], ids=ascii)
def test_order_with_any_character_in_its_metadata_is_accepted_and_keeps_it(world: World, odd: str) -> None:
    metadata = {f"key {odd}": f"value {odd}"}
    status, _ = world.api("POST", "/orders", body(metadata=metadata))
    assert status == 202
    world.settle()
    message = world.table.message("order-1")
    assert message is not None
    assert message.metadata == metadata


@pytest.mark.parametrize("half", ["\ud800"], ids=ascii)
@pytest.mark.parametrize(
    "fields", [{"metadata": {"a": "?"}}, {"metadata": {"?": "a"}}, {"order_id": "?"}, {"account": "?"}], ids=str
)
def test_half_of_a_surrogate_pair_is_an_issue_of_its_field(world: World, half: str, fields: dict[str, Any]) -> None:
    """It cannot be written in UTF-8 anywhere."""
    written = json.dumps(body() | fields).replace("?", f"\\u{ord(half):04x}").encode()
    status, answer = world.api("POST", "/orders", written)
    assert (status, {each["field"] for each in answer["errors"]}) == (400, set(fields))
