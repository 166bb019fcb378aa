"""What numberdesk does: place, synchronise, wake, publish. Ports come as arguments."""
