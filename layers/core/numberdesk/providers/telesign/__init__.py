"""TeleSign Phone Numbers API: direct orders, found by polling."""
