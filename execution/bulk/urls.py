from django.urls import path

from execution.bulk import views

app_name = "bulk-retries"

urlpatterns = [
    path("", views.listed, name="list"),
    path("new/", views.new, name="new"),
    path("<uuid:bulk_id>/", views.one, name="one"),
    path("<uuid:bulk_id>/progress/", views.progress, name="progress"),
    path("<uuid:bulk_id>/stop/", views.stop, name="stop"),
    path("<uuid:bulk_id>/go-on/", views.go_on, name="go-on"),
]
