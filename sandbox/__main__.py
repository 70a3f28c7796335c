"""`python -m sandbox`."""

import sys

from sandbox.ending import end_at_once


def is_serving(words: list[str]) -> bool:
    """Whether the command line asks to serve: no other command may end with 0 before it is done."""
    return not words or words[0] == "serve" or words[0].startswith("-")


if __name__ == "__main__":
    if is_serving(sys.argv[1:]):
        end_at_once()
    from sandbox.main import main

    sys.exit(main(sys.argv[1:]))
