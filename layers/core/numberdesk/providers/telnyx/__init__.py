"""Telnyx v2: number orders, sub number orders, requirements, signed webhooks."""
