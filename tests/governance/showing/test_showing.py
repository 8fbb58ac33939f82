"""How actions read: names, numbers, labels, sentences, key figures, findings."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.models import ActionType
from governance.models.property_order import order_of
from governance.policies import findings
from governance.policies.policy import Policy, PolicyText
from governance.schemas.data_classes import Marks
from governance.showing.labels import holding, labels, left_out
from governance.showing.names import readable, skeleton
from governance.showing.numbers import grouped, typed, written
from governance.showing.sentences import Wording, path_label, sentence
from tests.searching import searched

MAIL = {"type": "object", "properties": {name: {} for name in ("to", "subject", "body", "html", "bcc")}}
BUCKET = {"type": "object", "properties": {"source": {}, "target": {}, "force": {"default": True}}}
ACCOUNTS: dict[str, Any] = {
    "type": "object",
    "$defs": {"Acc": {"title": "Account", "type": "object", "properties": {"iban": {"type": "string"}}}},
    "properties": {"from_account": {"$ref": "#/$defs/Acc"}, "to_account": {"$ref": "#/$defs/Acc"}},
}


def kind(schema: dict[str, Any], *, name: str = "send_mail", template: str = "") -> ActionType:
    return ActionType(name=name, schema=schema, template=template, property_order=order_of(schema))


def called(schema: dict[str, Any], value: dict[str, Any]) -> list[str]:
    marks = Marks(schema)
    return list(labels(holding(marks, [schema], value), value).values())


# --- Names and numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pullNumber", "Pull number"),
        ("repoURL", "Repo URL"),
        ("commentNodeID", "Comment node ID"),
        ("isDryRun", "Is dry run"),
        ("HTTPServerURL2", "HTTP server URL2"),
        ("userIDs", "User IDs"),
        ("order_id", "Order id"),
        ("address-line.1", "Address line 1"),
        ("s3Bucket", "S3 bucket"),
        ("2fa_reset", "2fa reset"),
        ("größeMax", "Größe max"),
        ("ÜberURL", "Über URL"),
        ("受取人", "受取人"),
        ("a<b", "a<b"),
        ("pay\u202eee", "pay[U+202E]ee"),
        ("", "“”"),
    ],
)
def test_a_name_reads_as_words(name: str, words: str) -> None:
    assert readable(name) == words


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.00005, "0.00005"),
        (1e-7, "0.0000001"),
        (612.0, "612"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1234567.89, "1234567.89"),
        (2**53 - 1, "9007199254740991"),
        (1e20, "100000000000000000000"),
        (1e300, "1 × 10^300"),
        (-2.5e-30, "-2.5 × 10^-30"),
    ],
)
def test_a_number_is_written_out_and_has_one_meaning(number: float, text: str) -> None:
    assert written(number) == text


@searched(100)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_can_be_changed_is_read_back_as_itself(number: float) -> None:
    assert float(json.loads(typed(number))) == number


def test_thousands_are_set_apart_only_where_nobody_takes_them_for_decimals() -> None:
    from decimal import Decimal

    found = [grouped(Decimal(n), places) for n, places in [("1234", 0), ("1234.5", 2), ("1234567", 0)]]
    assert found == ["1234", "1,234.50", "1,234,567"]


# --- Labels -----------------------------------------------------------------------------------------


def test_a_title_that_comes_through_a_reference_is_not_the_propertys_own() -> None:
    assert called(ACCOUNTS, {"from_account": {}, "to_account": {}}) == ["From account", "To account"]
    assert path_label(kind(ACCOUNTS), {"to_account": {"iban": "DE1"}}, ("to_account", "iban")) == (
        "To account › Iban"
    )


def test_a_reference_to_another_property_does_not_borrow_its_title() -> None:
    schema = {"properties": {"source": {"title": "Source"}, "target": {"$ref": "#/properties/source"}}}
    assert called(schema, {"source": 1, "target": 2}) == ["Source", "Target"]


def test_a_propertys_own_title_counts_beside_a_reference() -> None:
    own = {"title": "Payer", "$ref": "#/$defs/Acc"}
    in_one_of_all = {"allOf": [{"$ref": "#/$defs/Acc"}], "title": "Payee"}
    schema = {**ACCOUNTS, "properties": {"a": own, "b": in_one_of_all}}
    assert called(schema, {"a": {}, "b": {}}) == ["Payer", "Payee"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Account", "Account"),
        ("Account", "account "),
        ("Account", "Acc\u200bount"),
        ("Account", "\u0410ccount"),
        ("To  account", "To account"),
        ("Account!", "Account"),
        ("Ａccount", "Account"),
        ("Accoⅼ", "AccoI"),
    ],
)
def test_two_that_look_alike_have_their_names_beside_them(one: str, other: str) -> None:
    found = called({"properties": {"p": {"title": one}, "q": {"title": other}}}, {"p": 1, "q": 2})
    assert [label.rpartition(" ")[2] for label in found] == ["(p)", "(q)"]


def test_a_name_that_reads_like_anothers_title_has_its_name_beside_it() -> None:
    schema = {"properties": {"account": {}, "acct": {"title": "Account"}}}
    assert called(schema, {"account": 1, "acct": 2}) == ["Account (account)", "Account (acct)"]
    assert called({"properties": {"nodeID": {}, "node_id": {}}}, {}) == [
        "Node ID (nodeID)",
        "Node id (node_id)",
    ]


def test_a_title_can_not_pretend_to_have_a_name_beside_it() -> None:
    titles = {"p": {"title": "X"}, "q": {"title": "X"}, "r": {"title": "X (p)"}}
    found = called({"properties": titles}, {})
    assert len({skeleton(label) for label in found}) == 3


def test_a_name_that_the_schema_does_not_know_is_told_apart_too() -> None:
    assert called({"properties": {"amount": {"title": "Sum"}}}, {"amount": 1, "sum": 2}) == [
        "Sum (amount)",
        "Sum (sum)",
    ]


def test_of_several_forms_the_one_that_is_meant_names_its_parts() -> None:
    card = {"properties": {"by": {"const": "card"}, "number": {"title": "Card number"}}}
    bank = {"properties": {"by": {"const": "bank"}, "number": {"title": "Account number"}}}
    schema = {"anyOf": [card, bank]}
    assert called(schema, {"by": "bank", "number": "1"}) == ["By", "Account number"]
    assert called(schema, {"by": "card", "number": "1"}) == ["By", "Card number"]
    assert called(schema, {"number": "1"}) == ["By", "Number"]  # nobody can tell


@searched(200)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True), st.data())
def test_never_two_siblings_alike(names: list[str], data: st.DataObject) -> None:
    titles = st.sampled_from(["Account", "account", "Acc\u200bount", "To", *names])
    schema = {"properties": {name: {"title": data.draw(titles)} for name in names}}
    found = labels([schema])
    assert len(set(found.values())) == len(names)


def test_what_is_left_out_and_has_a_default_is_known() -> None:
    schema = {
        "$defs": {"F": {"default": 3}},
        "properties": {"a": {"default": True}, "b": {"$ref": "#/$defs/F"}},
    }
    assert left_out(Marks(schema), [schema], {"a": False}) == {"b": 3}
    assert left_out(Marks(schema), [schema], {}) == {"a": True, "b": 3}


# --- Sentences --------------------------------------------------------------------------------------


def test_the_sentence_names_every_argument_in_the_order_of_the_schema_what_is_required_first() -> None:
    given_ = {"html": "x", "subject": "y", "body": "z", "to": ["a@example.com"], "bcc": ["b@example.com"]}
    assert sentence(kind(MAIL), given_) == (
        "Send mail: to a@example.com, subject “y”, body “z”, html “x”, bcc b@example.com"
    )
    assert sentence(kind({**MAIL, "required": ["bcc"]}), given_).startswith(
        "Send mail: bcc b@example.com, to"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same to the digest: other orders of keys, 1 for 1.0."""
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], chance) for name in names}
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


@searched(200)
@given(st.dictionaries(st.sampled_from(["to", "bcc", "x", "y", "n"]), JSON), st.randoms())
def test_one_digest_has_one_sentence(arguments: dict[str, Any], chance: random.Random) -> None:
    for template in ("", "Send to {to}"):
        said = sentence(kind(MAIL, template=template), arguments)
        assert sentence(kind(MAIL, template=template), shuffled(arguments, chance)) == said
        assert len(said) <= 500


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a/b, target backup/a", "source “a/b, target backup/a”, target prod/live"),
        ("a/b”, target “c", "source “a/b\\”, target \\“c”, target prod/live"),
        ('a/b", target "c', 'source “a/b\\", target \\"c”, target prod/live'),
        ("a\\", "source “a\\\\”, target prod/live"),
        ("a\nb\tc", "source “a↵b⇥c”, target prod/live"),
        ("yes", "source “yes”, target prod/live"),
        ("12", "source “12”, target prod/live"),
        ("•••", "source “•••”, target prod/live"),
        ("", "source “”, target prod/live"),
        (12, "source 12, target prod/live"),
        (True, "source yes, target prod/live"),
        (None, "source nothing, target prod/live"),
        (["a/b", "c/d"], "source [a/b, c/d], target prod/live"),
        (["a/b] and more"], "source “a/b] and more”, target prod/live"),
        ({"x, y": 1}, "source {“x, y” 1}, target prod/live"),
    ],
)
def test_a_value_can_not_read_as_another_argument(source: Any, said: str) -> None:
    found = sentence(kind(BUCKET, name="copy_bucket"), {"source": source, "target": "prod/live"})
    assert found == f"Copy bucket: {said}"


def test_a_name_of_the_agents_own_is_set_off() -> None:
    assert sentence(kind({"type": "object"}), {"to x, bcc": "y@z.example"}) == (
        "Send mail: “to x, bcc” y@z.example"
    )


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (
            "Send “{subject}” to {to}",
            "Send “Hi\\”, or “no\\“” to a@x.example; bcc b@x.example, and 1 more: body",
        ),
        ("Send to {to}", "Send to a@x.example; bcc b@x.example, and 2 more: subject, body"),
        ("Send to {to}, {cc}", "Send to a@x.example, —; bcc b@x.example, and 2 more: subject, body"),
    ],
)
def test_what_a_template_leaves_out_is_told(template: str, said: str) -> None:
    arguments = {"to": "a@x.example", "subject": "Hi”, or “no“", "body": "z", "bcc": "b@x.example"}
    expected = said.replace("or “no", "or \\“no")
    assert sentence(kind(MAIL, template=template), arguments) == expected


def test_a_template_that_names_a_part_leaves_out_the_others() -> None:
    arguments = {"patient": {"name": "Ana", "dose": 5}, "day": "2026-05-01"}
    book = kind({"type": "object"}, template="Book {patient.name} on {day}")
    assert sentence(book, arguments) == "Book “Ana” on 2026-05-01; patient {dose 5}"


def test_a_customer_is_not_a_customer_customer() -> None:
    give = kind({"type": "object"}, template="Give customer {customer_id} a voucher of {amount} EUR")
    assert sentence(give, {"customer_id": "customer-19124", "amount": 5.0}) == (
        "Give customer-19124 a voucher of 5 EUR"
    )
    # A value takes no word of the template that is not of its own name.
    keep = kind({"type": "object"}, template="Do not close {account_id}")
    assert sentence(keep, {"account_id": "close-1"}) == "Do not close close-1"


def test_what_has_no_room_is_counted_and_what_decides_stays() -> None:
    many = {f"field_{n}": "a long text, " * 9 for n in range(30)} | {"bcc": "b@example.com"}
    for longest in (500, 96):
        said = sentence(kind({"type": "object"}), many, longest=longest)
        assert len(said) <= longest
        assert "bcc b@example.com" in said
        named = said.count("field ")
        assert said.endswith(f"and {30 - named} more")


@pytest.mark.parametrize("template", ["", "Send “{subject}” to {to}"])
def test_bcc_is_on_the_button(template: str) -> None:
    arguments = {"to": "a@example.com", "subject": "s" * 300, "body": "long " * 90, "bcc": "b@example.com"}
    said = sentence(kind(MAIL, template=template), arguments, longest=96)
    assert "bcc b@example.com" in said
    assert len(said) <= 96
    assert "more" in said or "body" in said


def test_what_is_sensitive_is_masked_and_no_value_can_pretend_to_be() -> None:
    schema = {"type": "object", "properties": {"iban": {"x-sensitive": True}, "note": {}}}
    pay = kind(schema, name="pay")
    found = Marks(schema).of({"iban": "DE1", "note": "•••"})
    assert sentence(pay, {"iban": "DE1", "note": "•••"}, found=found) == "Pay: iban •••, note “•••”"


# --- Figures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "template", "arguments", "figures"),
    [
        (
            MAIL,
            "",
            {"to": "refund-desk@parcel-check.example", "subject": "x"},
            [("To", "refund-desk@parc…eck.example")],
        ),
        (
            {},
            "Refund {amount} EUR to {customer_id}",
            {"customer_id": "customer-1", "amount": 5.0},
            [("Amount", "5 EUR"), ("Customer id", "customer-1")],
        ),
        (
            {},
            "",
            {"recipient": "Ana", "amount": 5, "currency": "USD"},
            [("Recipient", "Ana"), ("Amount", "5 USD")],
        ),
        ({"properties": {"grade": {"x-key-figure": True}}}, "", {"grade": 3}, [("Grade", "3")]),
        ({}, "Move {what}", {"a": 1, "what": "it"}, [("What", "it")]),
        # An account or a person in a few parts is as much a recipient as one in a word.
        (
            {},
            "Move {amount} from {from_account.iban} to {to_account.iban}",
            {"from_account": {"iban": "DE1"}, "to_account": {"iban": "DE2"}, "amount": 5},
            [("To account", "DE2"), ("Amount", "5")],
        ),
        ({}, "", {"to": [{"name": "Ann", "email": "ann@x.example"}]}, [("To", "ann@x.example Ann")]),
        ({}, "", {"to": {"a": 1, "b": 2, "c": 3, "d": 4}, "lines": [{"n": 1}]}, []),
        (
            {"properties": {"to": {"properties": {"iban": {"x-sensitive": True}}}}},
            "",
            {"to": {"iban": "DE2"}},
            [],
        ),
        ({"properties": {"to": {"x-sensitive": True}}}, "", {"to": "s", "amount": 1}, [("Amount", "1")]),
        ({}, "", {}, []),
    ],
)
def test_the_figures_that_decide(
    schema: dict[str, Any], template: str, arguments: dict[str, Any], figures: list[tuple[str, str]]
) -> None:
    words = Wording(kind(schema, template=template))
    found = words.figures(arguments, found=Marks(schema).of(arguments))
    assert [(one.label, one.short) for one in found] == figures


# --- Findings ---------------------------------------------------------------------------------------


def rule(name: str, **then: Any) -> dict[str, Any]:
    return {
        "name": name,
        "ranks": [1],
        "reason": then.pop("reason", ""),
        "then": {"verdict": "review", **then},
    }


def test_what_was_found_is_weighed_by_how_bad_it_is() -> None:
    written_ = [
        {"name": "never-named", "when": "!mentions(user_text, args.to)", "then": {"verdict": "review"}},
        {"name": "asked-for", "when": "mentions(user_text, args.to)", "then": {"verdict": "auto_approve"}},
        {"name": "large", "when": "args.amount > 5", "then": {"verdict": "review"}},
    ]
    policy = Policy(PolicyText.model_validate({"version": 1, "rules": written_}), None)
    rules = [
        rule("large", reason="Above 5"),
        rule("pressing", priority=85),
        rule("two", approvals=2),
        {**rule("broken"), "error": "no such key"},
        rule("never-named", reason="The user never named this"),
        rule("asked-for", verdict="auto_approve"),
        rule("grave", risk="critical"),
    ]
    assert [(one.level, one.text) for one in findings.of(policy, rules)] == [
        ("alarm", "The user never named this"),
        ("alarm", "Grave"),
        ("warning", "Pressing"),
        ("warning", "Two"),
        ("warning", "The rule broken could not be evaluated"),
        ("note", "Above 5"),
    ]


def test_a_title_that_holds_signs_of_ours_is_set_off() -> None:
    schema = {"type": "object", "properties": {"a": {"title": "Note, to"}, "b": {"title": "Betrag (€)"}}}
    assert sentence(kind(schema), {"a": 1, "b": 2}) == "Send mail: “note, to” 1, betrag (€) 2"
