"""Say how long numbers were vetted, by provider, country and type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numberdesk.domain import vetting
from numberdesk.providers import registry

if TYPE_CHECKING:
    from numberdesk.domain.clock import Clock
    from numberdesk.domain.vetting import Times
    from numberdesk.services.stores import Vettings

MAX_MONTHS = 12


@dataclass(slots=True, eq=False, repr=False)
class VettingDesk:
    """Reads how long numbers were vetted."""

    store: Vettings
    clock: Clock

    def read(self, months: int) -> tuple[list[str], dict[tuple[str, str, str], Times]]:
        """Read the last months, this one included, in one call for each provider.

        Returns:
            The months, the latest first, and the times by provider, country and number type.
        """
        now = self.clock.now()
        # Months since year 0.
        latest = now.year * 12 + now.month - 1
        names = [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(latest, latest - months, -1)]
        found = {
            (provider, *kind): times
            for provider in registry.NAMES
            for kind, times in vetting.read(self.store.vettings(provider, names)).items()
        }
        return names, found
