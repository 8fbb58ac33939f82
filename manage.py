#!/usr/bin/env python
"""The command line of reviewapp; `manage.py help` lists its commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reviewapp.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from reviewapp.embedded import CannotStart

    try:
        if sys.argv[1:2] == ["up"]:
            from reviewapp.management.commands.up import Command

            Command().run_from_argv(sys.argv)  # without the apps, which Django would load first
            return
        execute_from_command_line(sys.argv)
    except (CannotStart, ImproperlyConfigured) as problem:
        sys.exit(f"{problem}")  # a setting is missing or wrong, and says so in one line


if __name__ == "__main__":
    main()
