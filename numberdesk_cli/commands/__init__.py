"""The commands, by subject. Each reads its arguments, calls the client, and shows the answer."""
