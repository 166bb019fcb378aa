"""How providers write their own names. The registry of providers fills this in when it is imported; the domain lists none."""

TITLES: dict[str, str] = {}
"""By a provider's name."""
