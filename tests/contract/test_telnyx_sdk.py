"""The official Telnyx SDK as a witness: it works with our simulator, and what that answers fits the SDK's own models.

The SDK takes whatever comes, so every answer is checked once more here: strictly in the SDK's models, and for fields that
these do not have. What the provider's pages show outside the models is listed in this file; each must be seen to fail.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import sys
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, TypeAdapter, ValidationError

from local.simulators.base import SimulatorTransport
from local.simulators.clock import Clock
from local.simulators.telnyx import TelnyxSimulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telnyx import Telnyx
    from telnyx.types import RequirementGroup
    from telnyx.types.number_order_with_phone_numbers import NumberOrderWithPhoneNumbers
    from telnyx.types.numbers_sub_number_order import NumbersSubNumberOrder

Answer = TypeVar("Answer")

_BASE_URL = "https://api.telnyx.test/v2"
_KEY = "KEY0199A-telnyx-secret"
_START = datetime(2026, 11, 22, 8, tzinfo=UTC)
_NO_SUCH_FIELD = "<no such field>"


@dataclass(frozen=True, order=True)
class Outside:
    """Something in a response that an SDK model does not have, and the source that shows it nevertheless."""

    model: str
    field: str
    value: str
    why: str = dataclass_field(default="", compare=False)


ORDER_CANCELLED = Outside(
    "NumberOrderWithPhoneNumbers", "status", "cancelled", "guide number orders: cancelled by the user or by Telnyx"
)
ORDER_DELETED = Outside(
    "NumberOrderWithPhoneNumbers", "status", "deleted", "guide number orders: all numbers removed from the account"
)
LISTED_ORDER_CANCELLED = Outside("NumberOrderListResponse", "status", "cancelled", "as above, in lists")
SUB_ORDER_CANCELLED = Outside("NumbersSubNumberOrder", "status", "cancelled", "guide number orders: as above")
SUB_ORDER_DELETED = Outside("NumbersSubNumberOrder", "status", "deleted", "guide number orders: as above")
WEBHOOK_CANCELLED = Outside("DataPayload", "status", "cancelled", "guide number orders: as above, in webhooks")
REQUIREMENT_STATUS = Outside(
    "SubNumberOrderRegulatoryRequirementWithValue",
    "status",
    _NO_SUCH_FIELD,
    "seen by others in GET /number_orders/{id}; typed for the numbers of sub orders only",
)
PAGING = frozenset(
    {
        Outside(
            "DefaultFlatPaginationMeta", name, _NO_SUCH_FIELD, "OpenAPI PaginationMeta; the SDK's pages read two fields"
        )
        for name in ("page_size", "total_results")
    }
)


class Recorder(httpx.BaseTransport):
    """Passes requests to the simulator, and keeps the last request and response."""

    def __init__(self, simulator: TelnyxSimulator) -> None:
        self._inner = SimulatorTransport(simulator)
        self.request = httpx.Request("GET", _BASE_URL)
        self.content = b""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        self.request, self.content = request, response.read()
        return response


@dataclass
class Sdk:
    """The SDK's client, the simulator behind it, and the check of every response."""

    simulator: TelnyxSimulator
    client: Telnyx
    recorder: Recorder

    def check(self, answer: Answer, outside: Iterable[Outside] = ()) -> Answer:
        """Return the SDK's last response after comparing it with its model: exactly `outside` does not fit."""
        assert _outside(answer, self.recorder.content) == frozenset(outside)
        return answer

    def query(self) -> dict[str, str]:
        """Return the query of the last request."""
        return dict(self.recorder.request.url.params)

    def search(self, country: str = "DE", limit: int = 2, kind: str = "local") -> list[str]:
        filters: Any = {"country_code": country, "phone_number_type": kind, "limit": limit}
        found = self.client.available_phone_numbers.list(filter=filters)
        return [shown.phone_number or "" for shown in self.check(found).data or []]

    def order(self, *numbers: str, reference: str = "ref-1", group: str | None = None) -> NumberOrderWithPhoneNumbers:
        items = [{"phone_number": number} | ({"requirement_group_id": group} if group else {}) for number in numbers]
        created = self.check(
            self.client.number_orders.create(phone_numbers=items, customer_reference=reference)  # type: ignore[arg-type]
        )
        assert created.data
        return created.data

    def german_order(self) -> tuple[NumberOrderWithPhoneNumbers, NumbersSubNumberOrder]:
        """Order two German numbers, which have three requirements each; return the order and its sub order."""
        order = self.order(*self.search())
        assert order.sub_number_orders_ids
        [sub_order_id] = order.sub_number_orders_ids
        return order, self.sub_order(sub_order_id)

    def sub_order(self, sub_order_id: str, *outside: Outside) -> NumbersSubNumberOrder:
        shown = self.client.sub_number_orders.retrieve(sub_order_id, filter={"include_phone_numbers": True})
        self.check(shown, outside)
        assert shown.data
        return shown.data

    def values(self, sub_order: NumbersSubNumberOrder, *kinds: str) -> list[Any]:
        """Return values for a sub order's requirements, or for those of some kinds."""
        address = self.client.addresses.create(
            business_name="Example GmbH",
            first_name="",
            last_name="",
            street_address="Beispielstr. 1",
            locality="Berlin",
            country_code="DE",
        )
        document = self.client.documents.upload_json(document={"file": "JVBERi0=", "filename": "proof.pdf"})
        assert address.data
        assert document.data
        known = {"address": address.data.id, "document": document.data.id, "textual": "Example GmbH"}
        return [
            {"requirement_id": shown.requirement_id, "field_value": known[shown.field_type]}
            for shown in sub_order.regulatory_requirements or []
            if shown.field_type and (not kinds or shown.field_type in kinds)
        ]

    def group(self, country: str = "DE") -> RequirementGroup:
        """Create a requirement group with every value."""
        [needed] = (
            self.client.regulatory_requirements.retrieve(
                filter={"country_code": country, "phone_number_type": "local"}
            ).data
            or []
        )
        return self.check(
            self.client.requirement_groups.create(
                action="ordering",
                country_code=country,
                phone_number_type="local",
                customer_reference="group-1",
                regulatory_requirements=[
                    {"requirement_id": shown.id or "", "field_value": "Example GmbH"}
                    for shown in needed.regulatory_requirements or []
                ],
            )
        )


def _outside(answer: object, content: bytes) -> frozenset[Outside]:
    """List what in a response (as the SDK read it, and as it came) does not fit the SDK's model of it."""
    found = set(_unknown_fields(answer))
    kind: Any = list[type(answer[0])] if isinstance(answer, list) else type(answer)  # type: ignore[misc]
    try:
        TypeAdapter(kind).validate_json(content, strict=True)
    except ValidationError as error:
        for fault in error.errors():
            owner: Any = answer
            for step in fault["loc"][:-1]:
                owner = owner[step] if isinstance(step, int) else getattr(owner, step)
            found.add(Outside(type(owner).__name__, str(fault["loc"][-1]), str(fault["input"])))
    return frozenset(found)


def _unknown_fields(answer: object) -> Iterator[Outside]:
    if isinstance(answer, BaseModel):
        for name in answer.model_extra or {}:
            yield Outside(type(answer).__name__, name, _NO_SUCH_FIELD)
        for name in answer.model_fields_set & type(answer).model_fields.keys():
            yield from _unknown_fields(getattr(answer, name))
    elif isinstance(answer, list):
        for item in answer:
            yield from _unknown_fields(item)


@pytest.fixture(scope="module")
def telnyx() -> ModuleType:
    # Takes seconds, so not while tests are collected.
    return importlib.import_module("telnyx")


@pytest.fixture
def sdk(telnyx: ModuleType) -> Iterator[Sdk]:
    simulator = TelnyxSimulator(Clock(_START), keys=[_KEY])
    # The SDK's models are the documented shape; sparse numbers and refused addresses are seen live.
    simulator.configure(sparse_numbers=False, validates_addresses=False)
    recorder = Recorder(simulator)
    with httpx.Client(transport=recorder) as http_client:
        client = telnyx.Telnyx(api_key=_KEY, base_url=_BASE_URL, http_client=http_client, max_retries=0)
        yield Sdk(simulator, client, recorder)


class TestCheck:
    """The check itself finds what it should find."""

    @pytest.mark.parametrize(
        ("changes", "outside"),
        [
            ({}, []),
            ({"id": None, "bundle_id": None}, []),
            ({"requirements_met": "true"}, [Outside("NumberOrderPhoneNumber", "requirements_met", "true")]),
            ({"deadline": "soon"}, [Outside("NumberOrderPhoneNumber", "deadline", "soon")]),
            ({"status": "cancelled"}, [Outside("NumberOrderPhoneNumber", "status", "cancelled")]),
            ({"dead_line": None}, [Outside("NumberOrderPhoneNumber", "dead_line", _NO_SUCH_FIELD)]),
            (
                {"regulatory_requirements": [{}, {"field_type": "address_id", "state": "approved"}]},
                [
                    Outside("SubNumberOrderRegulatoryRequirementWithValue", "field_type", "address_id"),
                    Outside("SubNumberOrderRegulatoryRequirementWithValue", "state", _NO_SUCH_FIELD),
                ],
            ),
        ],
    )
    def test_check_names_what_does_not_fit(
        self, telnyx: ModuleType, changes: dict[str, object], outside: list[Outside]
    ) -> None:
        number = {"id": "1", "status": "pending", "deadline": "2026-12-06T08:00:00Z", "requirements_met": False}
        content = json.dumps({"data": number | changes}).encode()
        client = telnyx.Telnyx(
            api_key=_KEY,
            base_url=_BASE_URL,
            http_client=httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=content))),
        )
        assert _outside(client.number_order_phone_numbers.retrieve("1"), content) == frozenset(outside)


class TestSearch:
    def test_search_finds_numbers(self, sdk: Sdk) -> None:
        found = sdk.check(
            sdk.client.available_phone_numbers.list(
                filter={
                    "country_code": "US",
                    "phone_number_type": "local",
                    "national_destination_code": "312",
                    "features": ["sms", "voice"],
                    "phone_number": {"ends_with": "42"},
                    "best_effort": False,
                    "limit": 3,
                }
            )
        )
        # Several features are separated by commas; Telnyx's own curl examples have filter[features][] instead.
        assert sdk.query()["filter[features]"] == "sms,voice"
        assert sdk.query()["filter[phone_number][ends_with]"] == "42"
        assert found.data
        assert found.meta
        assert found.metadata
        assert found.meta.total_results == found.metadata.total_results == len(found.data) == 3
        for shown in found.data:
            assert shown.phone_number
            assert shown.phone_number.startswith("+1312")
            assert shown.phone_number.endswith("42")
            assert {"sms", "voice"} <= {feature.name for feature in shown.features or []}
            assert shown.region_information
            assert shown.region_information[0].region_type == "country_code"
            assert shown.cost_information
            assert shown.cost_information.currency == "USD"

    def test_search_by_features_finds_only_matches(self, sdk: Sdk) -> None:
        place: dict[str, Any] = {"country_code": "NZ", "phone_number_type": "local"}
        sdk.simulator.add_inventory(
            [
                {"phone_number": "+6491234567", **place, "features": ["voice"]},
                {"phone_number": "+6491234568", **place, "features": ["voice", "sms"]},
            ]
        )
        found = sdk.check(
            sdk.client.available_phone_numbers.list(filter={"country_code": "NZ", "features": ["sms", "voice"]})
        )
        assert [shown.phone_number for shown in found.data or []] == ["+6491234568"]


class TestOrders:
    def test_order_is_created_and_read(self, sdk: Sdk) -> None:
        numbers = sdk.search(limit=3)
        created = sdk.order(*numbers, reference="MY REF 001")
        assert created.id
        assert created.status == "pending"
        assert created.phone_numbers_count == 3
        assert created.requirements_met is False
        assert created.connection_id is None
        shown = sdk.check(sdk.client.number_orders.retrieve(created.id)).data
        assert shown
        assert [number.phone_number for number in shown.phone_numbers or []] == numbers
        assert {number.requirements_status for number in shown.phone_numbers or []} == {"requirement-info-pending"}
        assert shown.created_at == _START

    def test_order_without_requirements_is_delivered(self, sdk: Sdk) -> None:
        order = sdk.order(*sdk.search("US"))
        sdk.simulator.advance(60)
        assert order.id
        shown = sdk.check(sdk.client.number_orders.retrieve(order.id)).data
        assert shown
        assert shown.status == "success"
        assert {number.status for number in shown.phone_numbers or []} == {"success"}

    def test_orders_are_listed_by_reference(self, sdk: Sdk) -> None:
        orders = [sdk.order(*sdk.search("US"), reference=f"ref-{index}") for index in range(3)]
        listed = sdk.check(
            sdk.client.number_orders.list(filter={"customer_reference": "ref-1"}, page_number=1, page_size=2), PAGING
        )
        assert [order.id for order in listed.data] == [orders[1].id]
        everything = sdk.client.number_orders.list(page_number=1, page_size=2)
        assert [order.id for order in everything] == [order.id for order in reversed(orders)]

    def test_order_is_split_by_country_and_type(self, sdk: Sdk) -> None:
        order = sdk.order(*sdk.search("DE"), *sdk.search("US"), *sdk.search("DE", kind="mobile"))
        assert order.id
        listed = sdk.check(
            sdk.client.sub_number_orders.list(filter={"order_request_id": order.id, "include_phone_numbers": True})
        )
        assert sdk.query()["filter[include_phone_numbers]"] == "true"
        assert [sub_order.id for sub_order in listed.data or []] == order.sub_number_orders_ids
        assert [
            (each.country_code, each.phone_number_type, len(each.phone_numbers or [])) for each in listed.data or []
        ] == [
            ("DE", "local", 2),
            ("US", "local", 2),
            ("DE", "mobile", 2),
        ]

    def test_sub_order_is_read_with_and_without_numbers(self, sdk: Sdk) -> None:
        order, sub_order = sdk.german_order()
        assert sub_order.order_request_id == order.id
        assert [number.phone_number for number in sub_order.phone_numbers or []] == [
            number.phone_number for number in order.phone_numbers or []
        ]
        assert sub_order.id
        bare = sdk.check(sdk.client.sub_number_orders.retrieve(sub_order.id)).data
        assert bare
        assert bare.phone_numbers is None
        assert {requirement.field_type for requirement in bare.regulatory_requirements or []} == {
            "address",
            "document",
            "textual",
        }

    def test_numbers_of_orders_show_deadlines(self, sdk: Sdk) -> None:
        order, sub_order = sdk.german_order()
        listed = sdk.check(sdk.client.number_order_phone_numbers.list(filter={"country_code": "DE"}))
        assert listed.data
        assert [number.id for number in listed.data] == [number.id for number in order.phone_numbers or []]
        shown = sdk.check(sdk.client.number_order_phone_numbers.retrieve(listed.data[0].id or "")).data
        assert shown
        assert shown.sub_number_order_id == sub_order.id
        assert shown.deadline == _START + timedelta(days=14)

    @pytest.mark.parametrize(("live", "code"), [(True, "10027"), (False, "85001")])
    def test_unavailable_numbers_are_refused(self, sdk: Sdk, telnyx: ModuleType, live: bool, code: str) -> None:
        sdk.simulator.configure(live=live)
        numbers = sdk.search("US")
        sdk.simulator.sell_elsewhere(numbers)
        with pytest.raises(telnyx.UnprocessableEntityError) as caught:
            sdk.order(*numbers)
        assert _codes(caught.value) == [code]
        assert sdk.simulator.purchases() == 0


class TestValues:
    def test_values_for_an_order_lead_to_delivery(self, sdk: Sdk) -> None:
        sdk.simulator.configure(check_values=True)
        order, sub_order = sdk.german_order()
        assert order.id
        assert sub_order.id
        sdk.check(sdk.client.number_orders.update(order.id, regulatory_requirements=sdk.values(sub_order)))
        statuses = _requirement_statuses(sdk.sub_order(sub_order.id))
        assert statuses == {
            "address": "pending-approval",
            "document": "pending-approval",
            "textual": "pending-approval",
        }
        sdk.simulator.advance(3600)
        shown = sdk.check(sdk.client.number_orders.retrieve(order.id)).data
        assert shown
        assert shown.status == "success"
        assert shown.requirements_met is True

    def test_order_takes_a_new_reference(self, sdk: Sdk) -> None:
        order, _ = sdk.german_order()
        updated = sdk.check(sdk.client.number_orders.update(order.id or "", customer_reference="ref-2")).data
        assert updated
        assert updated.customer_reference == "ref-2"

    def test_values_for_a_sub_order_are_vetted_and_corrected(self, sdk: Sdk) -> None:
        _, sub_order = sdk.german_order()
        assert sub_order.id
        sdk.simulator.reject("Business Name", "The name differs from the register.", new_deadline_seconds=7200)
        values = sdk.values(sub_order)
        updated = sdk.check(sdk.client.sub_number_orders.update(sub_order.id, regulatory_requirements=values)).data
        assert updated
        assert updated.requirements_met is False
        sdk.simulator.advance(600)
        rejected = sdk.sub_order(sub_order.id)
        assert _requirement_statuses(rejected) == {"address": "approved", "document": "approved", "textual": "declined"}
        assert {phone_number.requirements_status for phone_number in rejected.phone_numbers or []} == {
            "requirement-info-exception"
        }
        [comment] = (
            sdk.check(
                sdk.client.comments.list(
                    filter={"comment_record_type": "sub_number_order", "comment_record_id": sub_order.id}
                )
            ).data
            or []
        )
        assert comment.body == "The name differs from the register."
        assert comment.commenter_type == "admin"
        assert comment.read_at is None
        sdk.client.sub_number_orders.update(sub_order.id, regulatory_requirements=sdk.values(sub_order, "textual"))
        sdk.simulator.advance(600)
        assert sdk.sub_order(sub_order.id).status == "success"

    def test_values_for_one_number_leave_the_others_unchanged(self, sdk: Sdk) -> None:
        order, sub_order = sdk.german_order()
        [first, second] = order.phone_numbers or []
        updated = sdk.check(
            sdk.client.number_order_phone_numbers.update_requirements(
                first.id or "", regulatory_requirements=sdk.values(sub_order)
            )
        ).data
        assert updated
        assert updated.requirements_status == "requirement-info-under-review"
        assert updated.deadline is None
        other = sdk.check(sdk.client.number_order_phone_numbers.retrieve(second.id or "")).data
        assert other
        assert other.requirements_status == "requirement-info-pending"
        assert other.deadline

    def test_values_after_all_are_satisfied_are_refused(self, sdk: Sdk, telnyx: ModuleType) -> None:
        order, sub_order = sdk.german_order()
        values = sdk.values(sub_order)
        sdk.client.number_orders.update(order.id or "", regulatory_requirements=values)
        sdk.simulator.advance(3600)
        with pytest.raises(telnyx.UnprocessableEntityError) as caught:
            sdk.client.number_orders.update(order.id or "", regulatory_requirements=values)
        assert _codes(caught.value) == ["85003"]

    def test_requirement_status_can_be_shown_in_orders_and_numbers(self, sdk: Sdk) -> None:
        order, _ = sdk.german_order()
        sdk.simulator.configure(requirement_status_everywhere=True)
        sdk.check(sdk.client.number_orders.retrieve(order.id or ""), [REQUIREMENT_STATUS])
        [number, _] = order.phone_numbers or []
        sdk.check(sdk.client.number_order_phone_numbers.retrieve(number.id or ""), [REQUIREMENT_STATUS])


class TestGroups:
    def test_group_is_created_read_changed_and_deleted(self, sdk: Sdk) -> None:
        group = sdk.group()
        assert group.id
        assert group.status == "unapproved"
        assert sdk.check(sdk.client.requirement_groups.retrieve(group.id)) == group
        assert sdk.check(sdk.client.requirement_groups.list(filter={"country_code": "DE"})) == [group]
        requirement_id = (group.regulatory_requirements or [])[0].requirement_id or ""
        changed = sdk.check(
            sdk.client.requirement_groups.update(
                group.id,
                customer_reference="group-2",
                regulatory_requirements=[{"requirement_id": requirement_id, "field_value": "Muster GmbH"}],
            )
        )
        assert changed.customer_reference == "group-2"
        assert (changed.regulatory_requirements or [])[0].field_value == "Muster GmbH"
        sdk.check(sdk.client.requirement_groups.delete(group.id))
        assert sdk.client.requirement_groups.list() == []

    def test_group_is_approved(self, sdk: Sdk) -> None:
        group = sdk.group()
        submitted = sdk.check(sdk.client.requirement_groups.submit_for_approval(group.id or ""))
        assert submitted.status == "pending-approval"
        sdk.simulator.advance(3600)
        approved = sdk.check(sdk.client.requirement_groups.retrieve(group.id or ""))
        assert approved.status == "approved"
        assert {requirement.status for requirement in approved.regulatory_requirements or []} == {"approved"}

    def test_group_answers_for_a_sub_order(self, sdk: Sdk) -> None:
        _, sub_order = sdk.german_order()
        answered = sdk.check(
            sdk.client.sub_number_orders.update_requirement_group(
                sub_order.id or "", requirement_group_id=sdk.group().id or ""
            )
        ).data
        assert answered
        for number in answered.phone_numbers or []:
            assert number.requirements_status == "requirement-info-under-review"
            assert {requirement.status for requirement in number.regulatory_requirements or []} == {"pending-approval"}

    def test_group_answers_for_a_number(self, sdk: Sdk) -> None:
        order, _ = sdk.german_order()
        answered = sdk.check(
            sdk.client.number_order_phone_numbers.update_requirement_group(
                (order.phone_numbers or [])[0].id or "", requirement_group_id=sdk.group().id or ""
            )
        ).data
        assert answered
        assert answered.requirements_status == "requirement-info-under-review"
        assert answered.deadline is None

    def test_some_countries_need_a_fulfilled_group_at_creation(self, sdk: Sdk, telnyx: ModuleType) -> None:
        numbers = sdk.search("CH")
        empty = sdk.client.requirement_groups.create(action="ordering", country_code="CH", phone_number_type="local")
        for group_id in (None, empty.id):
            with pytest.raises(telnyx.UnprocessableEntityError):
                sdk.order(*numbers, group=group_id)
        assert sdk.order(*numbers, group=sdk.group("CH").id).status == "pending"


class TestComments:
    def test_comment_is_posted_read_and_marked(self, sdk: Sdk) -> None:
        _, sub_order = sdk.german_order()
        posted = sdk.check(
            sdk.client.comments.create(
                body="Please extend the deadline.",
                comment_record_type="sub_number_order",
                comment_record_id=sub_order.id or "",
            )
        ).data
        assert posted
        assert posted.id
        assert posted.commenter_type == "user"
        shown = sdk.check(sdk.client.comments.retrieve(posted.id)).data
        assert shown
        assert shown.body == "Please extend the deadline."
        sdk.simulator.comment("ref-1", "Which document?")
        listed = sdk.check(sdk.client.comments.list(filter={"comment_record_id": sub_order.id or ""})).data
        assert [comment.commenter_type for comment in listed or []] == ["user", "admin"]
        marked = sdk.check(sdk.client.comments.mark_as_read((listed or [])[1].id or "")).data
        assert marked
        assert marked.read_at == _START

    def test_comment_requests_an_extension(self, sdk: Sdk) -> None:
        order, sub_order = sdk.german_order()
        sdk.simulator.grant_extension(86400, order="ref-1", after_seconds=60)
        sdk.client.comments.create(
            body="Please extend the deadline.",
            comment_record_type="sub_number_order",
            comment_record_id=sub_order.id or "",
        )
        sdk.simulator.advance(60)
        [number, _] = order.phone_numbers or []
        shown = sdk.check(sdk.client.number_order_phone_numbers.retrieve(number.id or "")).data
        assert shown
        assert shown.deadline == _START + timedelta(days=15)


class TestSubmissions:
    def test_document_is_uploaded_as_json(self, sdk: Sdk) -> None:
        made = sdk.check(
            sdk.client.documents.upload_json(
                document={
                    "file": base64.b64encode(b"%PDF-1.7").decode(),
                    "filename": "proof.pdf",
                    "customer_reference": "ref-1",
                }
            )
        ).data
        assert made
        assert made.filename == "proof.pdf"
        assert made.customer_reference == "ref-1"
        assert made.sha256 == hashlib.sha256(b"%PDF-1.7").hexdigest()
        assert made.size
        assert made.size.amount == 8
        shown = sdk.check(sdk.client.documents.retrieve(made.id or "")).data
        assert shown
        assert shown.status == "pending"

    def test_document_is_uploaded_as_a_form(self, sdk: Sdk, telnyx: ModuleType) -> None:
        # The SDK's `documents.upload` says multipart in the address and sends JSON (4.189.0): a form must be requested.
        made = sdk.client.post(
            "/documents",
            cast_to=telnyx.types.DocumentUploadResponse,
            body={"customer_reference": "ref-1"},
            files={"file": ("proof.pdf", b"%PDF-1.7", "application/pdf")},
            options={"headers": {"Content-Type": "multipart/form-data"}},
        )
        sdk.check(made)
        assert sdk.recorder.request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
        assert made.data.filename == "proof.pdf"
        assert made.data.content_type == "application/pdf"
        assert made.data.customer_reference == "ref-1"
        assert made.data.sha256 == hashlib.sha256(b"%PDF-1.7").hexdigest()

    def test_the_sdks_upload_works(self, sdk: Sdk) -> None:
        content = base64.b64encode(b"%PDF-1.7").decode()
        made = sdk.check(sdk.client.documents.upload(document={"file": content, "filename": "proof.pdf"})).data
        assert sdk.query() == {"content-type": "multipart"}
        assert sdk.recorder.request.headers["Content-Type"] == "application/json"
        assert made
        assert made.sha256 == hashlib.sha256(b"%PDF-1.7").hexdigest()

    def test_address_is_created_and_read(self, sdk: Sdk) -> None:
        made = sdk.check(
            sdk.client.addresses.create(
                business_name="Example GmbH",
                first_name="Erika",
                last_name="Mustermann",
                street_address="Beispielstr. 1",
                extended_address="2. OG",
                locality="Berlin",
                administrative_area="BE",
                postal_code="10115",
                country_code="DE",
                customer_reference="ref-1",
                validate_address=False,
            )
        ).data
        assert made
        assert made.id
        assert made.id.isdigit()
        shown = sdk.check(sdk.client.addresses.retrieve(made.id)).data
        assert shown
        assert shown.street_address == "Beispielstr. 1"
        assert shown.customer_reference == "ref-1"


class TestEnds:
    def test_pending_sub_order_is_cancelled(self, sdk: Sdk, telnyx: ModuleType) -> None:
        order, sub_order = sdk.german_order()
        assert sub_order.id
        cancelled = sdk.check(sdk.client.sub_number_orders.cancel(sub_order.id), [SUB_ORDER_CANCELLED]).data
        assert cancelled
        assert str(cancelled.status) == "cancelled"
        shown = sdk.check(sdk.client.number_orders.retrieve(order.id or ""), [ORDER_CANCELLED]).data
        assert shown
        assert {number.requirements_status for number in shown.phone_numbers or []} == {"cancelled"}
        sdk.check(sdk.client.number_orders.list(), {LISTED_ORDER_CANCELLED, *PAGING})
        with pytest.raises(telnyx.UnprocessableEntityError):
            sdk.client.sub_number_orders.cancel(sub_order.id)

    def test_missed_deadline_cancels_the_order(self, sdk: Sdk) -> None:
        _, sub_order = sdk.german_order()
        sdk.simulator.advance(timedelta(days=15).total_seconds())
        assert str(sdk.sub_order(sub_order.id or "", SUB_ORDER_CANCELLED).status) == "cancelled"

    def test_numbers_are_deleted(self, sdk: Sdk) -> None:
        order = sdk.order(*sdk.search("US"))
        sdk.simulator.advance(60)
        sdk.simulator.delete_numbers("ref-1")
        sdk.sub_order((order.sub_number_orders_ids or [])[0], SUB_ORDER_DELETED)
        shown = sdk.check(sdk.client.number_orders.retrieve(order.id or ""), [ORDER_DELETED]).data
        assert shown
        assert {number.requirements_status for number in shown.phone_numbers or []} == {"deleted"}


class TestCatalogue:
    def test_requirements_are_listed_before_buying(self, sdk: Sdk) -> None:
        [needed] = (
            sdk.check(
                sdk.client.regulatory_requirements.retrieve(
                    filter={"country_code": "DE", "phone_number_type": "local", "action": "ordering"}
                )
            ).data
            or []
        )
        assert (needed.country_code, needed.phone_number_type, needed.action) == ("DE", "local", "ordering")
        assert needed.regulatory_requirements
        for requirement in needed.regulatory_requirements:
            assert requirement.acceptance_criteria
            # Text here, numbers among the requirement types.
            assert isinstance(requirement.acceptance_criteria.max_length, str | None)
        _, sub_order = sdk.german_order()
        assert {requirement.id for requirement in needed.regulatory_requirements} == {
            shown.requirement_id for shown in sub_order.regulatory_requirements or []
        }

    def test_requirement_types_are_listed_and_read(self, sdk: Sdk) -> None:
        listed = sdk.check(sdk.client.requirement_types.list(filter={"name": {"contains": "Business"}})).data
        assert listed
        assert sdk.query() == {"filter[name][contains]": "Business"}
        shown = sdk.check(sdk.client.requirement_types.retrieve(listed[0].id or "")).data
        assert shown
        assert shown.name == listed[0].name
        assert shown.type == "textual"
        assert shown.acceptance_criteria
        assert isinstance(shown.acceptance_criteria.max_length, int)

    def test_criteria_are_shown_and_enforced(self, sdk: Sdk, telnyx: ModuleType) -> None:
        [needed] = (
            sdk.check(
                sdk.client.regulatory_requirements.retrieve(filter={"country_code": "NL", "phone_number_type": "local"})
            ).data
            or []
        )
        told = {
            requirement.name: requirement.acceptance_criteria for requirement in needed.regulatory_requirements or []
        }
        register = told["Trade Register Number"]
        assert register
        assert (register.min_length, register.max_length, register.regex) == ("8", "8", "[0-9]{8}")
        order = sdk.order(*sdk.search("NL"))
        sub_order = sdk.sub_order((order.sub_number_orders_ids or [])[0])
        assert {requirement.field_type for requirement in sub_order.regulatory_requirements or []} == {
            "address",
            "textual",
            "datetime",
        }
        [requirement_id] = [
            requirement.id or ""
            for requirement in needed.regulatory_requirements or []
            if requirement.name == "Trade Register Number"
        ]
        for value, accepted in (("1234", False), ("1234567a", False), ("12345678", True)):
            values: list[Any] = [{"requirement_id": requirement_id, "field_value": value}]
            if accepted:
                sdk.check(sdk.client.number_orders.update(order.id or "", regulatory_requirements=values))
            else:
                with pytest.raises(telnyx.UnprocessableEntityError) as caught:
                    sdk.client.number_orders.update(order.id or "", regulatory_requirements=values)
                assert _codes(caught.value) == ["10027"]


class TestAccount:
    def test_owned_numbers_are_listed_page_by_page(self, sdk: Sdk) -> None:
        order = sdk.order(*sdk.search("US", limit=3))
        sdk.order(*sdk.search("DE"), reference="ref-2")  # not active yet
        sdk.simulator.advance(60)
        first = sdk.check(sdk.client.phone_numbers.list(page_number=1, page_size=2, sort="purchased_at"), PAGING)
        assert len(first.data) == 2
        shown = first.data[0]
        assert shown.status == "active"
        assert shown.country_iso_alpha2 == "US"
        assert shown.phone_number_type == "local"
        assert shown.id.isdigit()
        assert shown.id not in {number.id for number in order.phone_numbers or []}
        assert shown.purchased_at == "2026-11-22T08:00:00.000000Z"
        assert sorted(number.phone_number for number in first) == sorted(
            number.phone_number or "" for number in order.phone_numbers or []
        )
        nobody = sdk.check(sdk.client.phone_numbers.list(filter={"country_iso_alpha2": "DE"}), PAGING)
        assert nobody.data == []

    def test_owned_number_is_deleted(self, sdk: Sdk, telnyx: ModuleType) -> None:
        sdk.order(*sdk.search("US"))
        sdk.simulator.advance(60)
        numbers = [shown.phone_number for shown in sdk.client.phone_numbers.list()]
        found = sdk.check(sdk.client.phone_numbers.list(filter={"phone_number": numbers[0].removeprefix("+")}), PAGING)
        assert [shown.phone_number for shown in found.data] == numbers[:1]
        assert sdk.client.phone_numbers.list(filter={"phone_number": numbers[0]}).data == []
        deleted = sdk.check(sdk.client.phone_numbers.delete(found.data[0].id)).data
        assert deleted
        assert (deleted.phone_number, deleted.status) == (numbers[0], "deleted")
        assert [shown.phone_number for shown in sdk.client.phone_numbers.list()] == numbers[1:]
        with pytest.raises(telnyx.NotFoundError):
            sdk.client.phone_numbers.delete(found.data[0].id)

    @pytest.mark.parametrize("later", [False, True])
    def test_webhooks_are_registered_sent_and_deleted(self, sdk: Sdk, *, later: bool) -> None:
        sdk.simulator.configure(asynchronous_settings=later)
        url = "https://desk.example/webhooks/telnyx"
        events = sdk.check(sdk.client.notification_events.list(page_size=250), PAGING)
        [event] = [shown for shown in events.data if shown.name == "Number Order"]
        conditions = sdk.check(sdk.client.notification_event_conditions.list(page_size=250), PAGING)
        [condition] = [shown for shown in conditions.data if shown.notification_event_id == event.id]
        assert condition.supported_channels == ["webhook"]
        profile = sdk.check(sdk.client.notification_profiles.create(name="numberdesk")).data
        assert profile
        channel = sdk.check(
            sdk.client.notification_channels.create(
                channel_type_id="webhook", channel_destination=url, notification_profile_id=profile.id or ""
            )
        ).data
        assert channel
        setting = sdk.check(
            sdk.client.notification_settings.create(
                notification_event_condition_id=condition.id or "",
                notification_profile_id=profile.id or "",
                notification_channel_id=channel.id or "",
            )
        ).data
        assert setting
        assert setting.id
        assert setting.status == ("enable-received" if later else "enabled")
        sdk.simulator.advance(5)
        assert sdk.check(sdk.client.notification_profiles.list(), PAGING).data == [profile]
        assert sdk.check(
            sdk.client.notification_channels.list(filter={"channel_type_id": {"eq": "webhook"}}), PAGING
        ).data == [channel]
        [listed] = sdk.check(
            sdk.client.notification_settings.list(filter={"notification_channel": {"eq": channel.id or ""}}), PAGING
        ).data
        assert (listed.id, listed.status) == (setting.id, "enabled")

        sdk.simulator.outbox.send = lambda url, headers, body: 200
        sdk.order(*sdk.search("US"))
        sdk.simulator.advance(60)
        assert [attempt.url for attempt in sdk.simulator.pump()] == [url]

        sdk.check(sdk.client.notification_settings.retrieve(setting.id))
        deleted = sdk.check(sdk.client.notification_settings.delete(setting.id)).data
        assert deleted
        assert deleted.status == "deleted"
        sdk.check(sdk.client.notification_channels.retrieve(channel.id or ""))
        sdk.check(sdk.client.notification_channels.delete(channel.id or ""))
        sdk.check(sdk.client.notification_profiles.retrieve(profile.id or ""))
        sdk.check(sdk.client.notification_profiles.delete(profile.id or ""))
        assert sdk.client.notification_profiles.list().data == []

    def test_log_of_deliveries_is_listed(self, sdk: Sdk) -> None:
        answers = [503, 503, 503, 503, 200]
        sdk.simulator.webhook_urls(["https://desk.example/webhooks/telnyx"])
        sdk.simulator.outbox.send = lambda url, headers, body: answers.pop(0)
        for _ in range(2):
            event_id = sdk.simulator.send_webhook(payload={"id": "order-1"})
            for _ in range(4):
                sdk.simulator.pump()
                sdk.simulator.advance(60)
        [failed] = sdk.check(sdk.client.webhook_deliveries.list(filter={"status": {"eq": "failed"}}), PAGING).data
        assert failed.attempts
        assert len(failed.attempts) == 4
        since = failed.finished_at
        assert since
        [delivered] = sdk.check(
            sdk.client.webhook_deliveries.list(
                filter={
                    "event_type": "number_order.complete",
                    "attempts": {"contains": "desk.example"},
                    "started_at": {"gte": (since + timedelta(seconds=1)).isoformat()},
                }
            ),
            PAGING,
        ).data
        assert delivered.webhook
        assert (delivered.webhook.id, delivered.status) == (event_id, "delivered")


class TestFailures:
    def test_no_request_is_repeated(self, sdk: Sdk, telnyx: ModuleType) -> None:
        numbers = sdk.search("US")
        sdk.simulator.fault("create_order", "status_after", status=503)
        with pytest.raises(telnyx.InternalServerError):
            sdk.order(*numbers)
        sdk.simulator.fault("create_order", "lose_answer")
        with pytest.raises(telnyx.APITimeoutError):
            sdk.order(*sdk.search("US"))
        assert len(sdk.simulator.requests("create_order")) == sdk.simulator.purchases() == 2

    def test_errors_are_distinguished(self, sdk: Sdk, telnyx: ModuleType) -> None:
        with pytest.raises(telnyx.NotFoundError) as caught:
            sdk.client.number_orders.retrieve("12ade33a-21c0-473b-b055-b3c836e1c292")
        assert _codes(caught.value) == ["10005"]
        sdk.simulator.fault("list_orders", "throttle")
        with pytest.raises(telnyx.RateLimitError) as caught:
            sdk.client.number_orders.list()
        assert _codes(caught.value) == ["10011"]
        sdk.simulator.revoke(_KEY)
        with pytest.raises(telnyx.AuthenticationError) as caught:
            sdk.client.number_orders.list()
        assert _codes(caught.value) == ["10009"]


class TestWebhooks:
    @pytest.fixture
    def nacl(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Replace PyNaCl, which is an extra of the SDK, by cryptography's Ed25519 under PyNaCl's names."""
        signing, exceptions = ModuleType("nacl.signing"), ModuleType("nacl.exceptions")

        class BadSignatureError(Exception):
            pass

        class VerifyKey:
            def __init__(self, key: bytes) -> None:
                self._key = Ed25519PublicKey.from_public_bytes(key)

            def verify(self, message: bytes, signature: bytes) -> None:
                try:
                    self._key.verify(signature, message)
                except InvalidSignature as error:
                    raise BadSignatureError from error

        signing.VerifyKey = VerifyKey  # type: ignore[attr-defined]
        exceptions.BadSignatureError = BadSignatureError  # type: ignore[attr-defined]
        for name, module in {
            "nacl": ModuleType("nacl"),
            "nacl.signing": signing,
            "nacl.exceptions": exceptions,
        }.items():
            monkeypatch.setitem(sys.modules, name, module)

    @pytest.fixture
    def now(self, sdk: Sdk) -> None:
        """Set the simulator's clock to the real time: the SDK compares signatures with that."""
        sdk.simulator.clock.set(datetime.now(UTC))

    @pytest.mark.usefixtures("nacl", "now")
    def test_signed_webhook_is_accepted(self, sdk: Sdk, telnyx: ModuleType) -> None:
        order = sdk.order(*sdk.search("US"))
        sdk.simulator.advance(60)
        webhook = sdk.simulator.signed_webhook("ref-1")
        event = sdk.client.webhooks.unwrap(webhook["body"], headers=webhook["headers"], key=sdk.simulator.public_key())
        assert isinstance(event, telnyx.types.NumberOrderStatusUpdateWebhookEvent)
        assert _outside(event, webhook["body"].encode()) == frozenset()
        assert event.data.payload.id == order.id
        assert event.data.payload.status == "success"

    @pytest.mark.usefixtures("nacl", "now")
    @pytest.mark.parametrize("forgery", [{"wrong_key": True}, {"age_seconds": 400}, {"age_seconds": -400}])
    def test_forged_and_stale_webhooks_are_refused(self, sdk: Sdk, forgery: dict[str, Any]) -> None:
        sdk.order(*sdk.search("US"))
        webhook = sdk.simulator.signed_webhook("ref-1", **forgery)
        with pytest.raises(ValueError, match=r"[Ss]ignature|timestamp"):
            sdk.client.webhooks.unwrap(webhook["body"], headers=webhook["headers"], key=sdk.simulator.public_key())

    def test_webhooks_fit_their_model(self, sdk: Sdk, telnyx: ModuleType) -> None:
        sdk.german_order()
        model = telnyx.types.NumberOrderStatusUpdateWebhookEvent
        for outside in ((), (WEBHOOK_CANCELLED,)):
            content = sdk.simulator.signed_webhook("ref-1")["body"].encode()
            assert _outside(model.construct(**json.loads(content)), content) == frozenset(outside)
            sdk.simulator.cancel("ref-1")


def _codes(error: Any) -> list[str]:
    """Return the codes of a response that the SDK raised as an error, whose parts fit its model."""
    errors = error.response.json()["errors"]
    model = importlib.import_module("telnyx.types.shared").APIError
    for shown in errors:
        content = json.dumps(shown).encode()
        assert _outside(model.construct(**shown), content) == frozenset()
    return [shown["code"] for shown in errors]


def _requirement_statuses(sub_order: NumbersSubNumberOrder) -> dict[str | None, str | None]:
    """Return the status of each requirement of a sub order's numbers, by field type; the same for all of them."""
    [statuses] = {
        tuple((shown.field_type, shown.status) for shown in number.regulatory_requirements or [])
        for number in sub_order.phone_numbers or []
    }
    return dict(statuses)
