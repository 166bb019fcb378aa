"""Everything that a local run consists of: the stack on its emulator, the simulators, the accounts, the keys, the times."""

import contextlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from local.environment import HOME, ROOT, LocalStack, require_loopback
from local.keys import Keys
from local.signing import Api
from local.simulator_process import Simulators

TIMINGS: dict[str, Any] = {
    "read_timeout": "PT4S",
    "settling": "PT10S",
    "search_cadence": ["PT1S", "PT2S", "PT3S", "PT5S"],
    # The last pause is long, so that a run shows which came first: a webhook or the next poll.
    "cadence": {
        "telnyx": ["PT1S", "PT3S", "PT30S"],
        "telesign": ["PT1S", "PT2S", "PT5S"],
        "callfire": ["PT1S", "PT2S", "PT45S"],
    },
    "hint_polls": ["PT1S", "PT3S", "PT10S"],
    "probe_interval": "PT3S",
    "throttle_pause": "PT2S",
    "retry_pause": "PT2S",
    "hold_pause": "PT3S",
    "call_interval": {"callfire": "PT0.1S"},
    "slot_patience": "PT1S",
}
"""The desk's times (`numberdesk.domain.settings.Timings`), shortened; what is not here has its default."""

LIMITS: dict[str, Any] = {"numbers_per_order": 100, "numbers_per_day": 5000, "cost_per_day": {"EUR": "10"}}
"""The limits on spending (`numberdesk.domain.costs.Limits`): stories go beyond that of an order, and beyond that in euros."""

LIVE = os.environ.get("NUMBERDESK_LIVE", "on") != "off"
"""Whether the simulators behave as live systems do (docs/field.md), or only as they are documented."""

SIMULATED: dict[str, dict[str, float]] = {
    "telnyx": {"activation_seconds": 15, "vetting_seconds": 1},
    "telesign": {"progress_seconds": 1, "resolve_seconds": 5},
    "callfire": {"processing_seconds": 1, "finish_seconds": 5},
}
"""How fast the simulators' providers work."""

UNBOUNDED = dict.fromkeys(
    ("per_order", "per_account", "per_hour", "deadlines_per_order", "deadlines_per_account", "deadlines_per_hour"),
    10000,
)
"""Bounds on messages to people that nothing reaches."""
WINDOW = 1
"""Seconds for which messages to people are gathered, as short as it may be."""

LISTED_METADATA_KEY = "team"
"""Orders can be listed by the values of this."""

TELESIGN = "FFFFFFFF-EEEE-DDDD-1234-AB1234567890"
TELESIGN_RESALE = "FFFFFFFF-EEEE-DDDD-1234-AB1234567891"

Say = Callable[[str], None]


class World:
    """A stack and its providers, ready for orders.

    Use it as a context manager, which ends everything on exit; or `start` and `detach`, and later attach to its parts. Once
    started, `api` is its API and the principals that may call it.

    Args:
        home: the folder for all files.
        template: see `LocalStack`.
        say: gets progress messages.
    """

    api: Api

    def __init__(self, home: Path = HOME, template: Path = ROOT / "template.yaml", say: Say = lambda _: None) -> None:
        self.home = home
        self.say = say
        self.keys = Keys.make()
        self.simulators = Simulators(home)
        parameters = {
            "Timings": json.dumps(TIMINGS),
            "SpendingLimits": json.dumps(LIMITS),
            "ListedMetadataKey": LISTED_METADATA_KEY,
            "NotificationWindowSeconds": str(WINDOW),
            # All stories happen within an hour, and each needs its notifications.
            "MessageBounds": json.dumps(UNBOUNDED),
        }
        self.stack = LocalStack(self.keys.parameters() | parameters, home=home, template=template)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything, deploy, and create the accounts.

        Raises:
            RuntimeError: it failed, or a world is still running here.
        """
        with contextlib.suppress(FileNotFoundError):
            LocalStack.attach(self.home)
            raise RuntimeError("a stack was left running here; `make down` ends it")
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.keys.save(self.home / "keys.json")
        self.say("starting the simulators of Telnyx, TeleSign and CallFire")
        self.simulators.spawn(self.keys)
        self.say("starting the local AWS; building and deploying template.yaml with SAM")
        self.stack.start()
        self.api = Api.open(self.stack)
        self.simulators.wait()
        self.say(
            f"deployed: built in {self.stack.timings['build']:.0f} s, ready in {self.stack.timings['ready']:.0f} s"
        )
        self._open_accounts()
        self.say("accounts made, webhooks and postbacks registered at the simulators")
        self._warm_up()
        self.say("functions warm")

    def detach(self) -> None:
        """Leave everything running when this process ends."""
        self.stack.detach()

    def stop(self) -> None:
        """End everything that is running."""
        try:
            self.simulators.stop()
        finally:
            self.stack.stop()

    # --- accounts ---

    def put_account(self, provider: str, account: str, settings: dict[str, Any] | None = None, **values: str) -> None:
        """Create or change an account's secret.

        Raises:
            ValueError: a base URL is not on loopback.
        """
        root = self.simulators.root(provider)
        base_url = {"telnyx": f"{root}/v2", "telesign": root, "callfire": f"{root}/api/1.1/rest"}[provider]
        settings = settings or {}
        for url in (base_url, *(value for name, value in settings.items() if name.endswith("base_url"))):
            require_loopback(url)
        self.stack.put_account(provider, account, {"base_url": base_url, **values, "settings": settings})

    def renew_resale_key(self) -> None:
        """Give the account with the revoked key a valid key again: at TeleSign, and in its secret."""
        key = self.keys.telesign_renewed_key
        self.simulators.ask("telesign", "allow", login=TELESIGN_RESALE, secret=key, account="resale")
        self.put_account("telesign", "resale", customer_id=TELESIGN_RESALE, api_key=key)

    def _open_accounts(self) -> None:
        keys = self.keys
        self.simulators.change_logins(
            [
                ("telnyx", keys.telnyx_api_key, "", "default"),
                ("telesign", TELESIGN, keys.telesign_api_key, "default"),
                ("telesign", TELESIGN_RESALE, keys.telesign_resale_key, "resale"),
                ("callfire", "default", keys.callfire_password, "default"),
                ("callfire", "legacy", keys.callfire_legacy_password, "legacy"),
            ]
        )
        self.put_account("telnyx", "default", api_key=keys.telnyx_api_key)
        self.put_account("telesign", "default", customer_id=TELESIGN, api_key=keys.telesign_api_key)
        self.put_account("telesign", "resale", customer_id=TELESIGN_RESALE, api_key=keys.telesign_resale_key)
        v2 = {"v2_find": True, "v2_base_url": f"{self.simulators.root('callfire')}/v2"}
        self.put_account("callfire", "default", v2, login="default", password=keys.callfire_password)
        self.put_account("callfire", "legacy", login="legacy", password=keys.callfire_legacy_password)
        for provider, settings in SIMULATED.items():
            self.simulators.ask(provider, "configure", **settings, live=LIVE)
        self.simulators.ask("telnyx", "webhook_urls", urls=[self.telnyx_url])
        self.simulators.ask("callfire", "postback_urls", urls=[self.callfire_url])

    @property
    def telnyx_url(self) -> str:
        """Return the URL for Telnyx's webhooks."""
        return f"{self.stack.api_url}/webhooks/telnyx"

    @property
    def callfire_url(self) -> str:
        """Return the URL for CallFire's postbacks, which is secret."""
        return f"{self.stack.api_url}/postbacks/callfire/{self.keys.callfire_token}"

    def _warm_up(self) -> None:
        """Start every function with an empty event: on a small machine a cold start takes seconds."""
        wake = {"wake": {"order_id": "none", "wake_at": datetime.now(UTC).isoformat()}}
        record = {"messageId": "warm-up", "eventSource": "aws:sqs", "body": json.dumps(wake), "messageAttributes": {}}
        queued = {"Records": [record]}
        told = json.loads((ROOT / "events" / "aws" / "send_notifications.json").read_text())
        calls: list[Callable[[], object]] = [
            # Two of those that the queues, or the callers of stories, keep busy two at a time.
            *[lambda: self.stack.invoke("place_order", queued)] * 2,
            *[lambda: self.stack.invoke("sync_order", queued)] * 2,
            lambda: self.stack.invoke("wake_orders"),
            lambda: self.stack.invoke("reconcile_inventory"),
            lambda: self.stack.invoke("publish_changes"),
            lambda: self.stack.invoke("send_notifications", told),  # nobody is subscribed yet
            lambda: httpx.post(self.telnyx_url, content=b"{}", timeout=180, trust_env=False),
            *[lambda: self.api.call("GET", "/providers")] * 2,
        ]
        with ThreadPoolExecutor(len(calls)) as pool:
            for done in [pool.submit(call) for call in calls]:
                done.result()
