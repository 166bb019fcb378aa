"""`python -m numberdesk_cli`: the same as the command `numberdesk`."""

import sys

from numberdesk_cli.app import main

if __name__ == "__main__":
    sys.exit(main())
