"""Who and what the demo needs, written as files for the product's own commands to read.

`python -m demo.seed --shop http://127.0.0.1:9100 --out DIR` writes action_types.json,
policy.yaml, agents.json and people.json into DIR.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).parent
SHOP = "http://127.0.0.1:9100"
PLACE_OF_THE_SHOP = "__SHOP__"

AGENTS: list[dict[str, Any]] = [
    {
        "name": "demo-support-bot",
        "owner": "demo-operator",
        "actions": [
            "refund_payment",
            "cancel_order",
            "change_address",
            "issue_voucher",
            "send_email",
            "exchange_items",
        ],
    },
    {
        "name": "demo-treasury-agent",
        "owner": "demo-operator",
        "actions": ["refund_payment", "adjust_credit_limit", "issue_voucher"],
    },
    {
        "name": "demo-ops-agent",
        "owner": "demo-operator",
        "actions": ["cancel_order", "change_address", "close_account", "send_email"],
    },
]

PEOPLE: list[dict[str, str]] = [
    {"username": "demo-operator", "role": "operator", "team": "operations"},
    {"username": "demo-operator-2", "role": "operator", "team": "operations"},
    {"username": "demo-reviewer", "role": "reviewer", "team": "operations"},
    {"username": "demo-reviewer-2", "role": "reviewer", "team": "finance"},
    {"username": "demo-reviewer-3", "role": "reviewer", "team": "operations"},  # some things take two
    {"username": "demo-auditor", "role": "auditor", "team": "operations"},
]


def action_types(shop: str = SHOP) -> list[dict[str, Any]]:
    """The demo's action types, acting on this shop."""
    text = (HERE / "action_types.json").read_text(encoding="utf-8")
    types: list[dict[str, Any]] = json.loads(text.replace(PLACE_OF_THE_SHOP, origin(shop)))
    return types


def policy() -> str:
    return (HERE / "policy.yaml").read_text(encoding="utf-8")


def origin(url: str) -> str:
    """Scheme, host and port of this address; raises `ValueError` for anything else."""
    parts = urlsplit(url.rstrip("/"))
    plain = parts.scheme in {"http", "https"} and parts.hostname and not set(url) & set("\"'\\{} \n")
    if not plain or url.rstrip("/") != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ValueError(f"{url!r} is not of the form http://host:port")
    return f"{parts.scheme}://{parts.netloc}"


def write(folder: Path, shop: str = SHOP) -> list[Path]:
    """The four files, in this folder, which is made if need be."""
    files = {
        "action_types.json": _json(action_types(shop)),
        "policy.yaml": policy(),
        "agents.json": _json(AGENTS),
        "people.json": _json(PEOPLE),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.seed", description=__doc__.partition("\n")[0])
    parser.add_argument("--shop", default=SHOP, help="where the demo shop is, as http://host:port")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    try:
        for file in write(args.out, args.shop):
            print(file)
    except (OSError, ValueError) as error:
        print(f"seed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
