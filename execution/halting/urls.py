from django.urls import path

from execution.halting import views

app_name = "halts"

urlpatterns = [
    path("", views.listed, name="list"),
    path("throw/", views.asked, name="asked"),
    path("throw/now/", views.throw, name="throw"),
    path("<uuid:halt_id>/lift/", views.lift, name="lift"),
]
