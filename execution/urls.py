from django.urls import path

from execution.desk import views

app_name = "execution"

urlpatterns = [
    path("", views.listed, name="list"),
    path("<uuid:execution_id>/retry/", views.retry, name="retry"),
    path("<uuid:execution_id>/mark-done/", views.mark_done, name="mark-done"),
    path("<uuid:execution_id>/cancel/", views.cancel, name="cancel"),
]
