"""Every accepted id can be used in a path, and a page token is valid only for its own list."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from numberdesk.api.routes import ROUTES
from numberdesk.domain.request import InvalidMessageError, is_order_id, read_message
from numberdesk.domain.values import is_id
from numberdesk.providers import registry
from numberdesk.storage.table import Table
from tests.support.aws import STACK, world
from tests.support.builders import SCOPE, body
from tests.support.properties import examples
from tests.support.stack import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws import World

SEATTLE = {"criteria": {"city": "Seattle", "state": "WA"}, "quantity": 3}
LISTS = [route for route in ROUTES if route.method == "GET" and "{registration_id}" not in route.path]


@pytest.fixture(scope="module")
def desk() -> Iterator[World]:
    """Return a desk with one order of three numbers, which no test here changes."""
    with world() as made:
        made.send(body("order-1", SEATTLE | {"criteria": {"country": "US", "city": "Chicago"}}))
        made.settle()
        yield made


def as_clients_send(path: str) -> str:
    """Return a path as it arrives: RFC 3986 has clients and gateways remove dot segments and empty ones."""
    return httpx.URL("https://desk.example").join(path).raw_path.decode()


# Ids


STRANGE = [
    *(".", "..", "...", "", " ", " a", "a ", "a/b", "/", "a%2Fb", "a;b", "a?b", "a#b", "a\\b", "a+b", "a&b", "a b"),
    *(
        "a\n",
        "\na",
        "a\x00b",
        "a\x7fb",
        "\u00e9",
        "e\u0301",
        "\u212b",
        "\uff0e",
        "\u2024\u2024",
        "a" * 65,
        "%2e%2e",
        "a\u200bb",
    ),
]


@pytest.mark.parametrize("order_id", STRANGE)
@pytest.mark.parametrize("field", ["order_id", "account"])
def test_id_that_no_path_can_carry_is_refused_with_the_reason(order_id: str, field: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        read_message(json.dumps(body() | {field: order_id}), registry.NAMES)
    [issue] = caught.value.issues
    assert issue.field == field
    assert "not dots alone" in issue.message


@given(order_id=st.one_of(st.text(max_size=70), st.text("ab._:-/%;?#+ ", max_size=70), st.sampled_from(STRANGE)))
@settings(max_examples=examples(100), deadline=None)
@example(order_id="a.")
@example(order_id="..a")
@example(order_id="-")
@example(order_id=":")
def test_accepted_order_id_works_in_a_path_unescaped(order_id: str) -> None:
    try:
        taken = read_message(json.dumps(body(order_id)), registry.NAMES).order_id
    except InvalidMessageError:
        assert not is_order_id(order_id)
        return
    assert (taken, is_order_id(taken)) == (order_id, True)
    for rest in ("", "/numbers"):
        # As it is, or with every special character escaped.
        for written in (taken, quote(taken, safe="")):
            assert as_clients_send(f"/orders/{written}{rest}") == f"/orders/{written}{rest}"


@given(st.one_of(st.text(max_size=130), st.text("ab._:-/", max_size=5)))
def test_accepted_provider_id_works_in_a_path_unescaped(text: str) -> None:
    if is_id(text):
        assert as_clients_send(f"/orders/o/comments/{text}/read") == f"/orders/o/comments/{text}/read"
        assert len(text) <= 128


@pytest.mark.parametrize("path", ["/orders/.", "/orders/..", "/orders/.../numbers", "/orders/%2e%2e/numbers"])
def test_dots_alone_are_no_id(desk: World, path: str) -> None:
    status, answer = desk.api("GET", path)
    assert (status, answer["type"]) == (400, "urn:numberdesk:problem:invalid")
    assert answer["errors"][0]["field"] == "order_id"
    assert "not dots alone" in answer["errors"][0]["message"]


@pytest.mark.parametrize(
    ("method", "path", "sent", "field"),
    [
        ("POST", "/orders/order-1/comments/../read", None, "comment_id"),
        ("DELETE", "/providers/telnyx/webhooks/..", None, "registration_id"),
        ("GET", "/profiles/telnyx/../DE/local", None, "account"),
        ("POST", "/orders/order-1/resolve", {"placed_as": ".."}, "placed_as"),
        ("POST", "/orders/order-1/cancel", {"sub_order_id": "."}, "sub_order_id"),
        ("POST", "/orders/order-1/requirement-group", {"requirement_group_id": ".."}, "requirement_group_id"),
    ],
)
def test_no_other_id_consists_of_dots_only(desk: World, method: str, path: str, sent: object, field: str) -> None:
    status, answer = desk.api(method, path, sent)
    assert (status, [each["field"] for each in answer["errors"]]) == (400, [field])


# Tokens


def forged(listing: str, place: str) -> str:
    """Forge a token as anyone who knows the stack's name could."""
    text = base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")
    digest = hashlib.sha256(f"{SCOPE}|{listing}|{place}".encode()).hexdigest()
    return f"{text}.{digest[:16]}"


def path_of(route: Any) -> str:
    """Fill in a route's parameters with existing values."""
    names = {"order_id": "order-1", "provider": "telnyx", "account": "default", "country": "DE"}
    path: str = route.path
    for name, value in {**names, "number_type": "local", "queue": "orders"}.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def real_tokens(desk: World) -> list[str]:
    """Return tokens of this table, each of another list."""
    asked = [
        ("/orders/order-1/numbers", {}),
        ("/orders/order-1/numbers", {"state": desk.order().assets[0].state.value}),
        ("/orders/order-1/ledger", {}),
    ]
    found = [desk.api("GET", path, limit="1", **query)[1]["next"] for path, query in asked]
    assert all(found)
    return found


def test_token_is_valid_only_for_its_own_list(desk: World) -> None:
    state = desk.order().assets[0].state.value
    numbers, of_state, ledger = real_tokens(desk)
    assert desk.api("GET", "/orders/order-1/numbers", limit="1", next=numbers)[0] == 200
    assert desk.api("GET", "/orders/order-1/numbers", state=state, next=of_state)[0] == 200
    for path, query, token in (
        ("/orders/order-1/numbers", {}, of_state),
        ("/orders/order-1/numbers", {"state": state}, numbers),
        ("/orders/order-1/numbers", {}, ledger),
        ("/orders/order-2/numbers", {}, numbers),
        ("/orders/order-1/webhooks", {}, ledger),
        ("/orders", {"open": "true"}, numbers),
        ("/providers/telnyx/numbers", {}, numbers),
    ):
        status, answer = desk.api("GET", path, next=token, **query)
        assert status == 400, (path, query)
        assert [(each["field"], each["code"]) for each in answer["errors"]] == [("next", "not_a_token")]


@pytest.mark.parametrize("place", ["9" * 1_400, "-1", "x", "1e9", "\u0661", "0x10", "2026-11"])
def test_forged_token_is_refused(desk: World, place: str) -> None:
    status, answer = desk.api("GET", "/orders/order-1/numbers", next=forged("numbers/order-1/", place))
    assert (status, answer["errors"][0]["code"]) == (400, "not_a_token")
    assert "begin anew" in answer["errors"][0]["message"]


def test_token_length_is_bounded(desk: World) -> None:
    status, answer = desk.api("GET", "/orders/order-1/numbers", next=forged("numbers/order-1/", "9" * 5_000))
    assert (status, answer["errors"][0]["field"]) == (400, "next")


def test_token_key_is_created_once_per_stack(desk: World) -> None:
    key = desk.table.paging_key()
    assert Table(desk.dynamodb, desk.table._name).paging_key() == key
    assert len(key) == 32
    assert key != hmac.new(SCOPE.encode(), b"", hashlib.sha256).digest()


def mutated(tokens: list[str]) -> st.SearchStrategy[str]:
    """Change a character of a real token, cut it, or join parts of two."""
    alphabet = st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=+/% ")
    one = st.sampled_from(tokens)
    changed = st.builds(
        lambda it, at, to: it[: at % len(it)] + to + it[at % len(it) + 1 :], one, st.integers(0), alphabet
    )
    cut = st.builds(lambda it, at: it[: at % len(it)], one, st.integers(1))
    joined = st.builds(lambda a, b: f"{a.partition('.')[0]}.{b.partition('.')[2]}", one, one)
    made = st.builds(forged, st.sampled_from(["numbers/order-1/", "ledger/order-1", "open", ""]), st.text(max_size=99))
    return st.one_of(one, changed, cut, joined, made, st.text(max_size=40), st.text("A", min_size=2000, max_size=2100))


def test_no_token_id_or_query_causes_a_server_error(desk: World) -> None:
    values = st.one_of(
        st.sampled_from(
            ["", "0", "1", "101", "-1", "9" * 5_000, "1e3", "true", "false", "null", "NaN", "2026-11", "0000-01"]
        ),
        st.sampled_from(
            ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-11-22", "telnyx", "DE", "local", "%", "+1"]
        ),
        st.text(max_size=20),
    )
    names = ["limit", "state", "provider", "country", "metadata", "open", "attention", "deadline_before", "month"]
    queries = st.dictionaries(st.sampled_from([*names, "day", "account", "number", "number_type"]), values, max_size=3)
    statuses: set[int] = set()

    @settings(max_examples=examples(75), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        route=st.sampled_from(LISTS),
        order_id=st.one_of(st.just("order-1"), st.sampled_from([quote(each, safe="") for each in STRANGE if each])),
        query=queries,
        token=st.one_of(st.none(), mutated(real_tokens(desk))),
    )
    def asks(route: Any, order_id: str, query: dict[str, str], token: str | None) -> None:
        path = path_of(route).replace("order-1", order_id)
        status, answer = desk.api("GET", path, **query, **({} if token is None else {"next": token}))
        statuses.add(status)
        # 409 and 503 are a provider's: no such account.
        assert status in (200, 400, 404, 409, 503), answer
        if status == 400:
            assert answer["errors"]
            assert all(each["code"] and each["message"] for each in answer["errors"])

    asks()
    assert statuses >= {200, 400}


def test_tokens_reveal_neither_stack_nor_key(desk: World) -> None:
    for token in real_tokens(desk):
        assert STACK not in token
        assert REGION not in token
        assert desk.table.paging_key().hex()[:16] not in token
