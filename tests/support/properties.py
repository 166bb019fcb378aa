"""How many examples a property gets: few in `make test`, which draws others each time, and many in `make properties`."""

import os

USUAL = 50
EXAMPLES = int(os.environ.get("NUMBERDESK_EXAMPLES", USUAL))
"""Of a property that does not say how many it needs."""


def examples(usual: int) -> int:
    """Return the number of examples of a property that usually gets this many, in proportion to the others."""
    return max(1, usual * EXAMPLES // USUAL)
