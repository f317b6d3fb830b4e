"""``python -m jaxdoodle``: the command."""

import sys

from jaxdoodle.cli import main

if __name__ == "__main__":
    sys.exit(main())
