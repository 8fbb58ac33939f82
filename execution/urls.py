from django.urls import path

from execution.board import views as board_views
from execution.desk import views

app_name = "execution"

urlpatterns = [
    path("", views.listed, name="list"),
    path("<uuid:execution_id>/retry/", views.retry, name="retry"),
    path("<uuid:execution_id>/mark-done/", views.mark_done, name="mark-done"),
    path("<uuid:execution_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:execution_id>/undo/approve/", board_views.approve_undo, name="approve-undo"),
    path("<uuid:execution_id>/undo/decline/", board_views.decline_undo, name="decline-undo"),
]
