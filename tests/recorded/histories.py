"""Histories of orders: everything that came to an order, in order, and the record and the ledger that it led to.

Each version keeps the histories that it recorded (`<version>/histories.json.gz`), and every later one plays them. Only the inputs are
played: the message, what the provider shows, fails at and answers, wakes, webhooks and commands, each with its instant. So a change of a
rule shows in every order that it would have treated differently.

`python -m tests.recorded.histories VERSION` plays the histories of a version again and records what they lead to now.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import sys
import types
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from numberdesk.domain import snapshot
from numberdesk.domain.snapshot import (
    AssetSeen,
    CommentSeen,
    DeadlinesSeen,
    RequirementSeen,
    Snapshot,
    SubOrderSeen,
    UnknownValue,
)
from numberdesk.domain.statuses import AssetKind, AssetState, Phase, RequirementState
from numberdesk.providers import base
from numberdesk.services import receive
from numberdesk.services.place import read_wake
from numberdesk.services.problems import ProblemError
from tests.recorded.readers import HERE, plain
from tests.support.desks import ADesk
from tests.support.orders import NOW, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from dataclasses import Field

Step = dict[str, Any]
"""What came: `at` (its instant), `do` (its kind), and more by kind."""
Played = dict[str, Any]
"""The order and its ledger, as JSON."""

COUNT = 48
_NAMES = {each.__name__: each for each in (AssetKind, AssetState, RequirementState)}
_TYPES: dict[str, Any] = {**_NAMES, "datetime": datetime, "Mapping": dict}
_ERRORS: dict[str, Exception] = {
    "refused": base.RefusedError("no such numbers", code="10027", numbers_unavailable=True),
    "refused for good": base.RefusedError("not for you", code="10015"),
    "not sent": base.NotSentError("ConnectError"),
    "unreadable": base.UnreadableError("ReadTimeout"),
    "no such order": base.NoSuchOrderError("HTTP 404"),
    "account": base.AccountFaultError("HTTP 402", code="20100"),
}
_UNWRITTEN = {"message"}
"""Of ledger entries: sentences for people may be worded anew."""


# --- Playing ---


class _Player:
    """One order on a desk in memory. Each `_<kind>` carries out the steps of one kind."""

    def __init__(self) -> None:
        self.desk = ADesk()
        self.refusals: list[str] = []

    def play(self, step: Step) -> None:
        self.desk.time = datetime.fromisoformat(step["at"])
        try:
            getattr(self, f"_{step['do']}")(step)
        except ProblemError as error:
            self.refusals.append(f"{step['do']}: {error.problem.value}")

    def result(self) -> Played:
        order = self.desk.store.orders.get("order-1")
        entries = sorted(self.desk.store.entries.values(), key=lambda entry: (entry.subject, entry.position))
        ledger = [{name: value for name, value in plain(entry).items() if name not in _UNWRITTEN} for entry in entries]
        return {
            "order": plain(order),
            "ledger": ledger,
            "refusals": self.refusals,
            "bought": len(self.desk.carrier.bought),
        }

    def _order(self, step: Step) -> None:
        self._place(json.dumps(step["body"]))

    def _place(self, body: str) -> None:
        self.desk.placer.handle(body, message_id="m-1", correlation_id="c-1", time_left=lambda: timedelta(minutes=3))

    def _show(self, step: Step) -> None:
        self.desk.carrier.snapshot = _read(Snapshot, step["snapshot"])
        self.desk.carrier.written = list(self.desk.carrier.snapshot.comments)

    def _fail(self, step: Step) -> None:
        self.desk.carrier.fails.setdefault(step["call"], []).append(_ERRORS[step["error"]])

    def _lose(self, step: Step) -> None:
        self.desk.carrier.loses[step["call"]] += 1

    def _wake(self, step: Step) -> None:
        message = {"wake": {"order_id": "order-1", "wake_at": step["wake_at"]}}
        if step["queue"] == "orders":
            assert read_wake(json.dumps(message))
            self._place(json.dumps(message))
        else:
            self.desk.syncer.handle(message)

    def _webhook(self, step: Step) -> None:
        body = base64.b64decode(step["body"])
        made = receive.message("telnyx", "default", body, self.desk.time, key="key")
        self.desk.syncer.handle(json.loads(json.dumps(made, default=datetime.isoformat)))

    def _command(self, step: Step) -> None:
        commands, by = self.desk.commands, "arn:1"
        match step["name"]:
            case "cancel":
                commands.cancel("order-1", by, reason="no longer needed")
            case "acknowledge":
                commands.acknowledge("order-1", datetime.fromisoformat(step["until"]), by)
            case "comment":
                commands.comment("order-1", "More time, please.", by, sub_order_id="s-1")
            case "extend":
                commands.extend("order-1", by, sub_order_id="s-1")
            case "sync":
                commands.sync("order-1", by)
            case name:
                raise LookupError(name)


def play(steps: Sequence[Step]) -> Played:
    """Play a history and return what it leads to."""
    player = _Player()
    for step in steps:
        player.play(step)
    return player.result()


def _read(kind: Any, value: Any) -> Any:
    """Read a part of a snapshot from JSON, by its type. Fields that a later version adds keep their defaults."""
    origin, inner = get_origin(kind), get_args(kind)
    if value is None or kind in (str, int, bool):
        return value
    if origin in (Union, types.UnionType):
        return _read(next(each for each in inner if each is not type(None)), value)
    if origin is not None:
        return _read_all(origin, inner, value)
    if hasattr(kind, "__dataclass_fields__") or hasattr(kind, "_fields"):
        hints = get_type_hints(kind, {**vars(snapshot), **_TYPES})
        return kind(**{name: _read(hints[name], item) for name, item in value.items()})
    return datetime.fromisoformat(value) if kind is datetime else kind(value)


def _read_all(origin: Any, inner: tuple[Any, ...], value: Any) -> Any:
    if origin is dict:
        return {name: _read(inner[1], item) for name, item in value.items()}
    kinds = inner if origin is tuple and inner[-1] is not Ellipsis else [inner[0]] * len(value)
    return origin(_read(each, item) for each, item in zip(kinds, value, strict=True))


def _written(value: Any) -> Any:
    """Write a part of a snapshot as JSON, without what has its default."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: _written(getattr(value, each.name)) for each in fields(value) if not _is_default(value, each)
        }
    if isinstance(value, tuple) and hasattr(value, "_field_defaults"):
        written = value._asdict()  # type: ignore[attr-defined] # a named tuple
        defaults = value._field_defaults
        return {
            name: _written(each) for name, each in written.items() if name not in defaults or each != defaults[name]
        }
    if isinstance(value, tuple | frozenset):
        return [_written(each) for each in value]
    return plain(value)


def _is_default(value: Any, of: Field[Any]) -> bool:
    default = of.default_factory() if of.default_factory is not MISSING else of.default
    return bool(getattr(value, of.name) == default)


# --- Making ---


class _Maker:
    """Makes one history: a provider that goes its way, and mishaps."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.steps: list[Step] = []
        self.player = _Player()
        self.vetted = seed % 3 != 0
        self.deadline = NOW + timedelta(days=self.chance.choice((1, 3, 8)))
        self.requirement = RequirementState.AWAITING_VALUE
        self.comments: tuple[CommentSeen, ...] = ()
        self.polls_until_over = self.chance.randrange(4, 16)
        self.end = self.chance.choice(("active", "active", "failed", "cancelled", "all cancelled"))

    def make(self) -> list[Step]:
        self._put("order", body=self._body())
        for _ in range(self.chance.randrange(10, 26)):
            if (order := self.player.desk.store.orders.get("order-1")) is None:
                break
            self._something()
            if order.wake_at is None:
                continue
            self.player.desk.time = max(self.player.desk.time, order.wake_at)
            queue = "orders" if order.state.value == "received" else "sync"
            self._put("wake", wake_at=order.wake_at.isoformat(), queue=queue)
        return self.steps

    def _put(self, kind: str, **more: Any) -> None:
        step = {"at": self.player.desk.time.isoformat(), "do": kind, **more}
        self.steps.append(step)
        self.player.play(step)

    def _body(self) -> dict[str, Any]:
        sent: dict[str, Any] = {
            "order_id": "order-1",
            "provider": "telnyx",
            "items": [{"criteria": {"country": "DE"}, "quantity": 2}],
            "reminders": self.chance.choice((["P3D", "P1D", "PT1H"], [], ["P7D", "PT4H"])),
        }
        mishap = self.chance.choice(("", "", "", "refused", "not sent", "refused for good", "account", "lost"))
        if mishap == "lost":
            self._put("lose", call="place")
        elif mishap:
            self._put("fail", call="place", error=mishap)
        if sent["reminders"] and self.chance.random() < 0.3:
            sent["extension"] = {"before": "P1D", "most": 1}
        return sent

    def _something(self) -> None:
        match self.chance.randrange(10):
            case 0:
                self._put("fail", call="observe", error=self.chance.choice(("unreadable", "no such order", "account")))
            case 1:
                name = self.chance.choice(("acknowledge", "comment", "extend", "sync", "sync", "cancel"))
                more = (
                    {"until": (self.player.desk.time + timedelta(days=1)).isoformat()} if name == "acknowledge" else {}
                )
                self._put("command", name=name, **more)
            case 2:
                payload = {
                    "id": "po-1",
                    "record_type": "number_order",
                    "status": self.chance.choice(("pending", "success")),
                }
                event = {
                    "data": {"id": f"e-{len(self.steps)}", "event_type": "number_order.complete", "payload": payload}
                }
                self._put("webhook", body=base64.b64encode(json.dumps(event).encode()).decode())
            case _:
                self._put("show", snapshot=_written(self._snapshot()))

    def _snapshot(self) -> Snapshot:
        chance, now = self.chance, self.player.desk.time
        if self.vetted and chance.random() < 0.4:
            self.requirement = chance.choice(tuple(RequirementState))
            self.deadline += chance.choice((timedelta(0), timedelta(days=2), -timedelta(hours=5)))
        if self.vetted and chance.random() < 0.2:
            comment = CommentSeen(
                f"comment-{len(self.comments)}", "s-1", "The document cannot be read.", by_provider=True, at=now
            )
            self.comments += (comment,)
        self.polls_until_over -= 1
        # An order that is over may look open once more: reads are torn, and providers contradict themselves.
        over = self.polls_until_over <= 0 and chance.random() < 0.9
        state = chance.choice(
            (AssetState.PENDING, AssetState.ACTIVE, AssetState.ACTION_REQUIRED, AssetState.UNDER_REVIEW)
        )
        ends = {"active": AssetState.ACTIVE, "failed": AssetState.FAILED}
        ended = ends.get(self.end, AssetState.CANCELLED)
        other = ended if self.end == "all cancelled" else AssetState.ACTIVE
        assets: tuple[AssetSeen, ...] = numbers(*((ended, other) if over else (state, AssetState.PENDING)))
        owing = self.vetted and not over
        unread = chance.random() < 0.1
        return Snapshot(
            provider_order_id="po-1",
            phase=(Phase.CANCELLED if self.end == "all cancelled" else Phase.ENDED) if over else Phase.OPEN,
            provider_status="success" if over else "pending",
            assets=assets,
            lists_every_asset=True,
            sub_orders=(SubOrderSeen("s-1", "success" if over else "pending", "DE", "local"),),
            requirements=(
                (
                    RequirementSeen(
                        "r-1", "s-1", self.requirement, self.requirement.value, 2, "Proof of address", "document"
                    ),
                )
                if owing
                else ()
            ),
            deadlines=(DeadlinesSeen("s-1", ((self.deadline, 2),) if owing and chance.random() < 0.8 else ()),),
            comments=self.comments,
            unknown_values=(UnknownValue("number_order.status", "strange"),) if unread else (),
        )


# --- Keeping ---


def make(version: str) -> None:
    """Make histories and record them, with what they lead to."""
    steps = [_Maker(seed).make() for seed in range(COUNT)]
    _keep(version, [{"steps": each, "led_to": play(each)} for each in steps])


def again(version: str) -> None:
    """Play the histories of a version again, and record what they lead to now. Their inputs stay as they are."""
    _keep(version, [{"steps": each["steps"], "led_to": play(each["steps"])} for each in read(version)])


@cache
def read(version: str) -> list[dict[str, Any]]:
    """Return the histories that a version recorded: `steps`, and `led_to`."""
    found: list[dict[str, Any]] = json.loads(gzip.decompress((HERE / version / "histories.json.gz").read_bytes()))
    return found


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Say where what is found differs from what was recorded. Records may have more fields by now."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            each
            for name, value in expected.items()
            for each in differences(value, found.get(name, "(absent)"), f"{place}.{name}".lstrip("."))
        ]
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return [
                f"{place}: {len(expected)} were recorded, {len(found)} are there: {_kinds(expected)}, now {_kinds(found)}"
            ]
        pairs = enumerate(zip(expected, found, strict=True))
        return [each for index, (one, other) in pairs for each in differences(one, other, f"{place}[{index}]")]
    return [] if expected == found else [f"{place}: {expected!r} was recorded, now {found!r}"]


def _kinds(rows: Sequence[Any]) -> list[Any]:
    return [row.get("kind", "?") if isinstance(row, dict) else row for row in rows]


def _keep(version: str, histories: Sequence[Mapping[str, Any]]) -> None:
    text = json.dumps(histories, separators=(",", ":"), sort_keys=True)
    (HERE / version / "histories.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    again(sys.argv[1])
