from django.urls import path

from suggestions.telling_agents import views

app_name = "callbacks"
urlpatterns = [
    path("agents/<slug:name>/callbacks/", views.listed, name="list"),
    path("agents/<slug:name>/callbacks/send-again/", views.send_failed_again, name="send-failed-again"),
    path("agents/callbacks/paused/", views.paused, name="paused"),
    path("agents/callbacks/<uuid:callback_id>/", views.one, name="one"),
    path("agents/callbacks/<uuid:callback_id>/send-again/", views.send_again, name="send-again"),
    path("agents/callbacks/endpoints/<uuid:endpoint_id>/resume/", views.resume, name="resume"),
]
