"""CallFire REST 1.1: number and keyword orders, with v2 for finding a purchase with an unknown outcome."""

from numberdesk.providers.info import ProviderInfo, WebhookAuth

PROVIDER = ProviderInfo(
    name="callfire",
    title="CallFire",
    hosts=frozenset({"www.callfire.com", "api.callfire.com"}),
    base_url="https://www.callfire.com/api/1.1/rest",
    webhook=WebhookAuth.TOKEN,
)
