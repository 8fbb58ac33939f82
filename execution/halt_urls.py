from django.urls import path

from execution import halt_views

app_name = "halts"

urlpatterns = [
    path("", halt_views.listed, name="list"),
    path("throw/", halt_views.asked, name="asked"),
    path("throw/now/", halt_views.throw, name="throw"),
    path("<uuid:halt_id>/lift/", halt_views.lift, name="lift"),
]
