"""TeleSign on the command line: its two credentials. It sends no webhooks."""

from __future__ import annotations

from numberdesk.providers.tools import Credential, Tools

TOOLS = Tools(credentials=(Credential("customer_id", "Customer ID", secret=False), Credential("api_key", "API key")))
