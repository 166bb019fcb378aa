"""The composition root: settings from the environment, AWS clients, and the services built from them.

Nothing else reads the environment or creates AWS clients, except the receiver, whose cold start must be fast.
"""

import gc

# Imports leave a hundred thousand objects that stay. To look for garbage among them at every seven hundredth is a twentieth of a cold start.
gc.set_threshold(50_000)
