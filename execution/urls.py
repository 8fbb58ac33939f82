from django.urls import path

from execution.board import views as board_views
from execution.desk import views

app_name = "execution"

urlpatterns = [
    path("", views.listed, name="list"),
    path("breakers/", board_views.shown_breakers, name="breakers"),
    path("breakers/open/", board_views.open_breaker, name="open-breaker"),
    path("breakers/close/", board_views.close_breaker, name="close-breaker"),
    path("<uuid:execution_id>/retry/", views.retry, name="retry"),
    path("<uuid:execution_id>/settle/", views.settle, name="settle"),
    path("<uuid:execution_id>/mark-done/", views.mark_done, name="mark-done"),
    path("<uuid:execution_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:execution_id>/", board_views.one, name="one"),
    path("<uuid:execution_id>/choose-route/", board_views.choose_route, name="choose-route"),
    path("<uuid:execution_id>/skip-step/", board_views.skip_step, name="skip-step"),
    path("<uuid:execution_id>/undo/approve/", board_views.approve_undo, name="approve-undo"),
    path("<uuid:execution_id>/undo/decline/", board_views.decline_undo, name="decline-undo"),
]
