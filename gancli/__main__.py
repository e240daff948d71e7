"""`python -m gancli`."""

from gancli.cli import main

if __name__ == "__main__":
    main()
