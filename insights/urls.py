from django.urls import path

from insights.effects.views import effects
from insights.trust import views

app_name = "insights"

urlpatterns = [
    path("effects/", effects, name="effects"),
    path("autonomy/", views.board, name="autonomy"),
    path("autonomy/bounds/", views.bounds, name="bounds"),
    path("autonomy/bounds/change/", views.change_bounds, name="change-bounds"),
    path("autonomy/<uuid:agent_id>/<str:action>/", views.pair, name="pair"),
    path("autonomy/<uuid:agent_id>/<str:action>/promote/", views.promote, name="promote"),
    path("autonomy/<uuid:agent_id>/<str:action>/lower/", views.lower, name="lower"),
]
