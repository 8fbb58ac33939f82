"""The pages of access and its reviews."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from audit.ground.actors import SYSTEM
from governance.access import sign
from governance.door import keys
from governance.models import AccessReview, ApiToken, ReviewedGrant, User
from tests.conftest import actor_of, make_person
from tests.governance.access.made import FULLY, begun, keep_all, of
from tests.governance.door.test_links import signed_in
from tests.queries import last_of_twelve

pytestmark = pytest.mark.django_db
LIST, REVIEWS = "/governance/access/", "/governance/access/reviews/"


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_a_review_from_the_first_click_to_the_second_signature(ana: Any, olga: Any, dora: Any) -> None:
    keys.issue_token(ana, actor=SYSTEM)
    desk, auditor = signed_in(olga), signed_in(dora)
    assert "No review yet" in text_of(desk.get(REVIEWS))
    at = desk.post(REVIEWS + "begin/").headers["Location"]
    review = AccessReview.objects.get()
    assert "0 of 8</strong> answered" in text_of(desk.get(at))
    assert "is being answered" in text_of(desk.get(LIST))

    token = of("ana", "token")
    answer = desk.post(f"/governance/access/grants/{token.pk}/remove/", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    drawn = text_of(answer)
    assert drawn.startswith(f'<tr id="grant-{token.pk}">')
    assert "Removed" in drawn
    assert "Undo" not in drawn
    assert "1 of 8</strong> answered: 0 kept, 1 removed." in drawn
    assert ApiToken.objects.get().revoked_at is not None

    again = desk.post(f"/governance/access/grants/{token.pk}/keep/", headers={"HX-Request": "true"})
    assert (again.status_code, "Olga has answered already: removed." in text_of(again)) == (409, True)

    assert desk.post(f"/governance/access/grants/{of('ana', 'team').pk}/keep/").headers["Location"] == at
    assert "Undo" in text_of(desk.get(at + "?show=kept"))
    assert "6 grants are not answered yet." in text_of(desk.post(at + "submit/", follow=True))
    keep_all(olga)
    assert "Hand to a second person" in text_of(desk.get(at))
    assert "It waits for a second person" in text_of(desk.post(at + "submit/", follow=True))

    page = text_of(desk.get(at))
    assert "You answered in this review." in page
    assert "You sign as" not in page
    assert "2 grants were answered by whoever holds them." in page
    page = text_of(auditor.get(at))
    assert "You sign as Dora" in page
    assert "Choose what your signature says." in text_of(auditor.post(at + "sign/", follow=True))
    page = text_of(auditor.post(at + "sign/", {"meaning": FULLY}, follow=True))
    assert "Signed. Nothing of this review can change any more." in page
    assert (
        'by <bdi class="whole">Dora</bdi>: “I have looked through every grant and agree with each answer.”'
        in page
    )
    assert f"/governance/access/grants/{token.pk}/" not in page

    assert "7 kept, 1 removed" in text_of(desk.get(REVIEWS))
    assert "Begin a review" in text_of(desk.get(REVIEWS))
    paper = text_of(auditor.get(at + "print/"))
    assert "8 grants: 7 kept, 1 removed, 0 not answered. 2 answered by whoever holds them." in paper
    assert paper.count("<tr>") == 9
    assert AccessReview.objects.get(pk=review.pk).signed_by == dora


def test_an_auditor_reads_and_signs_but_answers_nothing(ana: Any, olga: Any, dora: Any) -> None:
    review = begun(olga)
    auditor = signed_in(dora)
    page = text_of(auditor.get(f"{REVIEWS}{review.pk}/"))
    assert "not answered yet" in page
    assert "/keep/" not in page
    assert auditor.post(f"/governance/access/grants/{of('ana', 'team').pk}/keep/").status_code == 403
    assert auditor.post(REVIEWS + "begin/").status_code == 403


def test_a_session_that_was_left_open_signs_nothing(olga: Any, dora: Any) -> None:
    review = begun(olga)
    keep_all(olga)
    sign.submit(review.pk, by=olga, actor=actor_of(olga))
    at, left_open = f"{REVIEWS}{review.pk}/", Client()
    left_open.force_login(dora)
    page = text_of(left_open.get(at))
    assert f'href="/accounts/reauthenticate/?next={at}"' in page
    assert "You sign as" not in page
    sent = left_open.post(at + "sign/", {"meaning": FULLY})
    assert sent.headers["Location"] == f"/accounts/reauthenticate/?next={quote(at, safe='')}"
    assert AccessReview.objects.get().status == "submitted"


def test_the_last_operator_is_named_in_the_row_that_stays(olga: Any) -> None:
    begun(olga)
    desk = signed_in(olga)
    at = f"/governance/access/grants/{of('olga', 'role').pk}/remove/"
    answer = desk.post(at, headers={"HX-Request": "true"})
    assert (answer.status_code, "Nobody would be left who may operate." in text_of(answer)) == (409, True)
    assert "Nobody would be left who may operate." in text_of(desk.post(at, follow=True))


@pytest.mark.parametrize(
    "address",
    [
        "grants/1/keep/",
        "grants/1/remove/",
        "grants/1/withdraw/",
        *(f"reviews/{'0' * 8}-0000-7000-8000-{'0' * 12}/{do}/" for do in ("submit", "send-back", "sign")),
    ],
)
def test_what_is_not_there_is_not_found(olga: Any, address: str) -> None:
    assert signed_in(olga).post(f"/governance/access/{address}", {"meaning": FULLY}).status_code == 404


def test_a_part_that_there_is_not_is_not_found(olga: Any) -> None:
    assert signed_in(olga).get(f"{REVIEWS}{begun(olga).pk}/?show=everything").status_code == 404


def test_hostile_names_stay_text(ana: Any, olga: Any) -> None:
    User.objects.filter(pk=ana.pk).update(first_name="<script>alert(1)</script>\u202e")
    keys.issue_token(ana, actor=SYSTEM, name="<img src=x onerror=alert(1)>")
    review = begun(olga)
    desk = signed_in(olga)
    for address in (LIST, f"{REVIEWS}{review.pk}/", f"{REVIEWS}{review.pk}/print/"):
        page = desk.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "\u202e" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_pages_of_a_review_and_of_the_list_follow_one_another(olga: Any) -> None:
    for n in range(60):
        make_person(f"person-{n:02}", "reviewer")
    review, desk = begun(olga), signed_in(olga)
    for address, rows in ((f"{REVIEWS}{review.pk}/", 182), (LIST, 182)):
        found, query = 0, ""
        while True:
            page = desk.get(address + query).content.decode()
            found += page.count('<th scope="row">')
            following = re.search(r'<a class="button" href="(\?[^"]*after=[^"]*)"', page)
            if following is None:
                break
            query = html.unescape(following[1])
        assert found == rows


def many_people(n: int) -> None:
    keys.issue_token(make_person(f"person-{n}", "reviewer", team=f"team-{n}"), actor=SYSTEM)


def test_the_list_asks_as_often_for_twelve_as_for_one(olga: Any) -> None:
    desk = signed_in(olga)
    answer = last_of_twelve(lambda: desk.get(LIST), many_people)
    assert "person-11" in text_of(answer)


def test_a_review_asks_as_often_for_twelve_grants_as_for_one(olga: Any) -> None:
    review = begun(olga)
    keep_all(olga)
    desk = signed_in(olga)

    def more(n: int) -> None:
        who = make_person(f"person-{n}", "auditor")
        answers = {"answer": "kept", "answered_by": who, "answered_at": review.opened_at}
        about = {"holder": who.username, "holder_name": f"Person {n}", "user": who, "target": "auditor"}
        ReviewedGrant.objects.create(review=review, kind="role", what="auditor", **about, **answers)

    answer = last_of_twelve(lambda: desk.get(f"{REVIEWS}{review.pk}/?show=all"), more)
    assert "Person 11" in text_of(answer)
    last_of_twelve(lambda: desk.get(f"{REVIEWS}{review.pk}/print/"), lambda n: more(n + 50))


def test_the_list_of_reviews_asks_as_often_for_twelve_as_for_one(olga: Any) -> None:
    desk = signed_in(olga)

    def more(n: int) -> None:
        by, second = make_person(f"answers-{n}", "operator"), make_person(f"signs-{n}", "auditor")
        review = begun(by)
        keep_all(by)
        sign.submit(review.pk, by=by, actor=actor_of(by))
        sign.sign(review.pk, by=second, meaning=FULLY, actor=actor_of(second))

    answer = last_of_twelve(lambda: desk.get(REVIEWS), more)
    assert "Signs-11" in text_of(answer)
