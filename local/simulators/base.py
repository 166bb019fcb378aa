"""Common parts of the three simulators: request log, faults, accounts, sales, controls, and the transport for tests.

A simulator holds its state in memory behind one lock and has no thread: before each request and each control,
everything that is due by the clock happens (``_advance``). Its driver calls ``pump()`` to send webhooks.
"""

from __future__ import annotations

import inspect
import json
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import cache, cached_property, wraps
from typing import Any, TypeVar, cast

import httpx
from flask import Flask, Response, g, request
from werkzeug.routing import Map, Rule

from local.simulators.clock import Clock
from local.simulators.faults import WORK_NOT_DONE, Fault, FaultKind, FaultScript
from local.simulators.outbox import Attempt, Outbox

Method = TypeVar("Method", bound=Callable[..., Any])
View = Callable[..., Response]

FAULT_HEADER = "X-Simulator-Fault"
DELAY_HEADER = "X-Simulator-Delay"
OVER_HTTP = "simulator.over_http"
"""WSGI environ flag that the HTTP server sets: only there do slow answers really sleep and lost ones hold a socket."""


def control(method: Method) -> Method:
    """Mark a method as a control: it runs under the lock on an up-to-date state, and is served at POST /_sim/<name>."""

    @wraps(method)
    def run(self: Simulator, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            self._advance(self.clock.now())
            return method(self, *args, **kwargs)

    run.is_control = True  # type: ignore[attr-defined]
    return cast("Method", run)


class RefusalError(Exception):
    """An error response of the provider, raised anywhere in a view."""

    def __init__(
        self, status: int, body: str, content_type: str = "application/json", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = dict(headers or {})

    def response(self) -> Response:
        return Response(self.body, status=self.status, content_type=self.content_type, headers=self.headers)


@dataclass(frozen=True)
class RequestRecord:
    """One call that reached the simulator; no credentials. ``status`` is the status answered, or that would have been."""

    at: datetime
    operation: str
    account: str
    method: str
    path: str
    query: dict[str, Any]
    form: dict[str, Any]
    json: Any
    status: int
    fault: str | None


@dataclass(frozen=True)
class Sale:
    """One order that the provider accepted. ``content`` is the request as it came (form or JSON)."""

    at: datetime
    account: str
    order_id: str
    reference: str | None
    numbers: tuple[str, ...]
    content: dict[str, Any]


@dataclass(frozen=True)
class Credential:
    secret: str
    account: str


@dataclass
class Settings:
    """Base of each provider's settings; ``configure`` changes them by name."""

    live: bool = True
    """Behave as live systems are reported to (docs/field.md); else only as documented."""

    def change(self, values: Mapping[str, Any]) -> None:
        known = {f.name for f in fields(self)}
        if unknown := sorted(values.keys() - known):
            raise ValueError(f"unknown settings {unknown}; known: {sorted(known)}")
        for name, value in values.items():
            setattr(self, name, value)


def plain(value: Any) -> Any:
    """Return JSON for values that have none: instants as ISO 8601, bytes as text, dataclasses as objects."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def json_response(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body, default=plain), status=status, content_type="application/json")


def _flat(values: Mapping[str, list[str]]) -> dict[str, Any]:
    return {name: items[0] if len(items) == 1 else items for name, items in values.items()}


@dataclass
class _Ledger:
    requests: list[RequestRecord] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)


class _MatchedOnly(Rule):
    """A route from which no URL is built: compiling the unused builder was most of a simulator's start-up time."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return lambda *_: ("", "")


@cache
def _url_map(routes: tuple[tuple[str, str, tuple[str, ...]], ...]) -> Map:
    """Make the map of these routes once for all simulators that have them: parsing the paths takes longest."""
    return Map([_MatchedOnly(path, endpoint=endpoint, methods=methods) for endpoint, path, methods in routes])


class Simulator:
    """Base class. A provider adds its routes with ``_route`` and says how it authenticates and how time passes."""

    name = ""

    def __init__(self, settings: Settings, clock: Clock | None = None, seed: int = 1) -> None:
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.random = random.Random(seed)
        self.outbox = Outbox()
        self._routes: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._views: dict[str, View] = {}
        self._settings = settings
        self._credentials: dict[str, Credential] = {}
        self._blocks: dict[str, str] = {}
        self._faults = FaultScript()
        self._ledger = _Ledger()
        self._add_route("/_sim/<command>", "_sim", self._serve_control, "GET", "POST")

    @cached_property
    def app(self) -> Flask:
        """The WSGI application. It is made when it is first used: most tests use one simulator of the three."""
        made = Flask(f"simulator.{self.name}", static_folder=None, root_path="/")
        made.url_map = _url_map(tuple((name, *route) for name, route in self._routes.items()))
        made.view_functions |= self._views
        made.register_error_handler(404, self._unrouted)
        made.register_error_handler(405, self._unrouted)
        return made

    # What a provider must say -----------------------------------------------------------------------------------

    def _authenticate(self) -> str:
        """Return the account of the current request; raise RefusalError in the provider's own format."""
        raise NotImplementedError

    def _advance(self, now: datetime) -> None:
        """Let everything happen that is due by ``now``."""
        raise NotImplementedError

    def _too_many(self, headers: Mapping[str, str]) -> RefusalError:
        """Return the provider's 429."""
        raise NotImplementedError

    def _not_found(self) -> RefusalError:
        """Return the provider's response for a path or an id that does not exist."""
        raise NotImplementedError

    def _order_rows(self) -> list[dict[str, Any]]:
        """Return every order with at least order_id, reference, account, status, numbers."""
        raise NotImplementedError

    # Plumbing ---------------------------------------------------------------------------------------------------

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _route(self, method: str, path: str, operation: str, view: View) -> None:
        def serve(**arguments: Any) -> Response:
            return self._serve(operation, view, arguments)

        self._add_route(path, f"{operation} {path}", serve, method)

    def _add_route(self, path: str, endpoint: str, view: View, *methods: str) -> None:
        if endpoint in self._routes:
            raise ValueError(f"{endpoint} has a route already")
        self._routes[endpoint] = path, methods
        self._views[endpoint] = view

    def _serve(self, operation: str, view: View, arguments: dict[str, Any]) -> Response:
        # Before the form is parsed: a signature is over the raw bytes.
        body = request.get_data(cache=True).decode(errors="replace")
        with self.lock:
            self._advance(self.clock.now())
            fault = self._faults.next(operation, body)
            g.account = ""
            if fault is not None and fault.kind in WORK_NOT_DONE:
                response = self._fault_response(fault)
            else:
                response = self._answer(view, arguments)
                if fault is not None:
                    response = self._spoil(fault, response)
            self._log(operation, response.status_code, fault)
        if fault is not None:
            _take_time(fault)
        return response

    def _answer(self, view: View, arguments: dict[str, Any]) -> Response:
        try:
            g.account = self._authenticate()
            return view(**arguments)
        except RefusalError as refusal:
            return refusal.response()

    def _fault_response(self, fault: Fault) -> Response:
        if fault.kind == "throttle":
            headers = {}
            if fault.retry_after is not None:
                headers["Retry-After"] = fault.retry_after
            if fault.reset is not None:
                headers |= {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(fault.reset)}
            return self._too_many(headers).response()
        if fault.kind == "drop_before":
            return Response("", status=502, headers={FAULT_HEADER: "dropped"})
        body = fault.body if fault.body is not None else f"<html><body>{fault.status}</body></html>"
        return Response(body, status=fault.status, content_type=fault.content_type)

    def _spoil(self, fault: Fault, response: Response) -> Response:
        if fault.kind == "status_after":
            return self._fault_response(fault)
        if fault.kind == "lose_answer":
            response.headers[FAULT_HEADER] = "lost"
        elif fault.kind == "slow":
            response.headers[DELAY_HEADER] = str(fault.seconds)
        elif fault.kind == "nonsense":
            return Response("<html><body>Welcome</body></html>", status=200, content_type="text/html")
        elif fault.kind == "truncated":
            body = response.get_data()
            response.set_data(body[: len(body) // 2])
        return response

    def _log(self, operation: str, status: int, fault: Fault | None) -> None:
        self._ledger.requests.append(
            RequestRecord(
                at=self.clock.now(),
                operation=operation,
                account=g.get("account", ""),
                method=request.method,
                path=request.path,
                query=_flat(request.args.to_dict(flat=False)),
                form=_flat(request.form.to_dict(flat=False)),
                json=request.get_json(silent=True) if request.is_json else None,
                status=status,
                fault=fault.kind if fault else None,
            )
        )

    def _unrouted(self, error: Exception) -> Response:
        with self.lock:
            self._log("unrouted", 404, None)
        return self._not_found().response()

    def _sell(self, order_id: str, reference: str | None, numbers: list[str], content: dict[str, Any]) -> None:
        self._ledger.sales.append(Sale(self.clock.now(), g.account, order_id, reference, tuple(numbers), content))

    def _serve_control(self, command: str) -> Response:
        method = getattr(self, command, None)
        if not getattr(method, "is_control", False):
            return json_response({"error": f"no control {command!r}"}, 404)
        arguments = request.args.to_dict() if request.method == "GET" else request.get_json(silent=True) or {}
        try:
            inspect.signature(method).bind(**arguments)  # type: ignore[arg-type]
        except TypeError as error:
            return json_response({"error": f"{command}: {error}"}, 400)
        try:
            return json_response({"result": method(**arguments)})  # type: ignore[misc]
        except LookupError as error:
            return json_response({"error": str(error)}, 404)
        except (TypeError, ValueError) as error:
            return json_response({"error": str(error)}, 400)

    # Controls that every provider has ---------------------------------------------------------------------------

    @control
    def now(self) -> str:
        """Return the simulator's present, ISO 8601."""
        return self.clock.now().isoformat()

    @control
    def advance(self, seconds: float) -> str:
        """Move the clock and let what becomes due happen; return the new present, ISO 8601."""
        self._advance(self.clock.advance(seconds))
        return self.clock.now().isoformat()

    @control
    def configure(self, **settings: Any) -> dict[str, Any]:
        """Change settings by name; returns all of them. ValueError for an unknown name."""
        self._settings.change(settings)
        return asdict(self._settings)

    @control
    def allow(self, login: str, secret: str = "", account: str = "default") -> None:
        """Accept these credentials for this account (Telnyx: ``login`` is the API key, ``secret`` stays empty)."""
        self._credentials[login] = Credential(secret, account)

    @control
    def revoke(self, login: str) -> None:
        """Refuse these credentials from now on. LookupError where they were not accepted."""
        del self._credentials[login]

    @control
    def block(self, account: str = "default", *, code: str) -> None:
        """Refuse new orders of this account with the provider's error ``code`` (no funds, verification, ...).

        Telnyx "20100", TeleSign "-10030"; CallFire, which has no codes, answers with it as the message.
        """
        self._blocks[account] = code

    @control
    def unblock(self, account: str = "default") -> None:
        self._blocks.pop(account, None)

    @control
    def fault(self, operation: str, kind: FaultKind, times: int | None = 1, **options: Any) -> None:
        """Script a fault of an operation ("*": any), for the next ``times`` calls (None: until cleared).

        Options are the fields of ``Fault``: after (calls to let pass first), seconds, status, body, content_type,
        retry_after, reset, holding (only calls whose body holds this text).
        """
        self._faults.add(Fault(operation, kind, times, **options))

    @control
    def clear_faults(self) -> None:
        self._faults.clear()

    @control
    def orders(self) -> list[dict[str, Any]]:
        """Return every order, oldest first, with at least order_id, reference, account, status, numbers."""
        return self._order_rows()

    @control
    def requests(self, operation: str | None = None) -> list[RequestRecord]:
        """Return the calls that came in, oldest first, of one operation or of all."""
        return [r for r in self._ledger.requests if operation in (None, r.operation)]

    @control
    def sales(self, number: str | None = None) -> list[Sale]:
        """Return the accepted orders, oldest first: those with this number or keyword, or all."""
        return [sale for sale in self._ledger.sales if number is None or number in sale.numbers]

    @control
    def purchases(self, reference: str | None = None, number: str | None = None, **content: Any) -> int:
        """Count the accepted orders that match all arguments.

        ``reference``: contained in the order's customer_reference or description; ``number``: one of those ordered;
        anything else: a field of the request as it came, compared for equality.
        """
        return sum(
            (reference is None or reference in (sale.reference or ""))
            and (number is None or number in sale.numbers)
            and all(sale.content.get(name) == value for name, value in content.items())
            for sale in self._ledger.sales
        )

    @control
    def delivery(
        self,
        *,
        retry_seconds: float | None = None,
        max_attempts: int | None = None,
        newest_first: bool | None = None,
    ) -> None:
        """Set how webhooks are sent: first wait before a retry (doubling), attempts in all, out of order or not."""
        box = self.outbox
        box.retry_seconds = box.retry_seconds if retry_seconds is None else retry_seconds
        box.max_attempts = box.max_attempts if max_attempts is None else max_attempts
        box.newest_first = box.newest_first if newest_first is None else newest_first

    @control
    def deliveries(self) -> list[Attempt]:
        """Return every attempt to deliver a webhook or postback, oldest first."""
        return list(self.outbox.log)

    def pump(self) -> list[Attempt]:
        """Send the webhooks that are due; return the attempts made. Not a control: it makes network calls."""
        with self.lock:
            now = self.clock.now()
            self._advance(now)
            due = self.outbox.take_due(now)
        made = []
        for delivery, headers, body in due:
            status = self.outbox.deliver(delivery, headers, body)
            with self.lock:
                made.append(self.outbox.record(delivery, headers, body, status, self.clock.now()))
        return made


def _take_time(fault: Fault) -> None:
    """Over HTTP: sleep, and close the socket of an answer that is to be lost. In process nobody sleeps."""
    if not request.environ.get(OVER_HTTP):
        return
    if fault.kind in ("slow", "lose_answer"):
        time.sleep(fault.seconds)
    if fault.kind in ("lose_answer", "drop_before"):
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


class SimulatorTransport(httpx.BaseTransport):
    """httpx transport that serves a simulator in process, and turns its faults into network errors.

    A lost response, or one slower than the request's read time-out, is httpx.ReadTimeout; a connection dropped before
    the work is httpx.ConnectError. Time is not spent in either case.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._inner = httpx.WSGITransport(app=simulator.app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        fault = response.headers.get(FAULT_HEADER)
        if fault == "dropped":
            raise httpx.ConnectError("simulator dropped the connection", request=request)
        read_timeout = request.extensions.get("timeout", {}).get("read")
        delay = float(response.headers.get(DELAY_HEADER, 0))
        if fault == "lost" or (read_timeout is not None and delay >= read_timeout):
            raise httpx.ReadTimeout("simulator lost the answer", request=request)
        return response


def iso_z(instant: datetime, timespec: str = "seconds") -> str:
    """Return ISO 8601 in UTC with a final Z."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=timespec) + "Z"
