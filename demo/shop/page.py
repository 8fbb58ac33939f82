"""The one page of the shop for people: what happened lately, and which faults are on."""

import json
from html import escape
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
       color-scheme: light dark }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .6rem;
       border-bottom: 1px solid #8884; vertical-align: top; overflow-wrap: anywhere }
code { font-size: .85em }
"""


def newest(data: dict[str, Any]) -> dict[str, Any]:
    return {"count": len(data["ledger"]), "rows": data["ledger"][:-51:-1]}


def draw(ledger: dict[str, Any], faults: list[dict[str, Any]]) -> str:
    rows = [
        (e["at"], e["effect"], e["path"], e["idempotency_key"] or "–", _short(e["result"]))
        for e in ledger["rows"]
    ]
    wishes = [(f["match"], f["mode"], "until deleted" if f["times"] is None else f["times"]) for f in faults]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>"
        f"<meta name=viewport content='width=device-width'><title>Demo shop</title><style>{STYLE}</style>"
        "<h1>Demo shop</h1><p>Nobody here is real. What approved actions did is below, newest first.</p>"
        f"<h2>Faults that are on</h2>{_table(('Path', 'Mode', 'Times left'), wishes)}"
        f"<h2>Effects ({ledger['count']})</h2>{_table(('When', 'Effect', 'Path', 'Key', 'Result'), rows)}"
    )


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    if not rows:
        return "<p>None.</p>"
    lines = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    return (
        f"<table><tr>{''.join(f'<th>{h}</th>' for h in head)}</tr>"
        f"{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
    )


def _short(result: Any) -> str:
    text = json.dumps(result)
    return text if len(text) <= 160 else text[:159] + "…"
