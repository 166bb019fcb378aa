"""The order table, behind one door."""
