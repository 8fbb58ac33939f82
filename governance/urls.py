from django.urls import path

from governance import deployment_views, views

app_name = "governance"
urlpatterns = [
    path("deployments/", deployment_views.listed, name="deployments"),
    path("deployments/<uuid:deployment_id>/", deployment_views.one, name="deployment"),
    path("deployments/<uuid:deployment_id>/approve/", deployment_views.approve, name="approve-deployment"),
    path("deployments/<uuid:deployment_id>/activate/", deployment_views.activate, name="activate-deployment"),
    path(
        "deployments/<uuid:deployment_id>/roll-back/", deployment_views.roll_back, name="roll-back-deployment"
    ),
    path("agents/", views.agents, name="agents"),
    path("agents/keys/<int:key_id>/revoke/", views.revoke_key, name="revoke-key"),
]
