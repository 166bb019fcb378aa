"""TeleSign Phone Numbers API: direct orders, found by polling."""

from numberdesk.providers.info import ProviderInfo

PROVIDER = ProviderInfo(
    name="telesign",
    title="TeleSign",
    hosts=frozenset({"rest-ww.telesign.com", "rest-api.telesign.com"}),
    base_url="https://rest-ww.telesign.com",
)
