from django.urls import path

from approvals.standing import views

app_name = "standing"
urlpatterns = [
    path("", views.listed, name="list"),
    path("<uuid:approval_id>/activate/", views.activate, name="activate"),
    path("<uuid:approval_id>/revoke/", views.revoke, name="revoke"),
]
