"""numberdesk: the order desk for phone numbers."""
