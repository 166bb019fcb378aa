"""The order table, the bucket with files, and what outlives the table."""
