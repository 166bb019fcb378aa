"""The routes of the API as data: the app, the OpenAPI document and the policies of the template are made from it or held to it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import unquote

from numberdesk.domain.text import nearest
from numberdesk.services.problems import Problem

Policy = Literal["read", "operate", "spend"]


class Route(NamedTuple):
    """One route. Its path is written as OpenAPI does, without the stage."""

    method: str
    path: str
    policy: Policy
    """The managed policy that allows it: `read` changes nothing, `operate` changes but buys nothing, `spend` may buy."""
    operation_id: str
    """The name of the function that answers it."""
    summary: str
    status: int = 200
    problems: tuple[Problem, ...] = ()
    """What it may say beside what any route may."""

    @property
    def parts(self) -> list[str]:
        """The parts of its path."""
        return self.path.split("/")[1:]

    @property
    def tag(self) -> str:
        """The first part of its path."""
        return self.parts[0]

    def matches(self, path: str) -> bool:
        """Whether a path of a request is one of its."""
        return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", self.path), path.rstrip("/")) is not None


_ASKS = (Problem.NOT_ABLE, Problem.PROVIDER_REFUSED, Problem.PROVIDER_UNAVAILABLE, Problem.ACCOUNT_UNUSABLE)
"""Of a route that asks a provider."""
_WRITES = (
    Problem.NOT_FOUND,
    Problem.ORDER_ENDED,
    Problem.NOT_PLACED,
    Problem.TOO_MANY_OPERATIONS,
    Problem.NOT_ABLE,
    Problem.CHANGED_MEANWHILE,
)
"""Of a route that asks something to be done for an order."""
_SUPPLIES = (
    *_WRITES,
    *_ASKS,
    Problem.ALREADY_SUPPLIED,
    Problem.BEING_SUPPLIED,
    Problem.FILE_MISSING,
    Problem.FILE_NOT_TAKEN,
)
_DECIDES = (Problem.NOT_FOUND, Problem.ORDER_ENDED, Problem.CHANGED_MEANWHILE)
"""Of a route by which a person decides on an order."""
_PROFILE = "/profiles/{provider}/{account}/{country}/{number_type}"

ROUTES: tuple[Route, ...] = (
    Route("POST", "/orders", "spend", "submit_order", "Submit an order", 202, (Problem.ORDER_ID_REUSED,)),
    Route("GET", "/orders", "read", "list_orders", "List orders"),
    Route("GET", "/orders/{order_id}", "read", "get_order", "Read an order", 200, (Problem.NOT_FOUND,)),
    Route("GET", "/orders/{order_id}/numbers", "read", "list_numbers", "List an order's numbers and keywords", 200, (Problem.NOT_FOUND,)),
    Route("GET", "/orders/{order_id}/ledger", "read", "list_ledger", "Read what happened to an order", 200, (Problem.NOT_FOUND,)),
    Route("GET", "/orders/{order_id}/webhooks", "read", "list_webhooks", "Read an order's webhooks as they came", 200, (Problem.NOT_FOUND,)),
    Route("GET", "/orders/{order_id}/comments", "read", "list_comments", "Read an order's comments as they were last seen", 200, (Problem.NOT_FOUND,)),
    Route("GET", "/orders/{order_id}/requirements", "read", "list_order_requirements", "Say what an order takes, and where each requirement stands", 200, (Problem.NOT_FOUND, *_ASKS)),
    Route("POST", "/orders/{order_id}/requirements", "operate", "supply_values", "Supply values, or tick off the order's own requirements", 202, _SUPPLIES),
    Route("POST", "/orders/{order_id}/requirement-group", "operate", "attach_requirement_group", "Answer with a requirement group", 202, _SUPPLIES),
    Route("POST", "/orders/{order_id}/files", "operate", "upload_order_file", "Get a form to upload a file by", 201, (Problem.NOT_FOUND, Problem.ORDER_ENDED, Problem.NOT_ABLE)),
    Route("POST", "/orders/{order_id}/comments", "operate", "post_comment", "Post a comment", 202, _WRITES),
    Route("POST", "/orders/{order_id}/comments/{comment_id}/read", "operate", "mark_comment_read", "Mark a comment as read", 202, _WRITES),
    Route("POST", "/orders/{order_id}/extensions", "operate", "request_extension", "Ask for more time", 202, _WRITES),
    Route("POST", "/orders/{order_id}/acknowledgements", "operate", "acknowledge", "Say that somebody is on it", 200, _WRITES),
    Route("POST", "/orders/{order_id}/cancel", "operate", "cancel_order", "Cancel an order, or a sub order", 202, (*_WRITES, Problem.CANNOT_CANCEL)),
    Route("POST", "/orders/{order_id}/sync", "operate", "sync_order", "Look at an order now", 202, _WRITES),
    Route("POST", "/orders/{order_id}/replay", "operate", "replay_webhooks", "Handle an order's webhooks again", 200, (Problem.NOT_FOUND,)),
    Route("POST", "/orders/{order_id}/approve", "spend", "approve_order", "Approve a held order", 200, (*_DECIDES, Problem.NOT_HELD)),
    Route("POST", "/orders/{order_id}/reject", "spend", "reject_order", "Reject a held order: cancel it", 200, (*_DECIDES, Problem.NOT_HELD)),
    Route("POST", "/orders/{order_id}/resolve", "spend", "resolve_purchase", "Say what became of a purchase with an unknown outcome", 200, (*_DECIDES, *_ASKS, Problem.NOT_UNKNOWN, Problem.CLAIMED)),
    Route("POST", "/orders/{order_id}/numbers/{value}/release", "spend", "release_number", "Give a number or keyword back", 202, (Problem.NOT_FOUND, Problem.NOT_ABLE, Problem.TOO_MANY_OPERATIONS, Problem.CHANGED_MEANWHILE)),
    Route("POST", "/orders/{order_id}/erase", "operate", "erase_order", "Erase the personal data of an order", 200, (Problem.NOT_FOUND, Problem.ORDER_OPEN, Problem.CHANGED_MEANWHILE)),
    Route("GET", "/placing", "read", "get_placing", "Say whether orders are placed, and if not, why"),
    Route("PUT", "/placing", "spend", "turn_placing", "Switch all placing off or on", 200, (Problem.CHANGED_MEANWHILE,)),
    Route("POST", "/placing/confirm-restore", "spend", "confirm_restore", "Let placing go on from a restored table", 200, (Problem.NOT_RECONCILED, Problem.CHANGED_MEANWHILE)),
    Route("GET", "/spending", "read", "get_spending", "Say what is reserved of each account's limits today"),
    Route("GET", "/status", "read", "get_status", "Say how numberdesk stands, at a glance"),
    Route("GET", "/vetting", "read", "get_vetting", "Say how long numbers were vetted, by country and type"),
    Route("GET", "/activity", "read", "list_activity", "Say who did what"),
    Route("GET", "/accounts", "read", "list_accounts", "List the accounts that there are"),
    Route("POST", "/accounts/{provider}/{account}/retire", "operate", "retire_account", "Retire an account", 200, (Problem.NOT_FOUND, Problem.ACCOUNT_IN_USE, Problem.CHANGED_MEANWHILE)),
    Route("POST", "/accounts/{provider}/{account}/reinstate", "spend", "reinstate_account", "Use a retired account again", 200, (Problem.NOT_FOUND, Problem.CHANGED_MEANWHILE)),
    Route("GET", "/providers", "read", "list_providers", "Say what each provider can do"),
    Route("GET", "/providers/{provider}/requirements", "read", "list_requirements", "Say what numbers take, before they are bought", 200, _ASKS),
    Route("POST", "/providers/{provider}/search", "read", "search", "Search for numbers, keywords or regions", 200, _ASKS),
    Route("GET", "/providers/{provider}/numbers", "read", "list_owned", "List what an account owns", 200, _ASKS),
    Route("GET", "/providers/{provider}/webhooks", "read", "list_registrations", "List registered webhooks or postbacks", 200, _ASKS),
    Route("POST", "/providers/{provider}/webhooks", "operate", "register_webhook", "Register this stack's webhook or postback", 201, _ASKS),
    Route("DELETE", "/providers/{provider}/webhooks/{registration_id}", "operate", "unregister_webhook", "Delete a registration", 204, (Problem.NOT_FOUND, *_ASKS)),
    Route("GET", "/providers/{provider}/deliveries", "read", "list_deliveries", "List webhooks that the provider sent, and how they were answered", 200, _ASKS),
    Route("GET", "/profiles", "read", "list_profiles", "List a provider's profiles"),
    Route("GET", _PROFILE, "read", "get_profile", "Read a profile", 200, (Problem.NOT_FOUND,)),
    Route("PUT", _PROFILE, "operate", "put_profile", "Write a profile", 200, (*_ASKS, Problem.FILE_MISSING, Problem.FILE_NOT_TAKEN, Problem.CHANGED_MEANWHILE)),
    Route("DELETE", _PROFILE, "operate", "delete_profile", "Delete a profile and its files", 204, (Problem.NOT_FOUND,)),
    Route("POST", f"{_PROFILE}/files", "operate", "upload_profile_file", "Get a form to upload a file of a profile by", 201, (Problem.NOT_ABLE,)),
    Route("GET", "/dead-letters", "read", "count_dead_letters", "Say how many letters lie in each dead-letter queue"),
    Route("GET", "/dead-letters/{queue}", "read", "peek_dead_letters", "Look at dead letters"),
    Route("POST", "/dead-letters/orders/redrive", "spend", "redrive_orders", "Put order messages back on the order queue"),
    Route("POST", "/dead-letters/sync/redrive", "operate", "redrive_sync", "Put sync messages back on the sync queue"),
    Route("GET", "/unmatched-webhooks", "read", "list_unmatched_webhooks", "Read webhooks that belong to no order"),
    Route("POST", "/unmatched-webhooks/replay", "operate", "replay_unmatched_webhooks", "Handle them again", 200, (Problem.NOT_FOUND,)),
)  # fmt: skip


def route_of(method: str, path: str) -> Route | None:
    """Find the route of a request; none where there is none."""
    return next((route for route in ROUTES if route.method == method and route.matches(path)), None)


def nearest_route(method: str, path: str) -> Route | None:
    """Find the route that an unknown path may have meant: part by part, those stay whose name is nearest, or that take any there.

    Args:
        method: as it was sent.
        path: as it was sent. No more parts of it are read than the longest route has.

    Returns:
        The route, of the same method where there is one; none where the first part is near to no route's.
    """
    left, depth = ROUTES, 0
    for part in path.strip("/").split("/"):
        deeper = [route for route in left if len(route.parts) > depth]
        names = {route.parts[depth] for route in deeper}
        parameters = {name for name in names if name.startswith("{")}
        taken = {nearest(part, names - parameters), *parameters}
        fitting = tuple(route for route in deeper if route.parts[depth] in taken)
        if not fitting:
            break
        left, depth = fitting, depth + 1
    return min(left, key=lambda route: (abs(len(route.parts) - depth), route.method != method)) if depth else None


def decoded(path: str) -> str:
    """Decode the parameters of a path, once: API Gateway (REST) hands a path on as it was sent.

    The rest of a path must stand there as it is: it is what policies allow. A parameter stays encoded where it is not UTF-8, or
    holds a slash, which would make it two; no parameter of ours takes a percent sign.
    """
    route = next((route for route in ROUTES if route.matches(path)), None)
    if route is None:
        return path
    parts = path.split("/")
    for index, name in enumerate(route.path.split("/")):
        if name.startswith("{"):
            parts[index] = _decoded(parts[index])
    return "/".join(parts)


def _decoded(part: str) -> str:
    try:
        text = unquote(part, errors="strict")
    except UnicodeDecodeError:
        return part
    return part if "/" in text else text
