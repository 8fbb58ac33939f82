from django.urls import path

from governance import views

app_name = "governance"
urlpatterns = [
    path("agents/", views.agents, name="agents"),
    path("agents/keys/<int:key_id>/revoke/", views.revoke_key, name="revoke-key"),
]
