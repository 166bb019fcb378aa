"""The three simulators as a child process on loopback, and their controls."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx

from local.environment import HOME, ROOT, require_loopback
from local.keys import Keys, write_private
from local.processes import undisturbed

BUILT_IN = {"telnyx": "api_key", "telesign": "customer_id", "callfire": "login"}
"""Under which name each simulator tells the login that it begins with; a run has its own and takes that one away."""


class Simulators:
    """Telnyx, TeleSign and CallFire, each on its own port."""

    def __init__(self, home: Path = HOME) -> None:
        self._state = home / "simulators"
        self._log = home / "simulators.log"
        self._group: int | None = None
        self._about: dict[str, dict[str, str]] = {}
        # Never through a proxy that the caller's environment may name.
        self._http = httpx.Client(trust_env=False, timeout=10)

    @classmethod
    def attach(cls, home: Path = HOME) -> Self:
        """Return those that were left running.

        Raises:
            FileNotFoundError: none were, or they are gone.
        """
        found = cls(home)
        group = int((found._state / "group").read_text())
        found._read()
        try:
            found.ask("telnyx", "now")
        except httpx.TransportError:
            # After a restart of the machine their process number may be another's.
            (found._state / "group").unlink()
            raise FileNotFoundError("the simulators are gone") from None
        found._group = group
        return found

    def spawn(self, keys: Keys) -> None:
        """Start them; `wait` waits until they answer. They sign with the run's own key."""
        write_private(self._state / "telnyx-private-key", keys.telnyx_signing_key)
        (self._state / "simulators.json").unlink(missing_ok=True)
        with self._log.open("wb") as log, undisturbed():
            process = subprocess.Popen(
                [sys.executable, "-m", "local.simulators", "--state-dir", str(self._state)],
                cwd=ROOT,
                # Nothing of the caller's environment: no credentials, no proxies.
                env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._group = process.pid
            write_private(self._state / "group", str(self._group))

    def wait(self) -> None:
        """Wait until all three answer.

        Raises:
            RuntimeError: they do not.
        """
        deadline = time.monotonic() + 60
        while not (self._state / "simulators.json").exists():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the simulators did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.1)
        self._read()

    def stop(self) -> None:
        """End them, if they run."""
        if self._group is None:
            return
        group, self._group = self._group, None
        (self._state / "group").unlink(missing_ok=True)
        for ending in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, ending)
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                try:
                    os.killpg(group, 0)
                except ProcessLookupError:
                    return
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(group, os.WNOHANG)
                time.sleep(0.05)

    def root(self, provider: str) -> str:
        """Return a simulator's address, without the path of its API."""
        return self._about[provider]["control_url"].removesuffix("/_sim")

    def ask(self, provider: str, control: str, **arguments: Any) -> Any:
        """Run one of a simulator's controls (local/simulators/README.md) and return its result.

        Raises:
            LookupError: it refused; the message says why.
        """
        answer = self._http.post(f"{self._about[provider]['control_url']}/{control}", json=arguments).json()
        if "error" in answer:
            raise LookupError(f"{provider}, {control}: {answer['error']}")
        return answer["result"]

    def _read(self) -> None:
        self._about = json.loads((self._state / "simulators.json").read_text())
        for about in self._about.values():
            require_loopback(about["control_url"])

    def change_logins(self, logins: list[tuple[str, str, str, str]]) -> None:
        """Accept these (provider, login, secret, account) and no longer the simulators' initial ones."""
        for provider, name in BUILT_IN.items():
            self.ask(provider, "revoke", login=self._about[provider][name])
        for provider, login, secret, account in logins:
            self.ask(provider, "allow", login=login, secret=secret, account=account)
