"""The last sweep, and the health of accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.health import Health, Sweep
from numberdesk.storage.dynamodb import NOT_NEWER, Dynamo, over, put
from numberdesk.storage.values import keyed, record_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.storage.values import Key

_SWEEP: Key = ("DESK#sweep", "LAST")


class Healths(Dynamo):
    """Implements `services.stores.Healths`."""

    def sweep(self) -> Sweep | None:
        return self._record(_SWEEP, record_of(Sweep))

    def put_sweep(self, sweep: Sweep) -> None:
        self._write(put(keyed(_SWEEP, **sweep.model_dump(mode="json", warnings="error")), NOT_NEWER))

    def health(self, provider: str, account: str) -> Health:
        return self._record(_key(provider, account), record_of(Health)) or Health()

    def healths(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Health]:
        keys = {_key(*account): account for account in accounts}
        return {keys[key]: health for key, health in self._records(keys, record_of(Health)).items()}

    def put_health(self, provider: str, account: str, health: Health) -> bool:
        item = keyed(_key(provider, account), **health.model_dump(mode="json", warnings="error"))
        return self._write(put(item, *over(health.version)))


def _key(provider: str, account: str) -> Key:
    return f"ACCOUNT#{provider}#{account}", "HEALTH"
