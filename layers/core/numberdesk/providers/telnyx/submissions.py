"""Submit to Telnyx: addresses, documents, values, requirement groups, comments."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from numberdesk.domain.snapshot import CommentSeen
from numberdesk.domain.text import harmless, joined, quoted
from numberdesk.domain.wording import listed
from numberdesk.providers.base import NotPermittedError, NotSentError, RefusedError, UnreadableError
from numberdesk.providers.json_values import instant, prose, rows, text
from numberdesk.providers.reader import Reader
from numberdesk.providers.telnyx.api import new_id, resource
from numberdesk.providers.telnyx.errors import NotFoundError, SatisfiedError
from numberdesk.providers.telnyx.statuses import ENDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numberdesk.domain.order import Order, SubOrder
    from numberdesk.domain.values import Address
    from numberdesk.providers.telnyx.api import Api

# Of a requirement group, and of each value in it. "no-longer-eligible" is in the guide (requirement groups) and not in the OpenAPI
# document; the last two are from similar objects.
_USELESS = frozenset({"declined", "expired", "no-longer-eligible", "rejected", "cancelled"})

_COMMENTERS = frozenset({"admin", "user"})
_MAX_COMMENT = 50_000
"""Characters. Telnyx publishes no limit, and a comment too large for an item of the table would stop every poll of its order."""

_Call = tuple[str, dict[str, object]]
"""Path and content."""


# Addresses and documents


def create_address(api: Api, address: Address, reference: str, settings: Mapping[str, bool]) -> str:
    """Create an address with the account's `settings`, and return its id."""
    given = address.model_dump(mode="json", exclude_none=True)
    # The OpenAPI document requires all three, and says that either the first two or the last must have a value.
    names = {name: "" for name in ("first_name", "last_name", "business_name") if name not in given}
    return new_id(api.write("POST", "addresses", {**given, **names, **settings, "customer_reference": reference}))


def upload_document(api: Api, content: bytes, filename: str, reference: str) -> str:
    """Upload a document and return its id. Unless it is linked within 30 minutes it is deleted (OpenAPI document).

    In JSON, as the official SDK does: the file's type follows from its name and content.
    """
    document: dict[str, object] = {
        "file": base64.b64encode(content).decode(),
        "filename": filename,
        "customer_reference": reference,
    }
    return new_id(api.write("POST", "documents", document))


# Values and requirement groups


def supply(
    api: Api, order: Order, values: Mapping[str, str], *, sub_order_id: str | None = None, number: str | None = None
) -> str:
    """Supply values by requirement id, and return Telnyx's status.

    For the whole order, each open sub order gets the values of its requirements, and the order gets those of no known sub order.
    """
    if number is not None:
        return _each(api, "PATCH", [(_number(order, number), _content(values))])
    if sub_order_id is not None:
        return _each(api, "PATCH", [(_sub_order(order, sub_order_id), _content(values))])
    left = dict(values)
    calls: list[_Call] = []
    for sub_order in _open(order):
        asked = {requirement.id for requirement in order.requirements if requirement.sub_order_id == sub_order.id}
        if given := {name: value for name, value in values.items() if name in asked}:
            calls.append((resource("sub_number_orders", sub_order.id), _content(given)))
            left = {name: value for name, value in left.items() if name not in given}
    if left:
        calls.append((resource("number_orders", order.provider_order_id or ""), _content(left)))
    return _each(api, "PATCH", calls)


def attach_group(
    api: Api, order: Order, group_id: str, *, sub_order_id: str | None = None, number: str | None = None
) -> str:
    """Attach a requirement group to each open sub order that has requirements, to one sub order or to one number.

    Orders do not follow later changes of the group (guide: requirement groups); attaching it again applies them.
    """
    if number is not None:
        targets = [_number(order, number)]
    elif sub_order_id is not None:
        targets = [_sub_order(order, sub_order_id)]
    else:
        if not order.sub_orders:
            raise NotSentError("the order's parts at Telnyx are not known yet")
        asking = {requirement.sub_order_id for requirement in order.requirements}
        still_open = _open(order)
        fitting = [each for each in still_open if each.id in asking] or still_open
        targets = [resource("sub_number_orders", each.id) for each in fitting]
    content: dict[str, object] = {"requirement_group_id": group_id}
    return _each(api, "POST", [(f"{target}/requirement_group", content) for target in targets])


def _open(order: Order) -> list[SubOrder]:
    return [sub_order for sub_order in order.sub_orders if sub_order.provider_status not in ENDED]


def _sub_order(order: Order, sub_order_id: str) -> str:
    if sub_order_id not in {sub_order.id for sub_order in order.sub_orders}:
        raise RefusedError("the order has no such sub order")
    return resource("sub_number_orders", sub_order_id)


def _number(order: Order, number: str) -> str:
    asset = next((each for each in order.assets if each.value == number), None)
    if asset is None:
        raise RefusedError("the order has no such number")
    if asset.provider_id is None:
        raise NotSentError("the number's id at Telnyx is not known yet")
    return resource("number_order_phone_numbers", asset.provider_id)


def _content(values: Mapping[str, str]) -> dict[str, object]:
    return {"regulatory_requirements": [{"requirement_id": it, "field_value": value} for it, value in values.items()]}


def _each(api: Api, method: str, calls: Sequence[_Call]) -> str:
    """Make all calls, however many are refused or not permitted.

    Raises:
        RefusedError: one was refused, or there is no call to make.
    """
    statuses: list[str] = []
    refused: list[RefusedError] = []
    not_permitted: NotPermittedError | None = None
    for path, content in calls:
        try:
            shown = api.write(method, path, content)
        except SatisfiedError:
            statuses.append("already satisfied")
        except RefusedError as error:
            refused.append(error)
        except NotPermittedError as error:
            not_permitted = error
        else:
            statuses.append(text(shown.get("requirements_status")) or text(shown.get("status")) or "taken")
    if not calls:
        raise RefusedError("nothing of the order is open any more")
    if refused and statuses:
        first = refused[0]
        raise RefusedError(f"{len(refused)} of {len(calls)} parts of the order: {first.detail}", code=first.code)
    if refused:
        raise refused[0]
    if not_permitted is not None:
        raise not_permitted
    return joined(map(harmless, dict.fromkeys(statuses)))


def check_group(api: Api, group_id: str, country: str | None, number_type: str | None) -> list[str]:
    """Return what makes a requirement group unusable for numbers of this country and type; empty if nothing does."""
    try:
        group = api.get_bare(resource("requirement_groups", group_id))
    except NotFoundError:
        return ["there is no such requirement group"]
    if group.get("id") != group_id:
        raise UnreadableError("an answer that does not show the requirement group")
    issues = []
    for name, wanted in (("country_code", country), ("phone_number_type", number_type)):
        shown = text(group.get(name))
        if wanted and shown and shown != wanted:
            issues.append(f"the requirement group has {name} {quoted(shown)}, and the numbers {wanted}")
    if (action := text(group.get("action"))) not in (None, "ordering"):
        issues.append(f"the requirement group is for {quoted(action or '')}, not for ordering")
    if (status := text(group.get("status"))) in _USELESS:
        issues.append(f"the requirement group is {status}")
    if _is_past(group.get("expires_at"), api):
        issues.append("the requirement group has expired")
    values = rows(group.get("regulatory_requirements"))
    # A group may be approved although one of its values no longer is.
    bad = {
        "has no value for {}": [value for value in values if value.get("field_value") in (None, "")],
        **{
            f"has a value for {{}} that is {status}": [each for each in values if text(each.get("status")) == status]
            for status in sorted(_USELESS)
        },
        "has a value for {} that has expired": [value for value in values if _is_past(value.get("expires_at"), api)],
    }
    for what, which in bad.items():
        if which:
            named = listed(text(each.get("requirement_id")) or "?" for each in which)
            issues.append(f"the requirement group {what.format(named)}")
    return issues


def _is_past(value: object, api: Api) -> bool:
    at = instant(value)
    return at is not None and at <= api.clock.now()


# Comments


def comments(api: Api, sub_order_id: str) -> list[CommentSeen]:
    """Read all comments of a sub order."""
    data, whole = api.listed("comments", *about(sub_order_id))
    if not whole:
        raise UnreadableError("more comments than can be read")
    # Our own comment must not be read as a reviewer's, or it would be posted again.
    return comments_shown(Reader(), data, sub_order_id, api.clock.now(), untyped_by_provider=False)


def about(sub_order_id: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the filters of `GET /comments` for a sub order."""
    return ("filter[comment_record_type]", "sub_number_order"), ("filter[comment_record_id]", sub_order_id)


def comments_shown(
    reader: Reader, data: object, sub_order_id: str, now: datetime, *, untyped_by_provider: bool = True
) -> list[CommentSeen]:
    """Read the comments in a response that are about a sub order. One whose date cannot be read counts as written now.

    One without an author counts as the provider's: better to report a comment too many than one too few.
    """
    found = []
    for row in reader.rows("comments", data):
        if row.get("comment_record_id") not in (sub_order_id, None):
            continue
        comment_id, body = reader.id("comment.id", row.get("id")), row.get("body")
        if not isinstance(body, str):
            reader.note("comment.body", body, personal=True)
        if comment_id is None or not isinstance(body, str):
            continue
        commenter = reader.enum("comment.commenter_type", row.get("commenter_type"), _COMMENTERS)
        at, read_at = reader.instant("comment.created_at", row.get("created_at")), row.get("read_at")
        reader.instant("comment.read_at", read_at)
        found.append(
            CommentSeen(
                id=comment_id,
                sub_order_id=sub_order_id,
                body=prose(body, most=_MAX_COMMENT),
                by_provider=commenter != "user" if commenter else untyped_by_provider,
                at=at or now,
                read=read_at not in (None, "", False),
            )
        )
    return found


def comment(api: Api, sub_order_id: str, body: str) -> str:
    """Post a comment on a sub order and return its id."""
    content: dict[str, object] = {
        "body": body,
        "comment_record_type": "sub_number_order",
        "comment_record_id": sub_order_id,
    }
    return new_id(api.write("POST", "comments", content))


def mark_read(api: Api, comment_id: str) -> None:
    api.write("PATCH", f"{resource('comments', comment_id)}/read")
