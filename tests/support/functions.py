"""The Lambda functions as Lambda runs them: one module a cold start, with exactly the environment of template.yaml."""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.machinery import SourceFileLoader
from types import CodeType, SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from aws_lambda_powertools.metrics import base
from aws_lambda_powertools.metrics.provider.cloudwatch_emf import cloudwatch
from botocore.client import BaseClient
from botocore.httpsession import URLLib3Session
from botocore.signers import S3PostPresigner

from numberdesk import runtime
from numberdesk.runtime import clock as runtime_clock
from tests.support import recursion, signed
from tests.support.quick_moto import call
from tests.support.roles import form_held_to_its_role, held_to_its_role
from tests.support.senders import sending_as
from tests.support.stack import REGION, ROOT, functions, role_id

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Mapping
    from datetime import timedelta, tzinfo
    from types import ModuleType

    from local.simulators.clock import Clock

# What Lambda itself sets and the functions need; nothing else of this machine's environment reaches them.
LAMBDA = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SESSION_TOKEN": "test",
    "TZ": ":UTC",
}
# Reads the environment when it is imported, so each cold start imports it again. The AWS session may stay: it holds none of it.
_FRESH = ("build", "observe", "settings", "failures")


_SIGN = S3PostPresigner.generate_presigned_post


class DeskClock:
    """The simulators' clock as `domain.clock.Clock`. Sleeping takes no real time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def sleep(self, duration: timedelta) -> None:
        self._clock.advance(duration.total_seconds())


@dataclass
class Context:
    """What Lambda passes with an event (`LambdaContext`), as far as the functions read it."""

    function_name: str
    remaining_ms: int = 170_000
    aws_request_id: str = "8a3c5f0e-0000-4000-8000-000000000000"
    memory_limit_in_mb: int = 1024

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


class Function:
    """One warm function: its module was loaded once, and keeps its caches."""

    def __init__(self, name: str, environment: Mapping[str, str], clock: Clock, output: io.StringIO) -> None:
        """Load it.

        Args:
            name: the function's folder.
            environment: its variables, as the template declares them.
            clock: the present, for the services and for the receiver.
            output: gets every line that the function logs or prints.
        """
        self.name = name
        self._environment: dict[str, str] = {}
        self._encoded: dict[bytes, bytes] = {}
        self.set(**LAMBDA, AWS_LAMBDA_FUNCTION_NAME=name)
        self.set(**environment)
        self._role_id = role_id(functions()[name]["Role"]["Fn::GetAtt"][0])
        self._output = output
        self._datetime = _datetime_of(clock)

        # Making a mock takes as long as loading a module.
        def desk_clock() -> DeskClock:
            return DeskClock(clock)

        with self._lambda(), mock.patch.object(runtime_clock, "SystemClock", desk_clock):
            for module in _FRESH:
                if sys.modules.pop(f"numberdesk.runtime.{module}", None):
                    delattr(runtime, module)
            self.module = _load(name)
            for handler in self.module.logger.handlers:
                handler.setStream(output)
        if hasattr(self.module, "datetime"):
            # The receiver, which makes no clock, uses the machine's.
            self.module.datetime = self._datetime  # type: ignore[attr-defined]

    def set(self, **environment: str) -> None:
        """Set variables, as Lambda does while a function is warm."""
        self._environment |= environment
        self._encoded |= {os.fsencode(key): os.fsencode(value) for key, value in environment.items()}

    def __call__(self, event: dict[str, Any], *, remaining_ms: int = 170_000, trace: str | None = None) -> Any:
        """Invoke the handler with the trace header that Lambda gives the invocation; by default it starts a new chain."""
        with self._lambda(trace):
            return self.module.handler(event, Context(self.name, remaining_ms))

    @contextmanager
    def _lambda(self, trace: str | None = None) -> Iterator[None]:
        header = trace or recursion.next_header(self.name, None) or ""
        with (
            # Setting the variables one by one is slow, so Python's copy of them is replaced at once. The process keeps its own.
            mock.patch.object(os.environ, "_data", {**self._encoded, b"_X_AMZN_TRACE_ID": header.encode()}),
            redirect_stdout(self._output),
            mock.patch.object(BaseClient, "_make_api_call", held_to_its_role(self.name, call)),
            mock.patch.object(URLLib3Session, "send", signed.send),
            mock.patch.object(S3PostPresigner, "generate_presigned_post", form_held_to_its_role(self.name, _SIGN)),
            sending_as(f"{self._role_id}:{self._environment.get('STACK_NAME', 'numberdesk')}-{self.name}"),
            # Powertools dates metrics by the machine's clock; single metrics have a place of their own.
            mock.patch.object(cloudwatch, "dt", SimpleNamespace(datetime=self._datetime)),
            mock.patch.object(base, "dt", SimpleNamespace(datetime=self._datetime)),
            warnings.catch_warnings(),
        ):
            # Powertools warns if an invocation emitted no metric, which is normal.
            warnings.filterwarnings("ignore", "No application metrics to publish")
            yield


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"functions.{name}.app", ROOT / "functions" / name / "app.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    exec(_code(name), vars(module))  # noqa: S102 - as its loader does
    return module


@cache
def _code(name: str) -> CodeType:
    path = str(ROOT / "functions" / name / "app.py")
    code = SourceFileLoader(f"functions.{name}.app", path).get_code(f"functions.{name}.app")
    assert code is not None
    return code


def _datetime_of(clock: Clock) -> type[datetime]:
    class Datetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock.now().astimezone(tz or UTC)

    return Datetime
