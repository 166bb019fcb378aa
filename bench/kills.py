"""Kill the functions' processes at random while 100 orders and 2,000 signed webhooks come, and see that every order ends right.

`make kills` deploys the template as `make up` does, into a folder of its own. Then, all at once:

- orders go to the order queue, of all three providers;
- webhooks go to the API, some of them twice, sent as a carrier does: it waits 2 s, and sends again what was not answered 2xx;
- processes of the functions are killed (SIGKILL), one at a time, whatever they are doing.

A killed process looks as it does on AWS: API Gateway answers 502, and a message from a queue stays hidden for a while and comes back.
The functions' time-outs and the queues' visibility time-outs are shortened for the run, as other times are.

A function that dies between its intent and the provider's answer leaves an order that is searched for. If it is not found, people are
told: the bench then does what a person does, looks at the provider, and says through the API what became of the purchase.

It ends with 1 if an order is not complete, if one was bought twice, if a webhook that was answered 200 is not in the order table, if an
event is missing on the bus, if a message became a dead letter, or if no process of one of the functions died at work. `--write` puts the
tables into docs/kills.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx

from bench.flood import TELNYX, Gun, counted, forged, kept, percentile, telnyx_body
from local.deployed import DeployedStage
from local.environment import HOME, ROOT, STACK_NAME
from local.signing import NO_CERTIFICATES
from local.simulators.outbox import Outbox
from local.stage import Call
from local.world import World
from numberdesk.domain.placing import reference_of
from numberdesk.domain.statuses import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from local.environment import LocalStack
    from local.records import Record

PAGE = ROOT / "docs" / "kills.md"
BEGIN, END = "<!-- printed by `make kills` -->\n", "<!-- end -->\n"

SECONDS = {"place_order": 40, "sync_order": 30, "send_notifications": 30}
"""Time-outs of the functions that read queues. A message in hand comes back 10 s after that."""
QUEUES = {"OrderQueueUrl": 60, "SyncQueueUrl": 60, "NotificationQueueUrl": 60}
"""Visibility time-outs: what comes back later was killed before it was in hand."""
DEAD_LETTERS = ("Order", "Sync", "Stream", "Schedule", "Notification")
SENDERS = 3
"""Attempts that the carrier has open at one time."""
BETWEEN_WEBHOOKS = 0.1
"""Seconds, at least."""
CARRIER_WAITS = 2.0
"""Seconds until the carrier gives up an attempt (Telnyx's guide on webhooks)."""
BETWEEN_KILLS = 2.0
"""Seconds, on average."""
PATIENCE = 600.0
"""Seconds for everything to end after the last kill."""
AT_WORK = ("receive_webhook", "place_order", "sync_order")
"""Functions of which a process must have died at work."""
OK, THROTTLED, DIED, NOT_DURABLE = 200, 429, 502, 503
EXPECTED = (OK, THROTTLED, DIED, NOT_DURABLE, 0)
"""Answers to a genuine webhook. 429: no receiver is free (on AWS 500). 503: the queue did not answer the receiver within a second."""
_FAILED = re.compile(rf"Lambda {STACK_NAME}-(\w+) failed processing \w+ .*errorMessage=(.*)")


@dataclass(frozen=True)
class Sent:
    """One webhook, as often as it was sent."""

    webhook_id: str
    statuses: tuple[int, ...]
    """Of each attempt; zero if there was no answer in time."""

    @property
    def accepted(self) -> bool:
        """Whether it was answered 200."""
        return OK in self.statuses


# --- What is sent ---


def orders(count: int) -> list[dict[str, Any]]:
    """Make the messages of orders that can be completed: three of four from Telnyx, the others from TeleSign and CallFire."""
    made: list[dict[str, Any]] = []
    for n in range(count):
        provider, item = "telnyx", {"criteria": {"country": "US", "city": "Chicago"}, "quantity": 2}
        if n % 8 == 3:  # noqa: PLR2004 - one in eight
            provider, item = "telesign", {"criteria": {"country": "NL", "number_type": "mobile"}, "quantity": 1}
        elif n % 8 == 7:  # noqa: PLR2004 - one in eight
            provider, item = "callfire", {"keywords": [f"KILLED{n:04}"]}
        made.append({"order_id": f"killed-{n:04}", "provider": provider, "items": [item]})
    return made


def twice_at_times(shots: Sequence[tuple[str, bytes]], count: int, chance: random.Random) -> list[tuple[str, bytes]]:
    """Repeat some webhooks until there are so many, and shuffle them."""
    deck = [*shots, *chance.choices(shots, k=count - len(shots))]
    chance.shuffle(deck)
    return deck


class Carrier:
    """Sends webhooks as Telnyx does: 2 s for an answer, and again what was not answered 2xx, with growing pauses.

    How often it repeats is not published for number orders. The simulators assume the same (`local.simulators.outbox.Outbox`).
    """

    def __init__(self, url: str, sign: Callable[[bytes], Mapping[str, str]]) -> None:
        self._url = url
        self._sign = sign
        self._attempts, self._pause = Outbox().max_attempts, Outbox().retry_seconds
        self._own = threading.local()
        self._at_one_time = threading.Semaphore(SENDERS)

    def send(self, shots: Sequence[tuple[str, bytes]], sent: Callable[[int], None]) -> list[Sent]:
        """Send them all; `sent` gets the number of those that are over after each."""
        done: list[Sent] = []

        def one(shot: tuple[str, bytes]) -> None:
            done.append(self._deliver(*shot))
            sent(len(done))

        # Most of them wait for their next attempt.
        with ThreadPoolExecutor(8 * SENDERS, "carrier") as pool:
            running = []
            for shot in shots:
                running.append(pool.submit(one, shot))
                time.sleep(BETWEEN_WEBHOOKS)
            for each in running:
                each.result()
        return done

    def _deliver(self, webhook_id: str, body: bytes) -> Sent:
        statuses: list[int] = []
        while len(statuses) < self._attempts and OK not in statuses:
            if statuses:
                time.sleep(self._pause * 2 ** (len(statuses) - 1))
            with self._at_one_time:
                statuses.append(self._post(body))
        return Sent(webhook_id, tuple(statuses))

    def _post(self, body: bytes) -> int:
        if not hasattr(self._own, "client"):
            # Never through a proxy that the caller's environment may name.
            self._own.client = httpx.Client(timeout=CARRIER_WAITS, trust_env=False, transport=transport())
        try:
            return int(self._own.client.post(self._url + TELNYX, headers=self._sign(body), content=body).status_code)
        except httpx.HTTPError:
            return 0


def transport() -> httpx.BaseTransport:
    """Return a sender's own connection."""
    return httpx.HTTPTransport(verify=NO_CERTIFICATES)


# --- What is killed ---


class Killer:
    """Kills one process of a function at a time, until it is stopped. `killed` counts them by function."""

    def __init__(self, stack: LocalStack, chance: random.Random) -> None:
        self.killed: Counter[str] = Counter()
        self._stack = stack
        self._chance = chance
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._over.wait(self._chance.uniform(0, 2 * BETWEEN_KILLS)):
            workers = self._stack.workers()
            if not workers:
                continue
            # A function first: otherwise those with many processes would take all the kills.
            function = self._chance.choice(sorted(set(workers.values())))
            process = self._chance.choice(sorted(each for each, of in workers.items() if of == function))
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                self.killed[function] += 1


def died_at_work(emulator_log: Path) -> Counter[str]:
    """Count by function the runs that ended with their process, for queues and streams."""
    found = (_FAILED.search(line) for line in emulator_log.read_text(errors="replace").splitlines())
    return Counter(each[1] for each in found if each and any(word in each[2] for word in ("died", "exited", "pipe")))


# --- The run ---


class Kills:
    """One run on a newly started world. `lines` are its findings, `issues` what was lost or wrong."""

    def __init__(self, world: World, say: Callable[[str], None], seed: int) -> None:
        self.lines: list[str] = []
        self.issues: list[str] = []
        self._world = world
        self._say = say
        self._stage = DeployedStage(world)
        self._seed = seed
        self._chance = random.Random(seed)  # noqa: S311 - a run can be repeated
        self._resolved: Counter[str] = Counter()
        """Orders that a person resolved, by the answer."""

    def run(self, webhooks: int, order_count: int) -> Kills:
        """Send, kill, wait, and count."""
        self._shorten()
        messages = orders(order_count)
        ours = [self._reference(each) for each in messages if each["provider"] == "telnyx"]
        distinct = [self._webhook(self._chance.choice(ours)) for _ in range(webhooks * 4 // 5)]
        deck = twice_at_times(distinct, webhooks, self._chance)
        waiting = list(messages)

        def order_now_and_then(over: int) -> None:
            # All of them are on the queue when half of the webhooks are sent.
            while waiting and (len(messages) - len(waiting)) / len(messages) <= 2 * over / len(deck):
                self._order(waiting.pop(0))

        began = time.monotonic()
        with self._stage.playing():
            with Killer(self._world.stack, self._chance) as killer:
                sent = Carrier(self._world.stack.api_url, self._world.keys.sign).send(deck, order_now_and_then)
                took = time.monotonic() - began
                self._say(f"sent in {took:.0f} s; {killer.killed.total()} processes killed so far")
                self._until(lambda: self._waiting(messages), PATIENCE / 10)
            self._say(f"{killer.killed.total()} processes killed; now everything may end")
            ended = self._until(lambda: self._unsettled(messages, sent), PATIENCE)
        self._say(f"everything ended {time.monotonic() - began - took:.0f} s after the last webhook")
        self.issues += [] if ended else [f"after {PATIENCE:.0f} s: {each}" for each in self._unsettled(messages, sent)]
        self._check(messages, sent)
        self._tell(messages, sent, killer, took, time.monotonic() - began)
        return self

    def _shorten(self) -> None:
        client = self._world.stack.client("lambda")
        for function, seconds in SECONDS.items():
            client.update_function_configuration(FunctionName=f"{STACK_NAME}-{function}", Timeout=seconds)
        # Attempts that the carrier gave up still have their receivers: without a bound each further one starts another.
        client.put_function_concurrency(
            FunctionName=f"{STACK_NAME}-receive_webhook", ReservedConcurrentExecutions=4 * SENDERS
        )
        # So many receivers are warm when it begins; a cold start takes seconds here.
        Gun(self._world.stack.api_url, SENDERS).fire(forged(self._world.keys, self._chance, 4 * SENDERS))
        for queue, seconds in QUEUES.items():
            url = self._stage.outputs[queue]
            self._stage.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})

    def _reference(self, message: Mapping[str, Any]) -> str:
        return reference_of(self._stage.scope, message["order_id"])

    def _webhook(self, reference: str) -> tuple[str, bytes]:
        """Make a webhook about one of our orders: its id and its body."""
        webhook_id = f"kills-{self._chance.getrandbits(64):016x}"
        document = json.loads(telnyx_body(webhook_id, ""))
        document["data"]["payload"] |= {"id": None, "customer_reference": reference}
        return webhook_id, json.dumps(document).encode()

    def _order(self, message: Mapping[str, Any]) -> None:
        self._stage.sqs.send_message(QueueUrl=self._stage.outputs["OrderQueueUrl"], MessageBody=json.dumps(message))

    @staticmethod
    def _until(missing: Callable[[], Sequence[str]], patience: float) -> bool:
        deadline = time.monotonic() + patience
        while missing():
            if time.monotonic() > deadline:
                return False
            time.sleep(1)
        return True

    def _states(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        found = {}
        for message in messages:
            record = self._stage.records.read(message["order_id"])
            found[str(message["order_id"])] = state_of(record) if record else "nowhere"
        return found

    def _waiting(self, messages: Sequence[Mapping[str, Any]]) -> list[str]:
        return [each for each, state in self._states(messages).items() if state in ("nowhere", "received", "placing")]

    def _unsettled(self, messages: Sequence[Mapping[str, Any]], sent: Sequence[Sent]) -> list[str]:
        """Return what is not as it must be in the end, and may be later."""
        client, name = self._world.stack.client("dynamodb"), self._stage.outputs["TableName"]
        states = self._states(messages)
        for message in messages:
            if states[str(message["order_id"])] == LEFT:
                self._resolve(message)
        lost = {each.webhook_id for each in sent if each.accepted} - kept(client, name)
        open_ = {each: state for each, state in states.items() if state != "completed"}
        found = [f"{each} is {state}" for each, state in open_.items()]
        found += [f"{len(lost)} webhooks that were answered 200 are not in the table"] if lost else []
        if not found:
            index = client.scan(
                TableName=name, ConsistentRead=True, FilterExpression="attribute_exists(unpublished_at)"
            )
            found += [f"{index['Count']} events are not published"] if index["Count"] else []
        return found

    def _resolve(self, message: Mapping[str, Any]) -> None:
        """Look at the provider, and say what became of a purchase, as a person does."""
        provider, reference = str(message["provider"]), self._reference(message)
        keyword = message["items"][0].get("keywords", [None])[0]
        sales = self._stage.ask(provider, "sales")
        bought = [
            sale["order_id"]
            for sale in sales
            if (keyword in sale["numbers"] if keyword else reference in (sale["reference"] or ""))
        ]
        answer: dict[str, Any] = {"placed_as": bought[0]} if bought else {"not_placed": {"place_again": True}}
        path = f"/orders/{message['order_id']}/resolve"
        if self._stage.call(Call("POST", path, answer)).result().status == OK:
            self._resolved[next(iter(answer))] += 1

    def _check(self, messages: Sequence[Mapping[str, Any]], sent: Sequence[Sent]) -> None:
        """Find what is wrong for good."""
        heard = {event["detail"]["id"] for event in self._stage.hear_bus()}
        sold: Counter[str] = Counter()
        for message in messages:
            order_id, provider = str(message["order_id"]), str(message["provider"])
            record = self._stage.records.read(order_id)
            by = {"reference": self._reference(message)}
            if provider == "callfire":
                by = {"number": message["items"][0]["keywords"][0]}
            purchases = int(self._stage.ask(provider, "purchases", **by))
            sold[provider] += purchases
            wanted = message["items"][0].get("quantity", 1)
            assets = [each for each in record.order.assets if each.state.value == "active"] if record else []
            events = [entry.id for entry in record.ledger if entry.is_event] if record else []
            wrong = {
                f"was bought {purchases} times": purchases != 1,
                f"has {len(assets)} numbers or keywords, not {wanted}": len(assets) != wanted,
                f"misses {len(set(events) - heard)} events on the bus": bool(set(events) - heard),
            }
            self.issues += [f"{order_id} {what}" for what, is_so in wrong.items() if is_so]
        for provider, bought in sold.items():
            if (sales := len(self._stage.ask(provider, "sales"))) != bought:
                self.issues.append(f"{provider} sold {sales} times, of which {bought} are ours")
        for queue in DEAD_LETTERS:
            if letters := self._dead_letters(queue):
                self.issues.append(f"{letters} dead letters on {queue}DeadLetterQueue")
        if others := Counter(status for each in sent for status in each.statuses) - Counter(
            dict.fromkeys(EXPECTED, 10**9)
        ):
            self.issues.append(f"webhooks were answered {counted(list(others.elements()))}")

    def _dead_letters(self, queue: str) -> int:
        url = self._stage.outputs[f"{queue}DeadLetterQueueUrl"]
        asked = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._stage.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
        return sum(int(each) for each in found.values())

    def _tell(
        self, messages: Sequence[Mapping[str, Any]], sent: Sequence[Sent], killer: Killer, took: float, whole: float
    ) -> None:
        attempts = Counter(status for each in sent for status in each.statuses)
        died = died_at_work(self._world.home / "emulator.log")
        died["receive_webhook"] += attempts[DIED]
        self.issues += [f"no process of {each} died at work" for each in AT_WORK if not died[each]]
        times, found_again = [], 0
        for message in messages:
            record = self._stage.records.read(str(message["order_id"]))
            by_kind = {entry.kind.value: entry.at for entry in record.ledger} if record else {}
            found_again += "OrderUnknown" in by_kind
            if {"OrderReceived", "OrderCompleted"} <= by_kind.keys():
                times.append((by_kind["OrderCompleted"] - by_kind["OrderReceived"]).total_seconds())
        accepted = {each.webhook_id for each in sent if each.accepted}
        given_up = {each.webhook_id for each in sent} - accepted
        self.lines += [
            f"Seed {self._seed}; Python {platform.python_version()}, {os.cpu_count()} processors; commit {commit()}.",
            f"{len(sent):,} webhooks sent in {took:.0f} s, {SENDERS} at a time; the whole run took {whole:.0f} s.",
            "",
            "| function | processes killed | of them at work |",
            "|---|---:|---:|",
            *(f"| {name} | {killer.killed[name]} | {died[name] or '-'} |" for name in sorted(killer.killed | died)),
            f"| all | {killer.killed.total()} | {died.total()} |",
            "",
            "| webhooks | |",
            "|---|---:|",
            f"| different events | {len({each.webhook_id for each in sent}):,} |",
            f"| sent, with those sent twice | {len(sent):,} |",
            f"| attempts | {attempts.total():,} |",
            f"| answers (0: none within {CARRIER_WAITS:.0f} s) | {counted(list(attempts.elements()))} |",
            f"| events that were answered 200, and are in the table | {len(accepted):,} |",
            f"| events that the carrier gave up | {len(given_up):,} |",
            "",
            "| orders | |",
            "|---|---:|",
            f"| sent | {len(messages)} |",
            f"| ended | {counted_states(self._states(messages))} |",
            f"| purchases at the providers | {sum(len(self._stage.ask(it, 'sales')) for it in PROVIDERS)} |",
            f"| whose outcome was unknown for a while | {found_again} |",
            f"| of them resolved by a person | {self._resolved.total()} |",
            f"| seconds from received to completed, median and slowest | {percentile(times, 50):.0f}, {max(times):.0f} |"
            if times
            else "| completed | none |",
            f"| dead letters | {sum(map(self._dead_letters, DEAD_LETTERS))} |",
        ]


PROVIDERS = ("telnyx", "telesign", "callfire")
LEFT = "unknown, left to a person"


def state_of(record: Record) -> str:
    """Return an order's state, and whether its outcome is unknown and people were told that no search goes on."""
    told = any(
        entry.data.get("searching") is False for entry in record.ledger if entry.kind is ChangeKind.ORDER_UNKNOWN
    )
    state = record.order.state.value
    return LEFT if state == "unknown" and told else state


def counted_states(states: Mapping[str, str]) -> str:
    """Return the number of orders in each state."""
    return ", ".join(f"{state}: {n}" for state, n in sorted(Counter(states.values()).items()))


def commit() -> str:
    """Return the commit that runs, with a mark if files differ from it."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def main(arguments: Sequence[str]) -> int:
    """Deploy, send, kill, count, print; 1 if something was lost."""
    parser = argparse.ArgumentParser(prog="bench.kills", description="Kill functions while orders and webhooks come.")
    parser.add_argument("--webhooks", type=int, default=2000)
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    for ending in (
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # as Ctrl-C does: everything that was started is stopped on the way out
        signal.signal(ending, lambda number, _: sys.exit(128 + number))

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    with World(HOME / "kills", say=say) as world:
        found = Kills(world, say, asked.seed).run(asked.webhooks, asked.orders)
    page = "\n".join(found.lines) + "\n"
    print(f"\n{page}")
    if asked.write:
        head, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(head + BEGIN + page + END + rest.partition(END)[2])
    for issue in found.issues:
        print(f"LOST OR WRONG: {issue}")
    say("something was lost or wrong" if found.issues else "every order ended right, and nothing was lost")
    return 1 if found.issues else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
