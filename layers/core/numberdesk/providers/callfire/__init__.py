"""CallFire REST 1.1: number and keyword orders, with v2 for finding a purchase with an unknown outcome."""
