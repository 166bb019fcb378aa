"""Who asks, and the services that answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numberdesk.services.accounts import AccountDesk
    from numberdesk.services.catalogue import Catalogue
    from numberdesk.services.commands import Commands
    from numberdesk.services.dead_letters import DeadLetterDesk
    from numberdesk.services.placing_gate import GateDesk
    from numberdesk.services.profiles import Profiles
    from numberdesk.services.providers import ProviderDesk
    from numberdesk.services.reading import Reading
    from numberdesk.services.spending import SpendingDesk
    from numberdesk.services.status import StatusDesk
    from numberdesk.services.uploads import Uploads
    from numberdesk.services.vetting import VettingDesk

_MAX_PRINCIPAL = 512


class Services(NamedTuple):
    """What the routes call."""

    commands: Commands
    reading: Reading
    catalogue: Catalogue
    providers: ProviderDesk
    profiles: Profiles
    uploads: Uploads
    dead_letters: DeadLetterDesk
    gate: GateDesk
    accounts: AccountDesk
    spending: SpendingDesk
    status: StatusDesk
    vetting: VettingDesk


class Caller(NamedTuple):
    """What one request says beside its path, query and body."""

    by: str
    """The IAM principal; empty where API Gateway named none."""
    request_id: str
    base_url: str
    """Where this API is reached, its stage included."""
    body: str
    """As it came."""

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Caller:
        """Read an API Gateway (REST) proxy event whose body is text."""
        context = event["requestContext"]
        host = context.get("domainName") or (event.get("headers") or {}).get("host")
        # Below a domain of one's own the stage is not part of the address: what is in front of the route's path is.
        asked, path = str(context.get("path") or ""), str(event.get("path") or "")
        root = asked.removesuffix(path) if asked.endswith(path) else f"/{context.get('stage')}"
        principal = (context.get("identity") or {}).get("userArn")
        return cls(
            by=str(principal or "")[:_MAX_PRINCIPAL],
            request_id=str(context.get("requestId") or ""),
            base_url=f"https://{host}{root.rstrip('/')}",
            body=event.get("body") or "",
        )
