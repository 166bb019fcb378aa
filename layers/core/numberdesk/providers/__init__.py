"""One folder a provider: what it can do as data, its notifications, and the adapter that talks to it."""
