from django.urls import path

from insights.incidents import views

app_name = "incidents"

urlpatterns = [
    path("", views.listed, name="list"),
    path("report/", views.report, name="report"),
    path("<uuid:incident_id>/", views.one, name="one"),
    path("<uuid:incident_id>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("<uuid:incident_id>/note/", views.note, name="note"),
    path("<uuid:incident_id>/close/", views.close, name="close"),
]
