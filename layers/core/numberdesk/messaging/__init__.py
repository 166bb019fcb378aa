"""Senders to queues, the event bus and the topic, and the reader of dead-letter queues."""
