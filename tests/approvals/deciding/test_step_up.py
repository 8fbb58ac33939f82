"""Approving what is critical: a log-in of just now, and the key figure typed in again."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from approvals.deciding import step_up
from approvals.deciding.step_up import KeyFigure, Proof, StepUpNeeded, same
from approvals.models import Decision
from audit.models import Event
from suggestions.models import Proposal
from tests.approvals.deciding.test_decide import approve, reject
from tests.conftest import suggestion_body
from tests.pages import in_one_line

FRESH = {"password": 12.0}
CRITICAL = {"level": "critical"}


@pytest.fixture
def critical(propose: Any) -> Any:
    return propose(suggestions=[suggestion_body(risk=CRITICAL)])


def status_of(proposal: Any) -> str:
    return Proposal.objects.get(pk=proposal.pk).status


def enrol(user: Any) -> None:
    from allauth.mfa.totp.internal.auth import TOTP

    TOTP.activate(user, "JBSWY3DPEHPK3PXP")


# --- What has to be shown -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proof", "missing"),
    [
        (None, ["fresh_login", "key_figure"]),
        (Proof({}, "54.04"), ["fresh_login"]),
        (Proof({"password": 301.0}, "54.04"), ["fresh_login"]),
        (Proof(FRESH, ""), ["key_figure"]),
        (Proof(FRESH, "54.4"), ["key_figure"]),
    ],
)
def test_what_is_critical_is_not_approved_without_all_of_it(
    critical: Any, ana: Any, proof: Proof | None, missing: list[str]
) -> None:
    with pytest.raises(StepUpNeeded) as refusal:
        approve(critical, ana, proof=proof)

    assert (refusal.value.missing, refusal.value.facts["key_figure"]) == (missing, "amount")
    assert (status_of(critical), Decision.objects.count()) == ("pending", 0)


def test_with_all_of_it_it_is_approved_and_the_log_says_how(critical: Any, ana: Any) -> None:
    assert approve(critical, ana, proof=Proof(FRESH, "54.04")).resolution is not None

    [event] = [json.loads(e.body) for e in Event.objects.filter(type="decision.made")]
    assert event["data"]["step_up"] == {"method": "password", "age_seconds": 12, "key_figure": "amount"}


def test_rejecting_never_costs_more(critical: Any, ana: Any) -> None:
    assert reject(critical, ana).resolution is not None


def test_where_the_policy_asks_for_it_the_risk_does_not_matter(propose: Any, policy: Any, ana: Any) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, step_up: true}\n")
    with pytest.raises(StepUpNeeded):
        approve(propose(), ana)


def test_no_policy_waives_it(propose: Any, policy: Any, ana: Any) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, step_up: false}\n")
    with pytest.raises(StepUpNeeded):
        approve(propose(suggestions=[suggestion_body(risk=CRITICAL)]), ana)


def test_an_edit_that_makes_it_critical_asks_for_the_edited_figure(
    propose: Any, policy: Any, ana: Any
) -> None:
    policy(
        "version: 1\ndefaults: {verdict: review, team: operations}\nrules:\n"
        "  - {name: grave, when: 'args.amount > 500.0', then: {risk: critical}}\n"
    )
    edited = {"order_id": "#W1", "amount": 900}
    with pytest.raises(StepUpNeeded):
        approve(propose(), ana, arguments=edited, proof=Proof(FRESH, "54.04"))
    assert approve(propose(), ana, arguments=edited, proof=Proof(FRESH, "900")).resolution is not None


def test_whoever_has_a_second_factor_confirms_with_it(critical: Any, ana: Any) -> None:
    enrol(ana)
    with pytest.raises(StepUpNeeded) as refusal:
        approve(critical, ana, proof=Proof(FRESH, "54.04"))
    assert refusal.value.missing == ["second_factor"]

    approve(critical, ana, proof=Proof({"password": 12.0, "totp": 4.0}, "54.04"))
    [event] = [json.loads(e.body) for e in Event.objects.filter(type="decision.made")]
    assert event["data"]["step_up"]["method"] == "totp"


def test_an_installation_may_want_a_second_factor_of_everybody(
    critical: Any, ana: Any, settings: Any
) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(StepUpNeeded) as refusal:
        approve(critical, ana, proof=Proof(FRESH, "54.04"))
    assert refusal.value.missing == ["second_factor"]


@pytest.mark.parametrize("method", ["totp", "webauthn", "recovery_codes"])
def test_what_is_a_second_factor_counts_as_one(critical: Any, ana: Any, method: str) -> None:
    enrol(ana)
    proof = Proof({"password": 400.0, method: 4.0}, "54.04")
    assert approve(critical, ana, proof=proof).resolution is not None


@pytest.mark.parametrize(
    "method", ["password", "password_reset", "code", "mfa", "socialaccount", "openid", "unknown", "None", ""]
)
def test_nothing_else_counts_as_a_second_factor(critical: Any, ana: Any, method: str) -> None:
    enrol(ana)
    with pytest.raises(StepUpNeeded) as refusal:
        approve(critical, ana, proof=Proof({method: 4.0}, "54.04"))
    assert refusal.value.missing == ["second_factor"]


@pytest.mark.parametrize("method", ["password_reset", "code", "socialaccount", "unknown"])
def test_a_link_from_an_e_mail_is_no_fresh_log_in(critical: Any, ana: Any, method: str) -> None:
    with pytest.raises(StepUpNeeded) as refusal:
        approve(critical, ana, proof=Proof({method: 4.0}, "54.04"))
    assert refusal.value.missing == ["fresh_login"]


# --- The key figure -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "typed", "right"),
    [
        (842.1, "842.10", True),
        (842.1, "842,10", True),
        (842.1, " 842.1 ", True),
        (842.1, "842", False),
        (842.1, "8421", False),
        (12000, "12000", True),
        (12000, "12,000", True),
        (12000, "12.000", True),
        (12000, "12 000.00", True),
        (12000, "12\u202f000", True),
        (12000, "12'000", True),
        (12000, "1,2000", False),
        (12000, "120,00", False),
        (12000, "12e3", False),
        (12000, "", False),
        (1234567.5, "1,234,567.50", True),
        (1234567.5, "1.234.567,5", True),
        (-3, "−3", True),
        (-3, "3", False),
        (0.1, "0.1", True),
        (3, "٣", True),
        ("DE89 3704", " DE89  3704 ", True),
        ("DE89 3704", "de89 3704", False),
        ("12", "12.0", False),
        ("", "", False),
    ],
)
def test_what_was_typed_is_compared_by_its_value(value: Any, typed: str, right: bool) -> None:
    assert same(KeyFigure("x", "x", value), typed) is right


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("amount", "Amount", 54.04)),
        ({"mark": "order_id"}, ("order_id", "Order", "#W1")),
        ({"template": "Refund order {order_id}"}, ("amount", "Amount", 54.04)),
        ({"template": "", "required": ["order_id"]}, ("subject", "customer", "customer-19122")),
        ({"template": "", "required": ["order_id"], "subject": ""}, None),
    ],
)
def test_what_the_key_figure_is(
    proposal: Any, changes: dict[str, Any], expected: tuple[str, str, Any] | None
) -> None:
    suggestion = proposal.suggestions.select_related("action_type").get()
    kind = suggestion.action_type
    kind.template = changes.get("template", kind.template)
    kind.schema["required"] = changes.get("required", kind.schema["required"])
    if "mark" in changes:
        kind.schema["properties"][changes["mark"]]["x-key-figure"] = True
    proposal.subject_id = changes.get("subject", proposal.subject_id)

    digest = suggestion.action_digest
    found = step_up.key_figure(suggestion, proposal, suggestion.arguments, digest)

    wanted = expected or ("digest", "last four characters of the digest", digest[-4:])
    assert (found.name, found.label, found.value) == wanted


# --- At the desk ----------------------------------------------------------------------------------


def signed_in(user: Any) -> Client:
    """As somebody who has just signed in through the log-in page."""
    client = Client()
    answer = client.post(
        "/accounts/login/", {"login": user.username, "password": f"{user.username}-has-a-long-password"}
    )
    assert answer.status_code == 302
    return client


def grown_old(client: Client) -> None:
    """An hour passes."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - 3600
    session.save()


def form_of(proposal: Any, **more: str) -> dict[str, str]:
    suggestion = proposal.suggestions.get()
    return {**decision_of(suggestion), "shown": suggestion.action_digest, **more}


def decision_of(suggestion: Any) -> dict[str, str]:
    return {"suggestion": str(suggestion.pk), "action_digest": suggestion.action_digest}


def test_with_a_fresh_log_in_and_the_figure_it_is_approved(critical: Any, ana: Any) -> None:
    client = signed_in(ana)
    page = client.get(f"/queue/{critical.pk}/").content.decode()
    assert 'name="key_figure"' in page
    assert "You have confirmed that it is you" in page

    answer = client.post(f"/queue/{critical.pk}/approve/", form_of(critical, key_figure="54,04"))

    assert (answer.status_code, status_of(critical)) == (303, "approved")


def test_a_wrong_figure_is_said_and_given_back(critical: Any, ana: Any) -> None:
    answer = signed_in(ana).post(f"/queue/{critical.pk}/approve/", form_of(critical, key_figure="5404"))
    page = answer.content.decode()
    assert (answer.status_code, status_of(critical)) == (409, "pending")
    assert "What you typed is not the Amount: it is 54.04." in page
    assert 'value="5404"' in page


@pytest.mark.parametrize("htmx", [False, True])
def test_a_stale_log_in_leads_to_confirming_and_back_with_everything_kept(
    critical: Any, ana: Any, htmx: bool
) -> None:
    client = signed_in(ana)
    grown_old(client)
    item = f"/queue/{critical.pk}/"
    assert "You will be asked to confirm" in client.get(item).content.decode()

    headers = {"HX-Request": "true"} if htmx else {}
    answer = client.post(f"{item}approve/", form_of(critical, key_figure="54.04"), headers=headers)
    confirm = answer["HX-Redirect" if htmx else "Location"]
    assert confirm == f"/accounts/reauthenticate/?next=%2Fqueue%2F{critical.pk}%2F"
    assert (answer.status_code, status_of(critical)) == (200 if htmx else 303, "pending")

    assert client.get(confirm).status_code == 200
    back = client.post(confirm, {"password": "ana-has-a-long-password", "next": item})
    assert back["Location"] == item
    assert 'value="54.04"' in client.get(item).content.decode()
    assert 'value="54.04"' not in client.get(item).content.decode()  # kept once
    client.post(f"{item}approve/", form_of(critical, key_figure="54.04"))
    assert status_of(critical) == "approved"
    assert Event.objects.filter(type="session.confirmed").count() == 1


def test_a_wrong_password_confirms_nothing(critical: Any, ana: Any) -> None:
    client = signed_in(ana)
    grown_old(client)
    answer = client.post("/accounts/reauthenticate/", {"password": "not-it", "next": "/queue/"})
    assert answer.status_code == 200
    answer = client.post(f"/queue/{critical.pk}/approve/", form_of(critical, key_figure="54.04"))
    assert "/reauthenticate/" in answer["Location"]


def test_what_is_not_critical_asks_for_nothing(proposal: Any, ana: Any) -> None:
    client = signed_in(ana)
    grown_old(client)
    assert 'name="key_figure"' not in client.get(f"/queue/{proposal.pk}/").content.decode()
    client.post(f"/queue/{proposal.pk}/approve/", form_of(proposal))
    assert status_of(proposal) == "approved"


def test_a_token_cannot_step_up(critical: Any, ana: Any, api_as: Any) -> None:
    answer = api_as(ana).post(
        f"proposals/{critical.pk}/decisions/",
        {"verdict": "approve", **decision_of(critical.suggestions.get())},
    )
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:reviewapp:problem:step-up-needed"
    assert answer.json()["missing"] == ["fresh_login", "key_figure"]
    assert "approve it on its page" in answer.json()["detail"]
    assert status_of(critical) == "pending"
    rejected = api_as(ana).post(f"proposals/{critical.pk}/decisions/", {"verdict": "reject", "reason": "no"})
    assert rejected.status_code == 201


# --- Second factors -------------------------------------------------------------------------------


def code_now(secret: str) -> str:
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_an_app_is_set_up_and_asked_for_from_then_on(critical: Any, ana: Any) -> None:
    client = signed_in(ana)
    assert "No app is set up" in client.get("/accounts/security/").content.decode()
    to_confirm = client.get("/accounts/security/app/")
    assert to_confirm["Location"].startswith("/accounts/reauthenticate/")
    client.post(
        to_confirm["Location"], {"password": "ana-has-a-long-password", "next": "/accounts/security/app/"}
    )
    page = client.get("/accounts/security/app/").content.decode()
    secret = page.split('class="secret-value">')[1].split("<")[0]
    answer = client.post("/accounts/security/app/", {"code": code_now(secret)})
    assert answer["Location"] == reverse("mfa_view_recovery_codes")
    assert "10 of 10 are left" in in_one_line(client.get(answer["Location"]).content.decode())

    from allauth.mfa.models import Authenticator

    kept = Authenticator.objects.get(user=ana, type="totp")
    assert secret not in json.dumps(kept.data)
    types = list(Event.objects.filter(type__startswith="second_factor").values_list("type", flat=True))
    assert types == ["second_factor.added", "second_factor.added"]  # the app, and its recovery codes
    assert not Event.objects.filter(body__contains=secret).exists()

    # The password confirmed a moment ago counts no more.
    item = f"/queue/{critical.pk}/"
    answer = client.post(f"{item}approve/", form_of(critical, key_figure="54.04"))
    assert answer["Location"].startswith("/accounts/security/confirm/")
    kept.wrap()  # readable again with the key of the installation
    wrong = client.post("/accounts/security/confirm/", {"code": "000000", "next": item})
    assert "Incorrect code" in wrong.content.decode()
    assert Event.objects.filter(type="session.refused").exists()

    from django.core.cache import cache

    cache.clear()  # a code is good once
    back = client.post("/accounts/security/confirm/", {"code": code_now(secret), "next": item})
    assert back["Location"] == item
    client.post(f"{item}approve/", form_of(critical, key_figure="54.04"))
    assert status_of(critical) == "approved"
    [event] = [json.loads(e.body) for e in Event.objects.filter(type="decision.made")]
    assert event["data"]["step_up"]["method"] == "totp"
    assert event["actor"]["authenticated_by"] == "password+totp"


def test_signing_in_asks_for_the_code_too(ana: Any) -> None:
    enrol(ana)
    client = signed_in(ana)
    assert client.get("/queue/").status_code == 302
    page = client.get("/accounts/security/sign-in/")
    assert page.status_code == 200
    answer = client.post("/accounts/security/sign-in/", {"code": code_now("JBSWY3DPEHPK3PXP")})
    assert answer.status_code == 302
    assert client.get("/queue/").status_code == 200
    assert Event.objects.filter(type="session.opened").count() == 1


@pytest.mark.parametrize(
    "path",
    ["app/", "app/off/", "codes/", "codes/new/", "codes/download/", "keys/add/", "keys/1/remove/", "keys/1/"],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_password_alone_does_not_change_the_second_factor(
    ana: Any, monkeypatch: pytest.MonkeyPatch, path: str, method: str
) -> None:
    from allauth.mfa.models import Authenticator

    client = signed_in(ana)
    enrol(ana)
    Authenticator.objects.update(created_at="2026-01-01T00:00:00Z")
    client.post("/accounts/reauthenticate/", {"password": "ana-has-a-long-password"})

    answer = getattr(client, method)(f"/accounts/security/{path}")

    assert answer["Location"].startswith("/accounts/security/confirm/?next=")
    assert Authenticator.objects.filter(user=ana, type="totp").exists()
    client.post("/accounts/security/confirm/", {"code": code_now("JBSWY3DPEHPK3PXP")})
    shown = getattr(client, method)(f"/accounts/security/{path}")
    assert not shown.headers.get("Location", "").startswith("/accounts/security/confirm/")


@pytest.mark.parametrize("path", ["", "keys/", "keys/add/", "codes/new/", "app/"])
def test_every_page_of_security_is_drawn(ana: Any, path: str) -> None:
    client = signed_in(ana)
    client.post("/accounts/reauthenticate/", {"password": "ana-has-a-long-password"})
    answer = client.get(f"/accounts/security/{path}")
    assert answer.status_code == 200 or path == "codes/new/"


def test_whom_a_second_factor_is_required_of_is_led_to_setting_one_up(
    critical: Any, ana: Any, settings: Any
) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    answer = signed_in(ana).post(f"/queue/{critical.pk}/approve/", form_of(critical, key_figure="54.04"))
    assert answer["Location"].startswith("/accounts/security/?next=")
