"""What the receiver costs, counted in instructions: `make bench`."""
