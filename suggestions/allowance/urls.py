from django.urls import path

from suggestions.allowance import views

app_name = "agents"
urlpatterns = [
    path("<slug:name>/", views.agent, name="agent"),
    path("<slug:name>/boundaries/", views.change_boundaries, name="boundaries"),
]
