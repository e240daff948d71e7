"""`python -m gancli`."""

from __future__ import annotations

from gancli.cli.app import main

if __name__ == "__main__":
    main()
