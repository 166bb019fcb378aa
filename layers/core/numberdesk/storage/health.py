"""The health of accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numberdesk.domain.health import Health
from numberdesk.storage.dynamodb import Dynamo, over, put
from numberdesk.storage.values import attributes, keyed, tuple_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.storage.values import Key
_INSTANTS = ("written_at", "webhook_at", "answered_at", "failed_at")
_read_health = tuple_of(Health, _INSTANTS)


class Healths(Dynamo):
    """Implements `services.stores.Healths`."""

    def health(self, provider: str, account: str) -> Health:
        return self._record(_key(provider, account), _read_health) or Health()

    def healths(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Health]:
        keys = {_key(*account): account for account in accounts}
        return {keys[key]: health for key, health in self._records(keys, _read_health).items()}

    def put_health(self, provider: str, account: str, health: Health) -> bool:
        item = keyed(_key(provider, account), **attributes(health, _INSTANTS))
        return self._write(put(item, *over(health.version)))


def _key(provider: str, account: str) -> Key:
    return f"ACCOUNT#{provider}#{account}", "HEALTH"
