from django.urls import include, path

from approvals.beside import views as beside_views
from approvals.bulk import views as bulk_views
from approvals.desk import edit_views, first_views, look_views, now_views, pace_views, second_views, views
from approvals.editing import of_execution
from approvals.history import views as history_views
from approvals.manual import views as manual_views
from approvals.queue import saved_view_pages
from approvals.standing import views as standing_views

app_name = "approvals"

urlpatterns = [
    path("", views.queue, name="queue"),
    path("version/", views.version, name="version"),
    path("matching/", views.matching, name="matching"),
    path("views/", saved_view_pages.save, name="save-view"),
    path("views/<uuid:view_id>/", saved_view_pages.change, name="saved-view"),
    path("notices/", include("approvals.telling.urls")),
    path("check/", views.check, name="check"),
    path("pace/", pace_views.put_away, name="pace"),
    path("second/", second_views.listed, name="second-looks"),
    path("second/<uuid:review_id>/", second_views.one, name="second-look"),
    path("second/<uuid:review_id>/answer/", second_views.answer, name="answer-second"),
    path("first/", first_views.first, name="first"),
    path("first/send/", first_views.send_sample, name="send-sample"),
    path("by-hand/", manual_views.listed, name="by-hand"),
    path("by-hand/<uuid:task_id>/", manual_views.one, name="task"),
    path("by-hand/<uuid:task_id>/claim/", manual_views.claim, name="claim-task"),
    path("by-hand/<uuid:task_id>/release/", manual_views.release, name="release-task"),
    path("today/", first_views.today, name="today"),
    path("history/", history_views.history, name="history"),
    path("history/export/", history_views.export, name="history-export"),
    path("bulk/", bulk_views.bulk, name="bulk"),
    path("bulk/<uuid:batch_id>/", bulk_views.batch, name="batch"),
    path("bulk/<uuid:batch_id>/go/", bulk_views.go_on, name="go-on-batch"),
    path("bulk/<uuid:batch_id>/undo/", bulk_views.undo_batch, name="undo-batch"),
    path("<uuid:proposal_id>/answer/", views.answer, name="answer"),
    path("<uuid:proposal_id>/", views.proposal, name="proposal"),
    path("<uuid:proposal_id>/edit/", edit_views.edit, name="edit"),
    path("<uuid:proposal_id>/edit-execution/", of_execution.edit_execution, name="edit-execution"),
    path("<uuid:proposal_id>/now/", now_views.now, name="now"),
    path("<uuid:proposal_id>/look/", look_views.look, name="look"),
    path("<uuid:proposal_id>/approve/", views.approve, name="approve"),
    path("<uuid:proposal_id>/reject/", views.reject, name="reject"),
    path("<uuid:proposal_id>/return/", views.give_back, name="return"),
    path("<uuid:proposal_id>/escalate/", beside_views.escalate, name="escalate"),
    path("<uuid:proposal_id>/take-back/", beside_views.take_back, name="take-back"),
    path("<uuid:proposal_id>/undo/", beside_views.undo, name="undo"),
    path("<uuid:proposal_id>/claim/", beside_views.claim, name="claim"),
    path("<uuid:proposal_id>/release/", beside_views.release, name="release"),
    path("<uuid:proposal_id>/assign/", beside_views.assign, name="assign"),
    path("<uuid:proposal_id>/comment/", beside_views.comment, name="comment"),
    path("undoable/", beside_views.undoable, name="undoable"),
    path("help/", beside_views.help_with_keys, name="help"),
    path("keys/", beside_views.keys, name="keys"),
    path("<uuid:proposal_id>/reopen/", views.reopen, name="reopen"),
    path("<uuid:proposal_id>/standing/", standing_views.draft, name="standing"),
]
