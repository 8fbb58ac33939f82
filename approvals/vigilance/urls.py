from django.urls import path

from approvals.vigilance import views

app_name = "checks"

urlpatterns = [
    path("", views.listed, name="list"),
    path("library/", views.add, name="add"),
    path("library/<uuid:template_id>/retire/", views.retire, name="retire"),
    path("differed/<uuid:review_id>/settle/", views.settle, name="settle"),
    path("teams/<slug:team>/", views.change, name="change"),
    path("teams/<slug:team>/now/", views.slip, name="slip-in"),
]
