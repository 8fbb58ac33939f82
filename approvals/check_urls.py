from django.urls import path

from approvals import check_views

app_name = "checks"

urlpatterns = [
    path("", check_views.listed, name="list"),
    path("library/", check_views.add, name="add"),
    path("library/<uuid:template_id>/retire/", check_views.retire, name="retire"),
    path("differed/<uuid:review_id>/settle/", check_views.settle, name="settle"),
    path("teams/<slug:team>/", check_views.change, name="change"),
    path("teams/<slug:team>/now/", check_views.slip, name="slip-in"),
]
