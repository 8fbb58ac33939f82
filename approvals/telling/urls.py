"""Pages of notices; part of the desk's addresses, and of its names."""

from django.urls import path

from approvals.telling import views

urlpatterns = [
    path("", views.notices, name="notices"),
    path("<int:notice_id>/", views.notice, name="notice-of"),
    path("read/", views.read, name="read-notices"),
    path("here/", views.here, name="here"),
    path("settings/", views.settings, name="notice-settings"),
    path("addresses/", views.add_target, name="add-notice-target"),
    path("addresses/<uuid:target_id>/try/", views.try_target, name="try-notice-target"),
    path("addresses/<uuid:target_id>/remove/", views.remove_target, name="remove-notice-target"),
]
