"""Acme: a made-up provider, as small as possible. It sells from its own memory."""

from numberdesk.providers.info import ProviderInfo, WebhookAuth

PROVIDER = ProviderInfo(
    name="acme",
    title="Acme Numbers",
    hosts=frozenset({"api.acme.example"}),
    base_url="https://api.acme.example",
    webhook=WebhookAuth.TOKEN,
)
