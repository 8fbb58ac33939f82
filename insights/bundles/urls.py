from django.urls import path

from insights.bundles import views

app_name = "bundles"

urlpatterns = [
    path("", views.form, name="form"),
    path("download/", views.download, name="download"),
]
