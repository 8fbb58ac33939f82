"""One calm line an event."""

from datetime import datetime


def say(who: str, what: str) -> None:
    text = "".join(c if c.isprintable() else "·" for c in what)
    print(f"{datetime.now():%H:%M:%S} {who}: {text}", flush=True)
