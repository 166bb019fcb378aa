"""The composition root: settings from the environment, AWS clients, and the services built from them.

Nothing else reads the environment or creates AWS clients, except the receiver, whose cold start must be fast.
"""
