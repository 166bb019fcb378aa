"""The console: pages for the people who run the desk, served from their own machine with their own rights."""

from numberdesk_cli.console.app import create_app
from numberdesk_cli.console.serving import serve

__all__ = ["create_app", "serve"]
