"""The last sweep, and the health of accounts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from numberdesk.domain.health import Health, Sweep
from numberdesk.storage.dynamodb import NOT_NEWER, Dynamo, over, put
from numberdesk.storage.values import keyed, known, pack, record_of, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.storage.values import Item, Key

_SWEEP: Key = ("DESK#sweep", "LAST")


class Healths(Dynamo):
    """Implements `services.stores.Healths`."""

    def sweep(self) -> Sweep | None:
        return self._record(_SWEEP, _sweep)

    def put_sweep(self, sweep: Sweep) -> None:
        item = sweep.model_dump(mode="json", warnings="error")
        # Of hundreds of wakes: instants are alike.
        sent = json.dumps(item.pop("on_their_way")).encode()
        more = {"on_their_way": pack(sent)} if sweep.on_their_way else {}
        self._write(put(keyed(_SWEEP, **item, **more), NOT_NEWER))

    def health(self, provider: str, account: str) -> Health:
        return self._record(_key(provider, account), record_of(Health)) or Health()

    def healths(self, accounts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Health]:
        keys = {_key(*account): account for account in accounts}
        return {keys[key]: health for key, health in self._records(keys, record_of(Health)).items()}

    def put_health(self, provider: str, account: str, health: Health) -> bool:
        item = keyed(_key(provider, account), **health.model_dump(mode="json", warnings="error"))
        return self._write(put(item, *over(health.version)))


def _sweep(item: Item) -> Sweep:
    sent = json.loads(unpack(item["on_their_way"])) if "on_their_way" in item else {}
    return Sweep.model_validate({**known(item, Sweep), "on_their_way": sent})


def _key(provider: str, account: str) -> Key:
    return f"ACCOUNT#{provider}#{account}", "HEALTH"
