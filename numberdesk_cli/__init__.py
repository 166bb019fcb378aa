"""The command `numberdesk`, its console, and the Python client of numberdesk's API that both are made of."""
