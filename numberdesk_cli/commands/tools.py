"""Events as they happen, and webhooks made by hand."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import httpx
from cyclopts import App, Parameter
from cyclopts.validators import Number

from numberdesk.domain.schema import MESSAGES
from numberdesk.providers import registry
from numberdesk.services import receive
from numberdesk_cli import webhooks
from numberdesk_cli.errors import DeskError, Exit, UnreachableError, UsageError
from numberdesk_cli.session import Desk, DryRun, Provider

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk_cli.session import Session
    from numberdesk_cli.target import Target

events = App(name="events", help="Print events from the event bus.")


def register(app: App) -> None:
    """Add the commands."""
    app.command(events)
    app.command(trigger)


def trigger(
    provider: Provider,
    event: str,
    *,
    set_: Annotated[
        list[str] | None,
        Parameter(name="--set", negative="", help="Set a value of the body, such as data.payload.status=failure."),
    ] = None,
    order: str | None = None,
    account: str = "default",
    simulate: Annotated[
        list[str] | None,
        Parameter(
            negative="", help='First, use a control of the local simulator, such as set_deadline={"seconds": 60}.'
        ),
    ] = None,
    dry_run: DryRun = False,
    desk: Desk,
) -> int:
    """Send a sample webhook with your own data.

    On the local stack, it is signed and sent to the receiver. On a deployed stack, it is put on the sync queue with your own
    permissions and marked as a test: numberdesk polls the order, and uses nothing else that the webhook says.

    Args:
        event: The event that it reports, such as number_order.complete.
        order: The id of one of your orders, which the webhook is then about.
        account: The account at the provider.
    """
    body = _body(desk, provider, event, order, set_ or ())
    if dry_run:
        desk.out.json(body)
        return Exit.DONE
    if simulate and not desk.target.local:
        raise UsageError("--simulate sets the local simulator, and this is no local stack", "Add --local.")
    for each in simulate or ():
        _simulate(desk.target, provider, each)
    if desk.target.local:
        _post(desk, provider, body)
    else:
        _enqueue(desk, provider, account, body)
    return Exit.DONE


def _body(desk: Session, provider: str, event: str, order_id: str | None, settings: Sequence[str]) -> dict[str, Any]:
    body = webhooks.sample(provider, event)
    order = desk.client.order(order_id) if order_id else None
    if fill := registry.tools(provider).fill:
        fill(body, order.provider_order_id if order else None, order.reference if order else None)
    for setting in settings:
        webhooks.with_value(body, setting)
    return body


def _simulate(target: Target, provider: str, control: str) -> None:
    name, _, text = control.partition("=")
    about = target.local_file("simulators/simulators.json")
    try:
        answer = _direct().post(f"{about[provider]['control_url']}/{name}", json=json.loads(text or "{}")).json()
    except ValueError as error:
        raise UsageError(
            f"--simulate {control!r} has no JSON object", 'Write --simulate set_deadline={"seconds": 60}.'
        ) from error
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"the simulator does not answer ({type(error).__name__})", "Run `make up` again."
        ) from error
    if "error" in answer:
        raise UsageError(
            f"the simulator of {provider} refused {name}: {answer['error']}", "See local/simulators/README.md."
        )


def _direct() -> httpx.Client:
    # Never through a proxy that the environment may name.
    return httpx.Client(trust_env=False, timeout=10)


def _post(desk: Session, provider: str, body: dict[str, Any]) -> None:
    """Send a webhook through the door of the local stack."""
    keys = desk.target.local_file("keys.json")
    content, headers = json.dumps(body).encode(), {"content-type": "application/json"}
    url = f"{desk.target.url}/postbacks/{provider}/{keys.get(f'{provider}_token')}"
    if sign := registry.tools(provider).sign:
        url = f"{desk.target.url}/webhooks/{provider}"
        headers = sign(keys[f"{provider}_signing_key"], content, time.time())
    try:
        answer = _direct().post(url, content=content, headers=headers)
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"the local stack does not answer ({type(error).__name__})", "Run `make up` again."
        ) from error
    if not answer.is_success:
        raise DeskError(f"the receiver answered {answer.status_code}: {answer.text[:200]}")
    desk.out.line(f"The receiver took it: {answer.status_code}.")


def _enqueue(desk: Session, provider: str, account: str, body: dict[str, Any]) -> None:
    """Put a webhook on the sync queue of a deployed stack, marked as a test."""
    made = receive.message(provider, account, json.dumps(body).encode(), desk.now(), key="")
    # Only the receiver may send webhooks there. A test webhook is no more than a wake.
    message = MESSAGES.mark({"test_webhook": {**made["webhook"], "key": "test"}})
    desk.target.client("sqs").send_message(QueueUrl=desk.target.output("SyncQueueUrl"), MessageBody=json.dumps(message))
    desk.out.line("It is on the sync queue, marked as a test.")


@events.command
def tail(
    *,
    seconds: Annotated[
        float,
        Parameter(validator=Number(gte=0), help="How long to listen. By default, it listens until you interrupt it."),
    ] = 0,
    desk: Desk,
) -> int:
    """Print events as they arrive on the event bus, until you interrupt it.

    It creates a queue and a rule, and deletes them at its end. Earlier events are in the orders' ledgers.
    """
    sqs, bus = desk.target.client("sqs"), desk.target.client("events")
    name = f"numberdesk-tail-{uuid.uuid4().hex[:12]}"
    url = sqs.create_queue(QueueName=name, Attributes={"MessageRetentionPeriod": "300"})["QueueUrl"]
    bus_name = desk.target.output("EventBusName")
    try:
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        pattern = json.dumps({"source": ["numberdesk"]})
        rule = bus.put_rule(Name=name, EventBusName=bus_name, EventPattern=pattern)["RuleArn"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _policy(arn, rule)})
        bus.put_targets(Rule=name, EventBusName=bus_name, Targets=[{"Id": "tail", "Arn": arn}])
        desk.out.note("listening; end with Ctrl-C")
        _print_events(desk, sqs, url, until=time.monotonic() + seconds if seconds else None)
    except KeyboardInterrupt:
        pass
    finally:
        for delete in (
            lambda: bus.remove_targets(Rule=name, EventBusName=bus_name, Ids=["tail"]),
            lambda: bus.delete_rule(Name=name, EventBusName=bus_name),
            lambda: sqs.delete_queue(QueueUrl=url),
        ):
            _quietly(desk, delete, name)
    return Exit.DONE


def _quietly(desk: Session, delete: Any, name: str) -> None:
    try:
        delete()
    except Exception as error:  # noqa: BLE001 - the others are still to be deleted
        desk.out.note(
            f"{name} may be left ({type(error).__name__}); delete the queue and the rule of this name by hand"
        )


def _policy(queue: str, rule: str) -> str:
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})


def _print_events(desk: Session, sqs: Any, url: str, *, until: float | None) -> None:
    while until is None or time.monotonic() < until:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            event = json.loads(message["Body"])
            if desk.out.as_json:
                desk.out.json(event)
            else:
                detail = event["detail"]
                what = detail.get("message") or json.dumps(detail.get("data", {}), ensure_ascii=False)
                desk.out.line(f"{event['time']}  {detail.get('order_id') or ''}  {event['detail-type']}  {what}")
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
