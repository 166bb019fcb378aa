"""CallFire REST 1.1: number and keyword orders, with v2 for finding an unclear purchase."""
