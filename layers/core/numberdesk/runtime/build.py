"""Builds the services from the environment, one function of its own for each Lambda function."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from numberdesk.messaging.events import EventBus
from numberdesk.messaging.sns import SnsTopic
from numberdesk.messaging.sqs import SqsQueue, SqsReceived, SqsRefusals
from numberdesk.runtime import aws, invocation
from numberdesk.runtime.clock import SystemClock
from numberdesk.runtime.failures import Failures
from numberdesk.runtime.observe import PowertoolsMeter, logger
from numberdesk.runtime.settings import bounds, env, is_true, keys, limits, timings, zone
from numberdesk.services.desk import Desk
from numberdesk.services.unreadable import Unreadable
from numberdesk.storage.marker import Marker
from numberdesk.storage.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.api.app import Api
    from numberdesk.domain.clock import Clock
    from numberdesk.services.erasing import Reminder
    from numberdesk.services.inventory import InventoryReconciler
    from numberdesk.services.notify import Notifier, Subscriptions
    from numberdesk.services.place import Placer
    from numberdesk.services.publish import Publisher
    from numberdesk.services.sync import Syncer
    from numberdesk.services.wake import Waker


def order_failures() -> Failures:
    """Build what holds order messages in hand, and puts those aside that failed too often."""
    sqs = aws.sqs()
    dead_letters = SqsRefusals(sqs, env("ORDER_DEAD_LETTER_QUEUE_URL"))
    return Failures(dead_letters, SqsReceived(sqs, env("ORDER_QUEUE_URL")), {env("ORDERS_API_ROLE_ID")})


def sync_failures() -> Failures:
    """Build what holds sync messages in hand, and puts those aside that failed too often."""
    sqs = aws.sqs()
    dead_letters = SqsRefusals(sqs, env("SYNC_DEAD_LETTER_QUEUE_URL"))
    return Failures(dead_letters, SqsReceived(sqs, env("SYNC_QUEUE_URL")), {env("ORDERS_API_ROLE_ID")})


def notification_failures() -> Failures:
    """Build what holds events for people in hand, and puts those aside that they could not be told of."""
    sqs = aws.sqs()
    dead_letters = SqsRefusals(sqs, env("NOTIFICATION_DEAD_LETTER_QUEUE_URL"))
    return Failures(dead_letters, SqsReceived(sqs, env("NOTIFICATION_QUEUE_URL")))


def api_role() -> str:
    """Give the unique id of orders_api's role: by it a sender is known."""
    return env("ORDERS_API_ROLE_ID")


def sync_senders() -> Mapping[str, frozenset[str]]:
    """Say whose word counts on SyncQueue, by what a message says: ids of roles. A wake is believed of anybody: it proves itself."""
    return {
        "bought": frozenset({env("PLACE_ORDER_ROLE_ID")}),
        # What was kept is taken in once more by the API.
        "webhook": frozenset({env("RECEIVE_WEBHOOK_ROLE_ID"), env("ORDERS_API_ROLE_ID")}),
    }


_MAX_READ = timedelta(seconds=8)
"""How long a provider may take to answer somebody who waits: API Gateway gives the whole request 29 s."""


def _marker() -> Marker:
    return Marker(aws.ssm(), env("STACK_NAME"))


def _table(clock: Clock, margin: timedelta, marker: Marker | None = None) -> Table:
    """Build the table: what is written is tried again until the margin of the invocation."""
    table = Table(
        aws.dynamodb(),
        env("TABLE_NAME"),
        pause=lambda seconds: clock.sleep(timedelta(seconds=seconds)),
        patience=invocation.until(margin),
        large=lambda size: PowertoolsMeter().count("LargestRowBytes", size),
        marker=marker,
    )
    return _reporting(table, clock)


def _reporting(table: Table, clock: Clock) -> Table:
    """Let rows that cannot be read be told."""
    table.report = Unreadable(table, clock, PowertoolsMeter(), logger, set())
    return table


def _desk(max_read: timedelta = timedelta.max) -> Desk:
    from numberdesk.runtime.accounts import Accounts  # noqa: PLC0415 - wake_orders has no accounts

    clock, times = SystemClock(), timings()
    store = _table(clock, times.write_margin, _marker())
    sqs = aws.sqs()
    hosts = frozenset(host.strip() for host in env("EXTRA_PROVIDER_HOSTS").split(",") if host.strip())
    accounts = Accounts(
        aws.secretsmanager(),
        store,
        clock,
        times.with_(read_timeout=min(times.read_timeout, max_read)),
        stack=env("STACK_NAME"),
        extra_hosts=hosts,
        local_run=is_true("LOCAL_RUN"),
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
        zone=zone(),
    )


def placer() -> Placer:
    """Build what places orders."""
    from numberdesk.services.place import Placer  # noqa: PLC0415 - each function imports its own service only

    return Placer(
        _desk(),
        SqsRefusals(aws.sqs(), env("ORDER_DEAD_LETTER_QUEUE_URL")),
        env("STACK_SCOPE"),
        limits(),
        metadata_name=env("LISTED_METADATA_KEY"),
    )


def syncer() -> Syncer:
    """Build what polls orders."""
    from numberdesk.services.operations import Operations  # noqa: PLC0415 - each function imports its own service only
    from numberdesk.services.sync import Syncer  # noqa: PLC0415
    from numberdesk.storage.files import Bucket  # noqa: PLC0415

    desk = _desk()
    operations = Operations(desk, Bucket(aws.s3(), env("FILES_BUCKET")))
    return Syncer(desk, operations, timedelta(days=int(env("WEBHOOK_RETENTION_DAYS"))))


def desk_api() -> Api:
    """Build the API."""
    from numberdesk.api.app import Api  # noqa: PLC0415 - each function imports its own services only
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
    from numberdesk.services.uploads import Uploads  # noqa: PLC0415
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
            api=env("ORDERS_API_ROLE_ID"),
            puts_aside=env("PLACE_ORDER_ROLE_ID"),
        ),
        "sync": SqsDeadLetterQueue(
            sqs,
            env("SYNC_DEAD_LETTER_QUEUE_URL"),
            env("SYNC_QUEUE_URL"),
            api=env("ORDERS_API_ROLE_ID"),
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
    )
    return Api(services, logger)


def waker() -> Waker:
    """Build what wakes orders."""
    from numberdesk.services.wake import Waker  # noqa: PLC0415 - each function imports its own service only

    sqs = aws.sqs()
    return Waker(
        _reporting(Table(aws.dynamodb(), env("TABLE_NAME"), marker=_marker()), SystemClock()),
        SqsQueue(sqs, env("ORDER_QUEUE_URL")),
        SqsQueue(sqs, env("SYNC_QUEUE_URL")),
        SystemClock(),
        PowertoolsMeter(),
        timings(),
    )


def notifier() -> Notifier:
    """Build what tells people."""
    from numberdesk.services.notify import Notifier  # noqa: PLC0415 - each function imports its own service only

    # Counting must not hold up what is to be told: where the table does not answer soon it is told uncounted.
    store = Table(aws.impatient_dynamodb(), env("TABLE_NAME"), patience=timedelta)
    return Notifier(_people(), store, bounds(), SystemClock(), PowertoolsMeter(), logger)


def subscriptions() -> Subscriptions:
    """Build what watches the way to people."""
    from numberdesk.services.notify import Subscriptions  # noqa: PLC0415 - each function imports its own service only

    return Subscriptions(_people(), PowertoolsMeter(), logger)


def _people() -> SnsTopic:
    return SnsTopic(aws.sns(), env("NOTIFICATION_TOPIC_ARN"))


def inventory_reconciler() -> InventoryReconciler:
    """Build what compares accounts with the records."""
    from numberdesk.services.inventory import InventoryReconciler  # noqa: PLC0415 - each function imports its own service only

    return InventoryReconciler(_desk())


def reminder() -> Reminder:
    """Build what reminds a restored table of what was erased."""
    from numberdesk.services.erasing import Eraser, Reminder  # noqa: PLC0415 - each function imports its own service only
    from numberdesk.storage.files import Bucket  # noqa: PLC0415

    desk = _desk()
    return Reminder(desk, Eraser(desk.store, Bucket(aws.s3(), env("FILES_BUCKET"))))


def publisher() -> Publisher:
    """Build what publishes events."""
    from numberdesk.services.publish import Publisher  # noqa: PLC0415 - each function imports its own service only

    clock = SystemClock()
    store = _table(clock, timedelta(seconds=10))
    return Publisher(store, EventBus(aws.events(), env("EVENT_BUS_NAME")), clock, PowertoolsMeter(), logger)
