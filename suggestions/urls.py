from django.urls import path

from suggestions.trying import shadow_views, views

app_name = "backtests"

urlpatterns = [
    path("backtests/", views.listed, name="list"),
    path("backtests/compare/", views.compare, name="compare"),
    path("backtests/<uuid:backtest_id>/", views.one, name="one"),
    path("backtests/<uuid:backtest_id>/progress/", views.progress, name="progress"),
    path("backtests/<uuid:backtest_id>/cancel/", views.cancel, name="cancel"),
    path("policies/<digest:policy>/backtests/", views.of_policy, name="of-policy"),
    path("policies/<digest:policy>/backtests/panel/", views.panel, name="panel"),
    path("policies/<digest:policy>/backtests/ask/", views.ask, name="ask"),
    path("policies/<digest:policy>/differences/", shadow_views.differences, name="differences"),
]
