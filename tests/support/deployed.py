"""What a deployment leaves in moto: made once in a process, and copied for each test.

A deployment by CloudFormation takes longer than most tests.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from contextlib import contextmanager
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock

import moto.sqs.models
from moto import mock_aws
from moto.core.base_backend import BackendDict
from moto.s3.models import s3_backends

from local.simulators.clock import Clock
from tests.support import recursion, senders
from tests.support.aws_limits import limits_of_aws
from tests.support.functions import LAMBDA
from tests.support.quick_moto import quick_moto
from tests.support.stack import create_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from tests.support.stack import Stack

Made = TypeVar("Made")
_kept: dict[Hashable, tuple[list[BackendDict[Any]], bytes]] = {}
"""For each deployment, the services that it used, and the copy."""


@contextmanager
def moto_at(clock: Clock) -> Iterator[None]:
    """Let moto answer boto3. SQS uses the clock's time: delays and visibility time-outs pass when it is moved."""

    # A mock would keep every call.
    def seconds() -> float:
        return clock.now().timestamp()

    def milliseconds() -> float:
        return clock.now().timestamp() * 1000

    with (
        mock.patch.dict("os.environ", LAMBDA),
        quick_moto(),
        limits_of_aws(),
        mock.patch.object(moto.sqs.models, "unix_time", seconds),
        mock.patch.object(moto.sqs.models, "unix_time_millis", milliseconds),
        mock_aws(),
        recursion.kept_by_sqs(),
        senders.named_by_sqs(),
    ):
        yield


def deployed(key: Hashable, deploy: Callable[[], Made]) -> Made:
    """Deploy into an empty moto, or restore what the deployment with the same key left in moto when it was new.

    No test gets what another one can change: even the first one gets a copy.

    Args:
        key: everything that the deployment depends on.
        deploy: creates the resources, and returns what a test needs to find them.
    """
    if key not in _kept:
        made = deploy()
        services = list(_used())
        _kept[key] = services, _written((made, [dict(each) for each in services], s3_backends.bucket_accounts))
    services, written = _kept[key]
    copy: tuple[Made, list[dict[str, Any]], dict[str, Any]] = pickle.loads(written)  # noqa: S301 - written above
    for service, accounts in zip(services, copy[1], strict=True):
        service.clear()
        service.update(accounts)
    # moto resets the services that it finds here.
    _used()[:] = services
    s3_backends.bucket_accounts.clear()
    s3_backends.bucket_accounts.update(copy[2])
    return copy[0]


@contextmanager
def moto_stack(**parameters: str) -> Iterator[Stack]:
    """Create the template's table, queues, bus and topic in moto."""
    with moto_at(Clock()):
        yield deployed(("stack", *sorted(parameters.items())), partial(create_stack, **parameters))


def _used() -> list[BackendDict[Any]]:
    used: list[BackendDict[Any]] = vars(BackendDict)["_instances"]
    return used


def _written(content: object) -> bytes:
    """Write objects as bytes. A lock of a queue is free at that time, and a copy gets its own."""
    written = io.BytesIO()
    pickler = pickle.Pickler(written, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table | {type(RLock()): lambda _: (RLock, ())}
    pickler.dump(content)
    return written.getvalue()
