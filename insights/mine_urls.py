from django.urls import path

from insights import mine_views

app_name = "figures"

urlpatterns = [
    path("", mine_views.mine, name="mine"),
    path("strip/", mine_views.strip, name="strip"),
]
