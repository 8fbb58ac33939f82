"""`python -m demo.shop`: the shop until it is told to stop."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from demo.shop.server import ShopServer
from demo.shop.state import State


def main() -> int:
    args = _arguments()
    try:
        server = ShopServer((args.host, args.port), State(args.state))
    except (OSError, ValueError) as error:
        print(f"shop: cannot start: {error}", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stopping.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"shop: open at http://{args.host}:{server.server_port}", flush=True)
    server.stopping.wait()
    server.shutdown()
    server.server_close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.shop", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100, help="0 takes a free one and prints it")
    parser.add_argument("--state", type=Path, metavar="FILE.json", help="keep the state here")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
