"""Telnyx v2: number orders, sub number orders, requirements, signed webhooks."""

from numberdesk.providers.info import ProviderInfo, WebhookAuth

PROVIDER = ProviderInfo(
    name="telnyx",
    title="Telnyx",
    hosts=frozenset({"api.telnyx.com"}),
    base_url="https://api.telnyx.com/v2",
    webhook=WebhookAuth.SIGNATURE,
)
