"""Build the services from the environment, with one function for each Lambda function.

Each imports only what it needs, for a fast cold start.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from numberdesk.domain.defaults import INVENTORY_INTERVAL, WAKE_PATIENCE, WRITE_MARGIN
from numberdesk.runtime import aws, invocation
from numberdesk.runtime.clock import SystemClock
from numberdesk.runtime.observe import PowertoolsMeter, logger
from numberdesk.runtime.settings import env, keys, timing, timings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.api.app import Api
    from numberdesk.domain.clock import Clock
    from numberdesk.domain.costs import Limits
    from numberdesk.messaging.sns import SnsTopic
    from numberdesk.runtime.failures import Failures
    from numberdesk.services.comparison import Comparer
    from numberdesk.services.desk import Desk
    from numberdesk.services.erasing import Eraser
    from numberdesk.services.erasure_replay import ErasureReplay
    from numberdesk.services.inventory import InventoryReconciler
    from numberdesk.services.notify import Notifier
    from numberdesk.services.place import Placer
    from numberdesk.services.publish import Publisher
    from numberdesk.services.subscriptions import Subscriptions
    from numberdesk.services.sync import Syncer
    from numberdesk.services.wake import Waker
    from numberdesk.storage.inventories import Inventories
    from numberdesk.storage.ledger import Ledger
    from numberdesk.storage.marker import Marker

    T = TypeVar("T", bound=Ledger)


def order_failures() -> Failures:
    return _failures(env("ORDER_QUEUE_URL"), env("ORDER_DEAD_LETTER_QUEUE_URL"), {api_role()})


def sync_failures() -> Failures:
    return _failures(env("SYNC_QUEUE_URL"), env("SYNC_DEAD_LETTER_QUEUE_URL"), {api_role()})


def notification_failures() -> Failures:
    return _failures(env("NOTIFICATION_QUEUE_URL"), env("NOTIFICATION_DEAD_LETTER_QUEUE_URL"), set())


def _failures(queue_url: str, dead_letter_queue_url: str, vouching: set[str]) -> Failures:
    from numberdesk.messaging.sqs import SqsReceived, SqsRefusals  # noqa: PLC0415
    from numberdesk.runtime.failures import Failures  # noqa: PLC0415

    sqs = aws.sqs()
    return Failures(SqsRefusals(sqs, dead_letter_queue_url), SqsReceived(sqs, queue_url), vouching)


def api_role() -> str:
    """Return the unique id of orders_api's role, by which a sender is recognised."""
    return env("ORDERS_API_ROLE_ID")


def sync_senders() -> Mapping[str, frozenset[str]]:
    """Return which roles may send which messages to SyncQueue. Anybody may send a wake or a test webhook: the poll verifies it."""
    return {
        "bought": frozenset({env("PLACE_ORDER_ROLE_ID")}),
        # The API replays kept webhooks.
        "webhook": frozenset({env("RECEIVE_WEBHOOK_ROLE_ID"), api_role()}),
    }


_MAX_READ = timedelta(seconds=8)
"""How long a provider may take while a caller waits: API Gateway allows 29 s for the whole request."""


def _marker() -> Marker:
    from numberdesk.storage.marker import Marker  # noqa: PLC0415

    return Marker(aws.ssm(), env("STACK_NAME"))


def _table(kind: type[T], clock: Clock, margin: timedelta, marker: Marker | None = None) -> T:
    """Build the table or a part of it: writes are retried until the margin of the invocation."""
    table = kind(
        aws.dynamodb(),
        env("TABLE_NAME"),
        pause=lambda seconds: clock.sleep(timedelta(seconds=seconds)),
        patience=invocation.until(margin),
        large=lambda size: PowertoolsMeter().count("LargestRowBytes", size),
        marker=marker,
    )
    return _reporting(table, clock)


def _reporting(table: T, clock: Clock) -> T:
    """Report rows that cannot be read."""
    from numberdesk.services.unreadable import Unreadable  # noqa: PLC0415

    table.report = Unreadable(table, clock, PowertoolsMeter(), logger, set())
    return table


def _desk(max_read: timedelta = timedelta.max) -> Desk:
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from numberdesk.messaging.sqs import SqsQueue  # noqa: PLC0415
    from numberdesk.runtime.accounts import Accounts  # noqa: PLC0415
    from numberdesk.services.desk import Desk  # noqa: PLC0415
    from numberdesk.storage.table import Table  # noqa: PLC0415

    clock, times = SystemClock(), timings()
    store = _table(Table, clock, times.write_margin, _marker())
    sqs = aws.sqs()
    hosts = frozenset(host.strip() for host in env("EXTRA_PROVIDER_HOSTS").split(",") if host.strip())
    accounts = Accounts(
        aws.secretsmanager(),
        store,
        clock,
        times.with_(read_timeout=min(times.read_timeout, max_read)),
        stack=env("STACK_NAME"),
        extra_hosts=hosts,
        local_run=env("LOCAL_RUN") == "true",
    )
    return Desk(
        store=store,
        providers=accounts,
        order_queue=SqsQueue(sqs, env("ORDER_QUEUE_URL")),
        sync_queue=SqsQueue(sqs, env("SYNC_QUEUE_URL")),
        clock=clock,
        meter=PowertoolsMeter(),
        log=logger,
        timings=times,
        zone=ZoneInfo(env("TIME_ZONE")),
    )


def placer() -> Placer:
    from numberdesk.messaging.sqs import SqsRefusals  # noqa: PLC0415
    from numberdesk.services.place import Placer  # noqa: PLC0415

    return Placer(
        _desk(),
        SqsRefusals(aws.sqs(), env("ORDER_DEAD_LETTER_QUEUE_URL")),
        env("STACK_SCOPE"),
        _limits(),
        metadata_name=env("LISTED_METADATA_KEY"),
    )


def _limits() -> Limits:
    from numberdesk.domain.costs import Limits  # noqa: PLC0415

    return Limits.model_validate_json(env("LIMITS"))


def syncer() -> Syncer:
    from numberdesk.services.health import HealthRecorder  # noqa: PLC0415
    from numberdesk.services.operations import Operations  # noqa: PLC0415
    from numberdesk.services.sync import Syncer  # noqa: PLC0415
    from numberdesk.storage.files import Bucket  # noqa: PLC0415

    desk = _desk()
    operations = Operations(desk, Bucket(aws.s3(), env("FILES_BUCKET")))
    retention = timedelta(days=int(env("WEBHOOK_RETENTION_DAYS")))
    return Syncer(desk, operations, retention, HealthRecorder(desk.store, desk.clock))


def desk_api() -> Api:
    from numberdesk.api.app import Api  # noqa: PLC0415
    from numberdesk.api.caller import Services  # noqa: PLC0415
    from numberdesk.messaging.sqs import SqsDeadLetterQueue  # noqa: PLC0415
    from numberdesk.providers.info import WebhookAuth  # noqa: PLC0415
    from numberdesk.services.accounts import AccountDesk  # noqa: PLC0415
    from numberdesk.services.catalogue import Catalogue  # noqa: PLC0415
    from numberdesk.services.commands import Commands  # noqa: PLC0415
    from numberdesk.services.dead_letters import DeadLetterDesk  # noqa: PLC0415
    from numberdesk.services.paging import Tokens  # noqa: PLC0415
    from numberdesk.services.placing_gate import GateDesk  # noqa: PLC0415
    from numberdesk.services.profiles import Profiles  # noqa: PLC0415
    from numberdesk.services.providers import ProviderDesk  # noqa: PLC0415
    from numberdesk.services.reading import Reading  # noqa: PLC0415
    from numberdesk.services.receive import webhook_keys  # noqa: PLC0415
    from numberdesk.services.spending import SpendingDesk  # noqa: PLC0415
    from numberdesk.services.status import StatusDesk  # noqa: PLC0415
    from numberdesk.services.uploads import Uploads  # noqa: PLC0415
    from numberdesk.services.vetting import VettingDesk  # noqa: PLC0415
    from numberdesk.storage.files import Bucket  # noqa: PLC0415

    desk, sqs = _desk(_MAX_READ), aws.sqs()
    store, tokens = desk.store, Tokens(desk.store.paging_key)
    files = Bucket(aws.s3(), env("FILES_BUCKET"))
    uploads = Uploads(store, files, desk.clock, int(env("MAX_FILE_BYTES")))
    queues = {
        "orders": SqsDeadLetterQueue(
            sqs,
            env("ORDER_DEAD_LETTER_QUEUE_URL"),
            env("ORDER_QUEUE_URL"),
            api=api_role(),
            puts_aside=env("PLACE_ORDER_ROLE_ID"),
        ),
        "sync": SqsDeadLetterQueue(
            sqs,
            env("SYNC_DEAD_LETTER_QUEUE_URL"),
            env("SYNC_QUEUE_URL"),
            api=api_role(),
            puts_aside=env("SYNC_ORDER_ROLE_ID"),
        ),
    }
    services = Services(
        commands=Commands(desk, uploads),
        reading=Reading(store, desk.clock, tokens, env("LISTED_METADATA_KEY")),
        catalogue=Catalogue(store, desk.providers),
        providers=ProviderDesk(desk.providers, tokens, webhook_keys(keys, WebhookAuth.TOKEN)),
        profiles=Profiles(store, desk.providers, files, uploads, desk.clock, tokens),
        uploads=uploads,
        dead_letters=DeadLetterDesk(store, desk.sync_queue, queues),
        gate=GateDesk(store, desk.clock, desk.timings),
        accounts=AccountDesk(store, desk.clock),
        spending=SpendingDesk(store, desk.clock, _limits()),
        status=StatusDesk(store, desk.clock),
        vetting=VettingDesk(store, desk.clock),
    )
    return Api(services, logger)


def waker() -> Waker:
    from numberdesk.messaging.sqs import SqsQueue  # noqa: PLC0415
    from numberdesk.services.wake import Waker  # noqa: PLC0415
    from numberdesk.storage.wakes import Wakes  # noqa: PLC0415

    sqs = aws.sqs()
    return Waker(
        _reporting(Wakes(aws.dynamodb(), env("TABLE_NAME"), marker=_marker()), SystemClock()),
        SqsQueue(sqs, env("ORDER_QUEUE_URL")),
        SqsQueue(sqs, env("SYNC_QUEUE_URL")),
        SystemClock(),
        PowertoolsMeter(),
        timing("wake_patience", WAKE_PATIENCE),
        [
            SqsQueue(sqs, env("ORDER_DEAD_LETTER_QUEUE_URL")),
            SqsQueue(sqs, env("SYNC_DEAD_LETTER_QUEUE_URL")),
            SqsQueue(sqs, env("STREAM_DEAD_LETTER_QUEUE_URL")),
            SqsQueue(sqs, env("SCHEDULE_DEAD_LETTER_QUEUE_URL")),
        ],
    )


def notifier() -> Notifier:
    from numberdesk.domain.notices import Bounds  # noqa: PLC0415
    from numberdesk.services.notify import Notifier  # noqa: PLC0415
    from numberdesk.storage.notices import Notices  # noqa: PLC0415

    # Counting must not delay messages: if the table is slow, they are sent uncounted.
    store = Notices(aws.impatient_dynamodb(), env("TABLE_NAME"), patience=timedelta)
    bounds = Bounds.model_validate_json(env("MESSAGE_BOUNDS"))
    return Notifier(_people(), store, bounds, SystemClock(), PowertoolsMeter(), logger)


def subscriptions() -> Subscriptions:
    from numberdesk.services.subscriptions import Subscriptions  # noqa: PLC0415

    return Subscriptions(_people(), int(env("NOTIFICATION_SUBSCRIPTIONS")), PowertoolsMeter(), logger)


def _people() -> SnsTopic:
    from numberdesk.messaging.sns import SnsTopic  # noqa: PLC0415

    return SnsTopic(aws.sns(), env("NOTIFICATION_TOPIC_ARN"))


def inventory_reconciler() -> InventoryReconciler:
    from numberdesk.services.inventory import InventoryReconciler  # noqa: PLC0415

    @cache
    def comparer() -> Comparer:
        from numberdesk.services.comparison import Comparer  # noqa: PLC0415

        return Comparer(_desk())

    interval = timing("inventory_interval", INVENTORY_INTERVAL)
    return InventoryReconciler(_inventories(), SystemClock(), PowertoolsMeter(), logger, interval, comparer)


def erasure_replay() -> ErasureReplay:
    from numberdesk.services.erasure_replay import ErasureReplay  # noqa: PLC0415

    def eraser(desk: Desk) -> Eraser:
        from numberdesk.services.erasing import Eraser  # noqa: PLC0415
        from numberdesk.storage.files import Bucket  # noqa: PLC0415

        return Eraser(desk.store, Bucket(aws.s3(), env("FILES_BUCKET")))

    return ErasureReplay(_inventories(), _desk, eraser)


def _inventories() -> Inventories:
    from numberdesk.storage.inventories import Inventories  # noqa: PLC0415

    margin = timing("write_margin", WRITE_MARGIN)
    return _table(Inventories, SystemClock(), margin, _marker())


def publisher() -> Publisher:
    from numberdesk.messaging.events import EventBus  # noqa: PLC0415
    from numberdesk.services.publish import Publisher  # noqa: PLC0415
    from numberdesk.storage.outbox import Outbox  # noqa: PLC0415

    clock = SystemClock()
    store = _table(Outbox, clock, timedelta(seconds=10))
    return Publisher(store, EventBus(aws.events(), env("EVENT_BUS_NAME")), clock, PowertoolsMeter(), logger)
