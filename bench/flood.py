"""Send 2,000 forged webhooks beside 200 genuine ones to a local stack that goes on ordering, and see that nothing is lost.

`make flood` deploys the template as `make up` does, into a folder of its own. What the local AWS leaves out when it deploys (the
throttles of the webhook routes, the receiver's concurrency) is set by its API from the template's own numbers. Then, in order:

- alone: genuine webhooks, two at a time, and orders one by one;
- the flood: a shuffled deck of both sorts, always the same, ten at a time, and orders meanwhile. A machine that is fast enough
  goes past the throttle with it; `--throttle 0.1` shows that on any;
- past the throttle: Telnyx's route is given a tenth of its throttle, and a flood of forged webhooks goes beyond it. What is
  genuine is sent again, as Telnyx does, until it is taken; postbacks of CallFire and calls of the API are sent once.

It ends with 1 if a genuine webhook was not answered 200 or is not in the order table, if a forged one was not refused or left
anything on the queue or in the table, or if an order was not placed. The times are printed and bound to nothing: those of an
emulator and its functions on one small machine say little of AWS. `--write` puts the tables into docs/floods.md.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import threading
import time
import uuid
from base64 import b64encode
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from local.deployed import DeployedStage
from local.environment import HOME, ROOT, STACK_NAME
from local.keys import Keys
from local.signing import NO_CERTIFICATES
from local.world import World
from numberdesk.providers.registry import read_hints
from tests.support.stack import template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from types_boto3_dynamodb import DynamoDBClient

    from local.environment import LocalStack

PAGE = ROOT / "docs" / "floods.md"
BEGIN, END = "<!-- printed by `make flood` -->\n", "<!-- end -->\n"
BEGIN_PAST = "<!-- printed by `.venv/bin/python -m bench.flood --throttle 0.1 --write` -->\n"

TELNYX = "/webhooks/telnyx"
CALLFIRE = "/postbacks/callfire"
BODY_LIMIT = 4 * 1024 * 1024
"""Bytes: the default of WebhookBodyLimitBytes."""
SENDERS = 10
"""Requests that a flood has open at one time."""
PATIENCE = 120.0
"""Seconds that the genuine ones have to get from the queue into the table, and an order to be placed."""
AGAIN = 0.5
"""Seconds until a genuine webhook that was answered 429 is sent again, as Telnyx does; it does not publish how soon."""
OK, UNAUTHENTICATED, TOO_LARGE, THROTTLED = 200, 401, 413, 429
SAMPLES = ROOT / "layers" / "core" / "numberdesk" / "providers"


@dataclass(frozen=True)
class Shot:
    """One request to the API."""

    kind: str
    path: str
    """Below the API's URL."""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    expected: int
    """The status that it must be answered with."""
    webhook_id: str
    """What its body calls the event; empty where it names none."""


@dataclass(frozen=True)
class Hit:
    """The result of a shot."""

    shot: Shot
    status: int
    """Of the last attempt; zero if there was no answer."""
    seconds: float
    """From the first attempt to the last answer."""
    attempts: int = 1


# --- What is sent ---


def telnyx_body(webhook_id: str, provider_order_id: str) -> bytes:
    """Make the body of a webhook that reports a complete order."""
    sample = json.loads((SAMPLES / "telnyx" / "samples" / "number_order.complete.json").read_text())
    sample["data"]["id"] = webhook_id
    sample["data"]["payload"]["id"] = provider_order_id
    return json.dumps(sample).encode()


def genuine(keys: Keys, chance: random.Random, count: int, about: Sequence[str] = ()) -> list[Shot]:
    """Make signed webhooks with distinct events: every other one about these orders (Telnyx's ids), the rest about none."""
    made = []
    for index in range(count):
        webhook_id = _uuid(chance)
        known = about and index % 2
        body = telnyx_body(webhook_id, about[index // 2 % len(about)] if known else _uuid(chance))
        made.append(Shot("genuine", TELNYX, keys.sign(body), body, OK, webhook_id))
    return made


def forged(keys: Keys, chance: random.Random, count: int) -> list[Shot]:
    """Make webhooks that must be refused, of every kind in turn; one in fifty is too large, with no other defect."""
    stranger, large = Keys.make(), b" " * (BODY_LIMIT + 1)
    too_large = Shot("too large", TELNYX, keys.sign(large), large, TOO_LARGE, "")
    postback = (SAMPLES / "callfire" / "samples" / "number-order-finished.xml").read_bytes()

    def telnyx(kind: str, change: Callable[[bytes], Mapping[str, str]]) -> Shot:
        webhook_id = _uuid(chance)
        body = telnyx_body(webhook_id, _uuid(chance))
        return Shot(kind, TELNYX, change(body), body, UNAUTHENTICATED, webhook_id)

    def wrong_token() -> Shot:
        token = _base64(chance, 32).translate(str.maketrans("+/", "-_", "="))
        return Shot("unknown token", f"{CALLFIRE}/{token}", {}, postback, UNAUTHENTICATED, "")

    kinds: tuple[Callable[[], Shot], ...] = (
        lambda: telnyx("no signature", lambda _: {}),
        lambda: telnyx("made-up signature", lambda body: keys.sign(body) | _signature(_base64(chance, 64))),
        lambda: telnyx("no base64", lambda body: keys.sign(body) | _signature("%")),
        lambda: telnyx("another's key", stranger.sign),
        lambda: telnyx("an hour old", lambda body: keys.sign(body, time.time() - 3600)),
        lambda: telnyx("another body's signature", lambda body: keys.sign(body + b" ")),
        wrong_token,
    )
    return [too_large if index % 50 == 0 else kinds[index % len(kinds)]() for index in range(count)]


def postbacks(keys: Keys, chance: random.Random, count: int) -> list[Shot]:
    """Make postbacks of CallFire with the right token, about orders that are not ours."""
    sample = (SAMPLES / "callfire" / "samples" / "number-order-finished.xml").read_text()
    made = []
    for _ in range(count):
        body = sample.replace("1428507003", str(chance.randrange(10**9, 10**10))).encode()
        # A postback names no event: the reader of its body gives it an id.
        [hint] = read_hints("callfire", body)
        path = f"{CALLFIRE}/{keys.callfire_token}"
        made.append(Shot("CallFire", path, {"content-type": "text/xml"}, body, OK, hint.webhook_id))
    return made


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _base64(chance: random.Random, size: int) -> str:
    return b64encode(chance.randbytes(size)).decode()


def _signature(value: str) -> dict[str, str]:
    return {"telnyx-signature-ed25519": value}


# --- Sending ---


class Gun:
    """Sends shots to a stack's API, several at a time, each sender on its own connection.

    Args:
        url: the API's.
        senders: how many.
        again: seconds until a genuine shot that was throttled is sent again; none: it is sent once.
    """

    def __init__(self, url: str, senders: int, again: float | None = None) -> None:
        self.hits: list[Hit] = []
        """What came of each shot, in the order of the answers."""
        self._url = url
        self._senders = senders
        self._again = again
        self._own = threading.local()
        self._clients: list[httpx.Client] = []

    def fire(self, shots: Sequence[Shot], meanwhile: Callable[[], None] = lambda: None) -> list[Hit]:
        """Send them all, in order; return the result of each. `meanwhile` is called again and again until the last response."""
        with ThreadPoolExecutor(self._senders, "sender", self._connect) as pool:
            flying = [pool.submit(self._send, shot) for shot in shots]
            while not all(shot.done() for shot in flying):
                meanwhile()
                time.sleep(0.1)
        for client in self._clients:
            client.close()
        return [shot.result() for shot in flying]

    def _connect(self) -> None:
        # Never through a proxy that the caller's environment may name.
        self._own.client = httpx.Client(timeout=60, trust_env=False, verify=NO_CERTIFICATES)
        self._clients.append(self._own.client)

    def _send(self, shot: Shot) -> Hit:
        began, attempts = time.perf_counter(), 0
        while True:
            attempts += 1
            try:
                status = self._own.client.post(
                    self._url + shot.path, headers=shot.headers, content=shot.body
                ).status_code
            except httpx.HTTPError:
                status = 0
            if status != THROTTLED or self._again is None or shot.expected != OK:
                break
            time.sleep(self._again)
        hit = Hit(shot, status, time.perf_counter() - began, attempts)
        self.hits.append(hit)
        return hit


# --- What is counted ---


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of the values that at least this percentage does not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def by_status(hits: Sequence[Hit]) -> str:
    """Count the responses by status."""
    return counted([hit.status for hit in hits])


def counted(statuses: Sequence[int]) -> str:
    """Return the number of responses of each status: "401: 1,960, 413: 40"."""
    return ", ".join(f"{status}: {n:,}" for status, n in sorted(Counter(statuses).items()))


def row(name: str, hits: Sequence[Hit]) -> str:
    """One row of the table of responses."""
    times = [hit.seconds * 1000 for hit in hits]
    measured = [percentile(times, percent) for percent in (50, 95, 99, 100)]
    most = max(hit.attempts for hit in hits)
    return (
        f"| {name} | {len(hits):,} | {by_status(hits)} | {most} | {' | '.join(f'{value:.0f}' for value in measured)} |"
    )


def answers(alone: Sequence[Hit], flood: Sequence[Hit]) -> Iterator[str]:
    """Print the response times of authentic webhooks without and during the flood, and of forged ones by kind."""
    yield "| webhooks | sent | answered at last | attempts, most | p50, ms | p95 | p99 | slowest |"
    yield "|---|---:|---|---:|---:|---:|---:|---:|"
    yield row("genuine, alone", alone)
    yield row("genuine, in the flood", [hit for hit in flood if hit.shot.expected == OK])
    wrong = [hit for hit in flood if hit.shot.expected != OK]
    yield row("forged, all", wrong)
    for kind in sorted({hit.shot.kind for hit in wrong}):
        yield row(f"forged: {kind}", [hit for hit in wrong if hit.shot.kind == kind])


def misanswered(hits: Sequence[Hit]) -> list[str]:
    """Return the unexpected responses, by kind."""
    wrong = Counter((hit.shot.kind, hit.shot.expected, hit.status) for hit in hits if hit.status != hit.shot.expected)
    return [f"{n} {kind}: answered {status}, not {expected}" for (kind, expected, status), n in wrong.items()]


# --- Orders meanwhile ---


class Orders:
    """Orders placed during something else, and how long each took from its message to being placed."""

    def __init__(self, stage: DeployedStage, name: str) -> None:
        self.seconds: dict[str, float] = {}
        """Of those that are placed, by order id."""
        self.theirs: list[str] = []
        """The provider's ids of those."""
        self._stage = stage
        self._name = name
        self._sent: dict[str, float] = {}

    def send(self) -> None:
        """Put one more on the order queue: two numbers in the USA, from Telnyx."""
        sample = json.loads((ROOT / "events" / "orders" / "01-two-us-locals.json").read_text())
        order_id = f"{self._name}-{len(self._sent) + 1}"
        self._sent[order_id] = time.time()
        self._stage.sqs.send_message(
            QueueUrl=self._stage.outputs["OrderQueueUrl"], MessageBody=json.dumps(sample | {"order_id": order_id})
        )

    def wait(self) -> list[str]:
        """Wait until all are placed, and return the faults of those that are not."""
        deadline = time.monotonic() + PATIENCE
        while (missing := self._sent.keys() - self.seconds.keys()) and time.monotonic() < deadline:
            for order_id in sorted(missing):
                self._poll(order_id)
            time.sleep(0.2)
        return [f"{order_id} was not placed" for order_id in sorted(missing)]

    def row(self, when: str) -> str:
        """One row of the table of orders."""
        times = list(self.seconds.values())
        measured = f"{percentile(times, 50):.1f} | {max(times):.1f}" if times else "- | -"
        return f"| {when} | {len(self._sent)} | {len(times)} | {measured} |"

    def _poll(self, order_id: str) -> None:
        record = self._stage.records.read(order_id)
        placed = [entry.at for entry in record.ledger if entry.kind.value == "OrderPlaced"] if record else []
        if record and placed:
            self.seconds[order_id] = placed[0].timestamp() - self._sent[order_id]
            self.theirs.append(str(record.order.provider_order_id))


# --- The stack ---


def set_limits(stack: LocalStack, share: float = 1.0) -> None:
    """Give the webhook routes their throttles and the receiver its concurrency, as the template has them.

    The local AWS takes neither from a template: throttles it looks up by a path with its slashes, and deploys them under one
    without.

    Args:
        stack: whose.
        share: of the throttle of the route of signed webhooks.
    """
    throttles = {
        f"{setting['ResourcePath']}/{setting['HttpMethod']}/throttling": setting
        for setting in template()["Resources"]["Api"]["Properties"]["MethodSettings"]
        if setting["ResourcePath"] != "/*"
    }
    client = stack.client("apigateway")
    for path, setting in throttles.items():
        of_it = share if "webhooks" in path else 1.0
        values = {"rateLimit": setting["ThrottlingRateLimit"], "burstLimit": setting["ThrottlingBurstLimit"]}
        client.update_stage(
            restApiId=stack.outputs["ApiId"],
            stageName="v1",
            patchOperations=[
                {"op": "replace", "path": f"{path}/{name}", "value": str(int(value * of_it))}
                for name, value in values.items()
            ],
        )
    stack.client("lambda").put_function_concurrency(
        FunctionName=f"{STACK_NAME}-receive_webhook",
        ReservedConcurrentExecutions=int(template()["Parameters"]["ReceiverConcurrency"]["Default"]),
    )


def kept(client: DynamoDBClient, table_name: str) -> set[str]:
    """Return the ids of all webhooks in an order table, under their orders or as unmatched."""
    pages = client.get_paginator("scan").paginate(TableName=table_name, ProjectionExpression="sk", ConsistentRead=True)
    places = [item["sk"]["S"] for page in pages for item in page["Items"]]
    return {place.split("#", 3)[3] for place in places if place.startswith("PERSONAL#WEBHOOK#")}


def logged(stack: LocalStack) -> Counter[str]:
    """Return how often the receiver logged a queued message, and how often a refusal."""
    pages = stack.client("logs").get_paginator("filter_log_events")
    found: Counter[str] = Counter()
    for text in ("webhook received", "webhook refused"):
        # Filtered by text: the local AWS returns 10,000 lines in all and no page after them. Metrics contain the texts, too.
        asked = pages.paginate(logGroupName=f"/aws/lambda/{STACK_NAME}-receive_webhook", filterPattern=f'"{text}"')
        lines = [json.loads(event["message"]) for page in asked for event in page["events"]]
        found[text] = sum(line.get("message") == text for line in lines)
    return found


def _not_throttled(hits: Sequence[Hit]) -> list[Hit]:
    """Leave out forged webhooks that the throttle stopped: nothing was read of them."""
    return [hit for hit in hits if hit.status != THROTTLED or hit.shot.expected == OK]


def settle(stack: LocalStack, shots: Sequence[Shot]) -> list[str]:
    """Wait until every authentic webhook is in the table; return those missing, and those there in addition."""
    client, name = stack.client("dynamodb"), stack.outputs["TableName"]
    expected = {shot.webhook_id for shot in shots}
    deadline = time.monotonic() + PATIENCE
    while expected - (there := kept(client, name)) and time.monotonic() < deadline:
        time.sleep(1)
    lost, strange = expected - there, there - expected
    return [f"{len(them)} {what}" for what, them in (("lost", lost), ("kept but never sent", strange)) if them]


def main(arguments: Sequence[str]) -> int:
    """Deploy, send, count, print; 1 if something was lost."""
    parser = argparse.ArgumentParser(prog="bench.flood", description="Send forged webhooks beside genuine ones.")
    parser.add_argument("--forged", type=int, default=2000)
    parser.add_argument("--genuine", type=int, default=200)
    parser.add_argument(
        "--throttle",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="of the throttle of Telnyx's route, during the flood",
    )
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    asked = parser.parse_args(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    with World(HOME / "flood", say=say) as world:
        found = Flood(world, say, asked.throttle).run(asked.forged, asked.genuine)
    page = "\n".join(found.lines) + "\n"
    print(f"\n{page}")
    if asked.write:
        begin = BEGIN if asked.throttle == 1 else BEGIN_PAST
        head, _, rest = PAGE.read_text().partition(begin)
        PAGE.write_text(head + begin + page + END + rest.partition(END)[2])
    for issue in found.issues:
        print(f"LOST OR WRONG: {issue}")
    say("something was lost or wrong" if found.issues else "nothing was lost, nothing forged was accepted")
    return 1 if found.issues else 0


class Flood:
    """One run on a newly started world. `lines` are its findings, `faults` what was lost or wrong."""

    def __init__(self, world: World, say: Callable[[str], None], throttle: float) -> None:
        self._throttle = throttle
        self.lines: list[str] = []
        self.issues: list[str] = []
        self._world = world
        self._stack = world.stack
        self._keys = world.keys
        self._say = say
        self._stage = DeployedStage(world)
        self._chance = random.Random(4)  # noqa: S311 - the same deck every time
        self._genuine: list[Shot] = []
        """All that were sent."""

    def run(self, forgeries: int, genuines: int) -> Flood:
        """Run all three parts."""
        set_limits(self._stack)
        # Other notifications would have to be distinguished from ours.
        self._world.simulators.ask("telnyx", "webhook_urls", urls=[])
        # This many receivers run at one time; a cold start takes seconds here.
        self._gun(SENDERS).fire(forged(self._keys, self._chance, 4 * SENDERS))
        before = logged(self._stack)
        with self._stage.playing():
            alone, flood = self._beside(forgeries, genuines)
            throttled = self._past_the_throttle()
        self._say("counting what the receiver logged")
        found = logged(self._stack) - before
        sent = Counter(hit.status for hit in [*alone, *flood, *throttled])
        expected = {"webhook received": sent[OK], "webhook refused": sent[UNAUTHENTICATED] + sent[TOO_LARGE]}
        if dict(found) != expected:
            self.issues.append(f"the receiver logged {dict(found)}, the answers say {expected}")
        letters = self._stage.sqs.get_queue_attributes(
            QueueUrl=self._stage.outputs["SyncDeadLetterQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]["ApproximateNumberOfMessages"]
        if letters != "0":
            self.issues.append(f"{letters} dead letters")
        return self

    def _gun(self, senders: int, again: float | None = None) -> Gun:
        return Gun(self._stack.api_url, senders, again)

    def _beside(self, forgeries: int, genuines: int) -> tuple[list[Hit], list[Hit]]:
        """Send authentic webhooks and orders, without the flood and during it."""
        calm = Orders(self._stage, "calm")
        for _ in range(4):
            calm.send()
            self.issues += calm.wait()
        few = genuine(self._keys, self._chance, max(1, genuines // 4), calm.theirs)
        alone = self._gun(2).fire(few)
        self.issues += settle(self._stack, few)
        self._say(f"alone: {len(calm.seconds)} orders placed, {len(alone)} genuine webhooks answered and kept")

        many = genuine(self._keys, self._chance, genuines, calm.theirs)
        deck = [*many, *forged(self._keys, self._chance, forgeries)]
        self._chance.shuffle(deck)
        orders, gun = Orders(self._stage, "flooded"), self._gun(SENDERS, AGAIN)
        shares = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85]

        def order_now_and_then() -> None:
            if shares and len(gun.hits) >= shares[0] * len(deck):
                shares.pop(0)
                orders.send()

        set_limits(self._stack, self._throttle)
        began = time.monotonic()
        flood = gun.fire(deck, order_now_and_then)
        took = time.monotonic() - began
        self._say(f"the flood: {len(deck):,} requests in {took:.0f} s")
        self.issues += (
            orders.wait() + settle(self._stack, [*few, *many]) + misanswered([*alone, *_not_throttled(flood)])
        )
        self._say(f"{len(orders.seconds)} orders placed meanwhile, {len(many)} genuine webhooks kept")
        self._genuine = [*few, *many]
        self.lines += [
            f"{len(deck):,} requests in {took:.0f} s, {SENDERS} at a time: {len(deck) / took:.0f} a second.",
            "",
            *answers(alone, flood),
            "",
            "| orders | sent | placed | s from message to placed, median | slowest |",
            "|---|---:|---:|---:|---:|",
            calm.row("one by one, before"),
            orders.row("during the flood"),
        ]
        return alone, flood

    def _past_the_throttle(self) -> list[Hit]:
        """Send a flood within the throttle of Telnyx's route, and the other requests meanwhile."""
        set_limits(self._stack, 0.1)
        flood = forged(self._keys, self._chance, 600)
        flood = [shot for shot in flood if shot.path == TELNYX and shot.expected == UNAUTHENTICATED]
        mine = genuine(self._keys, self._chance, 20)
        theirs = postbacks(self._keys, self._chance, 20)
        guns = [self._gun(SENDERS - 2), self._gun(2, AGAIN), self._gun(1)]
        asked: list[int] = []
        with ThreadPoolExecutor(3) as pool:
            running = [pool.submit(gun.fire, shots) for gun, shots in zip(guns, (flood, mine, theirs), strict=True)]
            while not all(each.done() for each in running):
                asked.append(self._world.api.call("GET", "/providers").status_code)
                time.sleep(0.2)
        stopped, repeated, postback = [each.result() for each in running]
        set_limits(self._stack)
        refused = _not_throttled(stopped)
        self.issues += misanswered([*refused, *repeated, *postback])
        if len(refused) == len(stopped):
            self.issues.append("no forged webhook was throttled")
        if set(asked) != {OK}:
            self.issues.append(f"the API answered {Counter(asked)}")
        self._say("past the throttle: sent")
        self.issues += settle(self._stack, [*self._genuine, *mine, *theirs])
        most = max(hit.attempts for hit in repeated)
        self.lines += [
            "",
            "| past a tenth of the throttle of Telnyx's route | sent | answered | attempts, most |",
            "|---|---:|---|---:|",
            f"| forged, to that route | {len(stopped)} | {by_status(stopped)} | 1 |",
            f"| genuine, to that route, sent again after 429 | {len(repeated)} | {by_status(repeated)} | {most} |",
            f"| postbacks of CallFire, to the other route | {len(postback)} | {by_status(postback)} | 1 |",
            f"| calls of the API | {len(asked)} | {counted(asked)} | 1 |",
        ]
        return [*stopped, *repeated, *postback]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
