"""One folder a provider: what it can do as data, its webhooks, and the adapter that talks to it."""
