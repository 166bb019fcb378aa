"""Telnyx's HTTP conventions: keys, rate limits, errors, filters, pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Response, g, request

from local.simulators.base import RefusalError, json_response
from local.simulators.telnyx_desk import TelnyxDesk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local.simulators.clock import Clock

TITLES = {
    "10004": "Missing required parameter",
    "10005": "Resource not found",
    "10007": "Unexpected error",
    "10008": "Request timeout",
    "10009": "Authentication failed",
    "10011": "Too many requests",
    "10015": "Bad Request",
    "10016": "Phone number must be in +E.164 format",
    "10027": "Unprocessable Entity",
    "10031": "Invalid request filter",
    "10033": "Value outside of range",
    "10035": "Resource locked",
    "10036": "Resource is being processed",
    "10037": "Service unavailable",
    "10038": "Feature not permitted",
    "10039": "Feature limited",
    "20012": "Account inactive",
    "20013": "Account blocked",
    "20014": "Account not verified",
    "20100": "Insufficient Funds",
    "85000": "Must search phone number via search API first",
    "85001": "Numbers no longer available",
    "85003": "Requirements already satisfied",
}


def refusal(
    status: int, code: str, detail: str, pointer: str = "/base", headers: Mapping[str, str] | None = None
) -> RefusalError:
    error = {
        "code": code,
        "title": TITLES.get(code, "Error"),
        "detail": detail,
        "source": {"pointer": pointer},
        "meta": {"url": f"https://developers.telnyx.com/docs/overview/errors/{code}"},
    }
    return RefusalError(status, json.dumps({"errors": [error]}), headers=headers)


class TelnyxHttp(TelnyxDesk):
    """Common to all routes."""

    def __init__(self, clock: Clock | None, seed: int, private_key: bytes | None, webhook_urls: Iterable[str]) -> None:
        super().__init__(clock, seed, private_key, webhook_urls)
        self._calls: dict[str, tuple[int, int]] = {}

    def _authenticate(self) -> str:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        credential = self._credentials.get(key) if scheme == "Bearer" else None
        if credential is None:
            raise refusal(401, "10009", "Could not understand the provided credentials.")
        second = int(self.clock.now().timestamp())
        window, calls = self._calls.get(credential.account, (second, 0))
        calls = calls + 1 if window == second else 1
        self._calls[credential.account] = (second, calls)
        g.remaining = max(0, self.settings.rate_limit - calls)
        if calls > self.settings.rate_limit:
            raise self._too_many({})
        return credential.account

    def _answer(self, view: Callable[..., Response], arguments: dict[str, Any]) -> Response:
        response = super()._answer(view, arguments)
        if "remaining" in g:
            response.headers["x-ratelimit-limit"] = f"{self.settings.rate_limit}, {self.settings.rate_limit};w=1"
            response.headers["x-ratelimit-remaining"] = str(g.remaining)
            response.headers["x-ratelimit-reset"] = "1"
        return response

    def _too_many(self, headers: Mapping[str, str]) -> RefusalError:
        return refusal(429, "10011", "You have exceeded the maximum number of allowed requests.", headers=headers)

    def _not_found(self) -> RefusalError:
        return refusal(404, "10005", "The requested resource or URL could not be found.")

    def _filters(self, *known: str) -> dict[str, str]:
        """Return the ``filter[...]`` parameters, e.g. {"created_at][gt": ...}; 10031 for an unknown one."""
        found = {name[7:-1]: value for name, value in request.args.items() if name.startswith("filter[")}
        if unknown := sorted(found.keys() - set(known)):
            raise refusal(
                400, "10031", f"The request filter filter[{unknown[0]}] is invalid.", f"/filter[{unknown[0]}]"
            )
        return found

    def _body(self) -> dict[str, Any]:
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise refusal(400, "10015", "The request body is not a JSON object.")
        return body

    def _cut(self, found: list[dict[str, Any]]) -> Response:
        """Return a list that declares no pages but has them all the same: live ones show only the first."""
        if self.settings.live:
            number = request.args.get("page[number]", "1")
            return self._page(found, int(number) if number.isdigit() else 1, self.settings.page_size)
        return self._page(found, 1, max(len(found), 20))

    def _paged(self, found: list[dict[str, Any]]) -> Response:
        """Return the page of a list selected by ``page[number]`` and ``page[size]``."""
        number, size = request.args.get("page[number]", "1"), request.args.get("page[size]", "20")
        if not (number.isdigit() and size.isdigit() and int(number) >= 1 and 1 <= int(size) <= 250):
            raise refusal(400, "10033", "page[number] is 1 or more, page[size] 1 to 250")
        return self._page(found, int(number), int(size))

    def _page(self, found: list[dict[str, Any]], number: int, size: int) -> Response:
        meta = {
            "page_number": number,
            "page_size": size,
            "total_pages": -(-len(found) // size),
            "total_results": len(found),
        }
        return json_response({"data": found[(number - 1) * size :][:size], "meta": meta})
