"""Thin senders for the queues and the event bus; they check partial failures."""
