"""What real agents once wanted to do, through the whole product, from the proposal to the export."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from audit.ground.actors import SYSTEM
from demo.shop.server import ShopServer
from demo.shop.state import State
from execution.models import Execution
from execution.running.run import run
from governance.door.keys import issue_token
from suggestions.models import Proposal
from tests.sealed import seal_all

SHARED_DATA = Path(os.environ.get("SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")
DOMAINS = ["tau_airline", "tau_retail", "agentdojo_banking", "agentdojo_slack", "agentdojo_workspace"]
ROWS = 12  # of each file
APPROVED = 3

pytestmark = pytest.mark.skipif(
    not (SHARED_DATA / "manifest.json").exists(),
    reason=f"there are no recorded actions in {SHARED_DATA}; SHARED_DATA names another folder",
)


@pytest.fixture
def shop(settings: Any) -> Iterator[ShopServer]:
    server = ShopServer(("127.0.0.1", 0), State(None))
    settings.EGRESS_ALLOW = [f"127.0.0.1:{server.server_port}"]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    server.server_close()


def client_of(live_server: Any, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"{live_server.url}/api/v1/", headers={"Authorization": f"Bearer {key}"}, timeout=30
    )


def replay(file: Path, live_server: Any, key: str) -> dict[str, Any]:
    said = io.StringIO()
    call_command("replay", str(file), limit=ROWS, url=live_server.url, key=key, stdout=said)
    summary: dict[str, Any] = json.loads(said.getvalue().splitlines()[-1])
    return summary


def apply_tools(domain: str, shop: ShopServer, folder: Path) -> None:
    """The published tools, each carried out by the demo shop's address for anything."""
    tools = json.loads((SHARED_DATA / f"tools_{domain}.json").read_text())["tools"]
    for tool in tools:
        url = f"http://127.0.0.1:{shop.server_port}/generic/{tool['function']['name']}"
        routes = [{"kind": "http", "method": "POST", "url": url, "timeout": "5s"}]
        tool["workflow"] = {"steps": [{"name": "call", "routes": routes}]}
    file = folder / "tools.json"
    file.write_text(json.dumps({"tools": tools}))
    call_command("apply_action_types", str(file), stdout=io.StringIO())


def approve_first_suggestion(api: httpx.Client, proposal: str) -> dict[str, Any]:
    """Approve over the API what stands first; the arguments that were approved."""
    first = api.get(f"proposals/{proposal}/").json()["suggestions"][0]
    decision = {
        "verdict": "approve",
        "suggestion": first["id"],
        "action_digest": first["action_digest"],
        "reason": "That is what was asked for.",
    }
    answer = api.post(f"proposals/{proposal}/decisions/", json=decision)
    assert answer.status_code == 201, answer.text
    arguments: dict[str, Any] = first["arguments"]
    return arguments


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("domain", DOMAINS)
def test_recorded_actions_are_proposed_approved_carried_out_and_exported(
    domain, live_server, shop, agent_key, ana, dora, tmp_path
):
    apply_tools(domain, shop, tmp_path)
    accepted = 0

    for kind in ("suggestions", "actions"):
        file = SHARED_DATA / f"{kind}_{domain}.jsonl.gz"
        first, again = replay(file, live_server, agent_key), replay(file, live_server, agent_key)
        assert first["rows"] == ROWS
        assert first["accepted"] + first["refused"] + first["nothing_to_propose"] == ROWS
        assert first["accepted"] > 0
        assert (again["accepted"], again["replayed"]) == (0, first["accepted"])
        accepted += first["accepted"]
    proposals = [str(pk) for pk in Proposal.objects.order_by("pk").values_list("pk", flat=True)]
    assert len(proposals) == accepted

    with client_of(live_server, issue_token(ana, actor=SYSTEM)) as reviewer:
        approved = {p: approve_first_suggestion(reviewer, p) for p in proposals[:APPROVED]}
    for execution in Execution.objects.all():
        run(execution.pk)

    ledger = httpx.get(f"http://127.0.0.1:{shop.server_port}/ledger").json()["ledger"]
    effects = {effect["idempotency_key"]: effect["body"] for effect in ledger}
    assert Execution.objects.filter(status="succeeded").count() == APPROVED
    assert effects == {
        f"{execution.pk}/call": approved[str(execution.proposal_id)] for execution in Execution.objects.all()
    }

    seal_all()
    with client_of(live_server, issue_token(dora, actor=SYSTEM)) as auditor:
        exported = auditor.get("events/export/", params={"format": "jsonl"})
    events = [json.loads(line) for line in exported.text.splitlines()]
    submitted = [event["proposal"] for event in events if event["type"] == "proposal.submitted"]
    assert sorted(submitted) == proposals
    succeeded = {event["proposal"] for event in events if event["type"] == "execution.succeeded"}
    assert succeeded == set(approved)
