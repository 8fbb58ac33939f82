from django.urls import path

from audit.evidence import views

app_name = "audit"
urlpatterns = [
    path("", views.events, name="events"),
    path("export/", views.export_events, name="export"),
]
