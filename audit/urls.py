from django.urls import path

from audit.evidence import event_views, views

app_name = "audit"
urlpatterns = [
    path("", views.events, name="events"),
    path("events/<int:event_id>/", event_views.event, name="event"),
    path("checkpoints/", event_views.history, name="checkpoints"),
    path("checkpoints/<int:size>/", event_views.checkpoint, name="checkpoint"),
    path("export/", views.export_events, name="export"),
]
