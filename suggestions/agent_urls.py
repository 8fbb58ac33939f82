from django.urls import path

from suggestions import agent_pages

app_name = "agents"
urlpatterns = [
    path("<slug:name>/", agent_pages.agent, name="agent"),
    path("<slug:name>/boundaries/", agent_pages.change_boundaries, name="boundaries"),
]
