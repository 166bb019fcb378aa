"""What the receiver costs, counted in instructions: `make bench`. What pages of lists cost, counted in calls: `make lists`."""
