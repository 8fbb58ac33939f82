"""Writing secrets, granting and deleting them; and the workflows that name them."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from governance.actions.action_types import InvalidActionType, preview, register
from governance.models import ActionType, Secret
from governance.secrets import box, keep
from tests.governance.secrets.made import VALUE, Authority, secret, told
from tests.ground import REFUND

URL = "https://shop.internal/refunds"


def with_route(**route: Any) -> dict[str, Any]:
    of = {"kind": "http", "url": URL, **route}
    return {**REFUND, "workflow": {"steps": [{"name": "refund", "routes": [of]}]}}


def test_a_value_is_written_and_stands_nowhere_in_the_clear(db: None, olga: Any) -> None:
    kept = keep.write(
        "shop-token",
        f" {VALUE}\r\n",
        actor=SYSTEM,
        by=olga,
        description="Refunds",
        granted_to=["b", "a", "b"],
    )

    row = Secret.objects.values().get()
    assert VALUE not in str(row)
    assert box.opened("shop-token", kept.ciphertext) == VALUE
    assert (kept.granted_to, kept.written_by, kept.certificate_until) == (["a", "b"], olga, None)
    assert told() == [
        ("secret.written", {"secret": "shop-token", "granted_to": ["a", "b"], "replaced": False})
    ]
    with pytest.raises(keep.NameTaken, match="replace its value instead"):
        secret("shop-token", "some-other-value")


@pytest.mark.parametrize(
    ("name", "value", "more", "pointer"),
    [
        ("", VALUE, {}, "/name"),
        ("..", VALUE, {}, "/name"),
        ("a b", VALUE, {}, "/name"),
        ("a" * 65, VALUE, {}, "/name"),
        ("a\n", VALUE, {}, "/name"),
        ("a", "  sh0rt  ", {}, "/value"),
        ("a", "x" * (keep.LONGEST + 1), {}, "/value"),
        ("a", "null\0inside", {}, "/value"),
        ("a", VALUE, {"description": "two\nlines"}, "/description"),
        ("a", VALUE, {"granted_to": ["no name"]}, "/granted_to"),
        ("a", VALUE, {"granted_to": [f"a{n}" for n in range(101)]}, "/granted_to"),
    ],
)
def test_what_is_wrong_is_named_without_the_value(
    db: None, name: str, value: str, more: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as raised:
        keep.write(name, value, actor=SYSTEM, by=None, **more)
    assert [error["pointer"] for error in raised.value.errors] == [pointer]
    assert value.strip() not in str(raised.value.errors)
    assert not Secret.objects.exists()


def test_a_certificate_is_known_by_its_end_and_needs_the_key_that_fits(db: None) -> None:
    first, second = Authority.new().issue("client"), Authority.new().issue("client")
    kept = secret("shop-cert", first)
    assert kept.certificate_until is not None

    mixed = first[: first.index("-----BEGIN PRIVATE")] + second[second.index("-----BEGIN PRIVATE") :]
    with pytest.raises(Invalid, match="not as they must be") as raised:
        keep.replace(kept, mixed, actor=SYSTEM, by=None)
    assert "do not belong together" in raised.value.errors[0]["detail"]


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ({"headers": {"authorization": "Bearer {secret:key}"}}, "headers.authorization"),
        ({"sign": "key"}, "sign"),
        ({"client_certificate": "key"}, "client_certificate"),
        (
            {"oauth2": {"token_url": "https://login.internal/t", "client_id": "a", "client_secret": "key"}},
            "oauth2.client_secret",
        ),
    ],
)
def test_a_workflow_is_saved_once_its_secrets_are_there_and_granted(
    db: None, route: dict[str, Any], path: str
) -> None:
    def refused(why: str) -> None:
        for save in (lambda: register(definition, actor=SYSTEM), lambda: preview([definition])):
            with pytest.raises(InvalidActionType) as raised:
                save()
            problems = [(one.path, one.problem) for one in raised.value.problems]
            assert problems == [(f"workflow.steps.0.routes.0.{path}", why)]
        assert not ActionType.objects.exists()

    definition = with_route(**route)
    refused("there is no secret key")
    kept = secret("key", Authority.new().issue("client"), "another_action")
    refused("the secret key is not granted to refund_payment: see Governance, Secrets")
    keep.grant(kept, ["refund_payment"], actor=SYSTEM)
    if path == "client_certificate":
        keep.replace(kept, VALUE, actor=SYSTEM, by=None)
        refused("the secret key holds no certificate with its key (PEM)")
        keep.replace(kept, Authority.new().issue("client"), actor=SYSTEM, by=None)

    assert register(definition, actor=SYSTEM)[0].secrets == ["key"]
    assert [str(found) for found in keep.users_of(["key"])] == ["refund_payment@1"]


def test_the_secrets_of_a_probe_are_looked_at_too(db: None) -> None:
    definition = with_route()
    verify = {"url": URL, "headers": {"x-key": "{secret:key}"}, "expect": "response.status == 200"}
    definition["workflow"]["steps"][0]["verify"] = verify

    path = r"workflow\.steps\.0\.verify\.route\.headers\.x-key"
    with pytest.raises(InvalidActionType, match=rf"{path}: there is no"):
        register(definition, actor=SYSTEM)


@pytest.mark.parametrize(
    ("route", "why"),
    [
        ({"headers": {"x": "{secret:}"}}, r"headers.x: x names no secret: write \{secret:NAME\}"),
        ({"headers": {"x": "{secret:a b}"}}, r"headers.x: x names no secret: write \{secret:NAME\}"),
        ({"sign": "a b"}, "sign: is the name of a secret"),
        ({"sign": "a", "headers": {"Webhook-Id": "1"}}, "sign sets the header webhook-id"),
        ({"url": "http://shop.internal/", "client_certificate": "a"}, "begins with https://"),
        ({"url": "https://shop.internal/{secret:a}"}, "stands in headers, never in an address"),
        (
            {
                "oauth2": {"token_url": "https://x.internal/", "client_id": "a", "client_secret": "b"},
                "headers": {"Authorization": "Bearer {secret:a}"},
            },
            "oauth2 sets the header authorization",
        ),
        (
            {"oauth2": {"token_url": "ftp://x.internal/", "client_id": "a", "client_secret": "b"}},
            "oauth2.token_url: an address begins with http",
        ),
        (
            {"oauth2": {"token_url": "https://x.internal/", "client_id": "a", "client_secret": "b", "x": 1}},
            "oauth2.x: x is unknown here",
        ),
    ],
)
def test_what_can_not_be_sent_is_said_with_its_path(db: None, route: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidActionType, match=why):
        register(with_route(**route), actor=SYSTEM)


def test_what_workflows_name_is_deleted_only_where_that_is_known(db: None) -> None:
    kept = secret("key")
    register(with_route(sign="key"), actor=SYSTEM)

    with pytest.raises(keep.StillUsed, match="key is used by refund_payment@1: nothing of theirs") as raised:
        keep.delete(kept, although_used=False, actor=SYSTEM)
    assert raised.value.facts == {"used_by": ["refund_payment@1"]}
    keep.delete(kept, although_used=True, actor=SYSTEM)
    assert told()[-1] == ("secret.deleted", {"secret": "key", "used_by": ["refund_payment"]})
    assert not Secret.objects.exists()


def test_the_same_grants_again_are_no_event(db: None) -> None:
    kept = secret()
    keep.grant(kept, ["refund_payment"], actor=SYSTEM)
    keep.grant(kept, ["b", "a"], actor=SYSTEM)
    assert told()[1:] == [
        ("secret.granted", {"secret": "shop-token", "before": ["refund_payment"], "granted_to": ["a", "b"]})
    ]


def test_the_command_encrypts_anew_and_names_what_it_can_not_read(db: None, settings: Any) -> None:
    def said(*options: str) -> str:
        out = StringIO()
        call_command("rotate_secrets", *options, stdout=out)
        return out.getvalue()

    secret()
    settings.SECRETS_KEYS = [said("--new-key").strip()]
    assert said() == "1 encrypted anew.\n"
    settings.SECRETS_KEYS = [box.new_key()]
    with pytest.raises(CommandError, match="Not readable with SECRETS_KEYS: shop-token"):
        said()
