"""Granian with the application loaded before it forks: web processes share the memory of what is loaded."""

from __future__ import annotations

import sys
from importlib import import_module

from granian.cli import entrypoint


def main() -> None:
    """Take Granian's arguments, of which the last names the application."""
    import_module(sys.argv[-1].partition(":")[0])  # which makes itself ready
    entrypoint()


if __name__ == "__main__":
    main()
