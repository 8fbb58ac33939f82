from django.urls import path

from insights.mine import views

app_name = "figures"

urlpatterns = [
    path("", views.mine, name="mine"),
    path("strip/", views.strip, name="strip"),
]
