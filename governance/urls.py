from django.urls import path

from governance.access import review_views
from governance.access import views as access_views
from governance.actions import views as action_type_views
from governance.agents import deployment_views, views
from governance.people import absence_views
from governance.policies import views as policy_views
from governance.secrets import views as secret_views
from governance.workflows import views as workflow_views

app_name = "governance"
urlpatterns = [
    path("policies/", policy_views.listed, name="policies"),
    path("policies/new/", policy_views.new, name="new-policy"),
    path("policies/check/", policy_views.check, name="check-policy"),
    path("policies/diff/", policy_views.diff, name="diff-policies"),
    path("policies/rollback/", policy_views.roll_back, name="roll-back-policy"),
    path("policies/<str:policy>/", policy_views.one, name="policy"),
    path("policies/<str:policy>/approve/", policy_views.approve, name="approve-policy"),
    path("policies/<str:policy>/activate/", policy_views.activate, name="activate-policy"),
    path("policies/<str:policy>/shadow/", policy_views.shadow, name="shadow-policy"),
    path("deployments/", deployment_views.listed, name="deployments"),
    path("deployments/<uuid:deployment_id>/", deployment_views.one, name="deployment"),
    path("deployments/<uuid:deployment_id>/approve/", deployment_views.approve, name="approve-deployment"),
    path("deployments/<uuid:deployment_id>/activate/", deployment_views.activate, name="activate-deployment"),
    path(
        "deployments/<uuid:deployment_id>/roll-back/", deployment_views.roll_back, name="roll-back-deployment"
    ),
    path("action-types/", action_type_views.listed, name="action-types"),
    path("new-action-types/", action_type_views.asked, name="new-action-types"),
    path("new-action-types/take/", action_type_views.take, name="take-action-types"),
    path("action-types/<str:action>/", action_type_views.one, name="action-type"),
    path("action-types/<str:action>/workflow/", workflow_views.edit, name="workflow"),
    path("action-types/<str:action>/workflow/check/", workflow_views.checked, name="check-workflow"),
    path("action-types/<str:action>/workflow/remove/", workflow_views.remove, name="remove-workflow"),
    path("out-of-office/", absence_views.everybody, name="absences"),
    path("access/", access_views.listed, name="access"),
    path("access/export/", access_views.export, name="export-access"),
    path("access/reviews/", review_views.listed, name="access-reviews"),
    path("access/reviews/begin/", review_views.open_one, name="begin-access-review"),
    path("access/reviews/<uuid:review_id>/", review_views.one, name="access-review"),
    path("access/reviews/<uuid:review_id>/print/", review_views.printed, name="print-access-review"),
    path("access/reviews/<uuid:review_id>/submit/", review_views.submit, name="submit-access-review"),
    path("access/reviews/<uuid:review_id>/send-back/", review_views.send_back, name="return-access-review"),
    path("access/grants/<int:grant_id>/keep/", review_views.keep, name="keep-grant"),
    path("access/grants/<int:grant_id>/remove/", review_views.remove, name="remove-grant"),
    path("access/grants/<int:grant_id>/withdraw/", review_views.withdraw, name="withdraw-grant-answer"),
    path("secrets/", secret_views.listed, name="secrets"),
    path("new-secret/", secret_views.new, name="new-secret"),
    path("secrets/<str:secret>/", secret_views.one, name="secret"),
    path("secrets/<str:secret>/replace/", secret_views.replace, name="replace-secret"),
    path("secrets/<str:secret>/grant/", secret_views.grant, name="grant-secret"),
    path("secrets/<str:secret>/delete/", secret_views.delete, name="delete-secret"),
    path("agents/", views.agents, name="agents"),
    path("agents/new/", views.new_agent, name="new-agent"),
    path(
        "agents/<slug:name>/callback-secret/rotate/",
        views.rotate_callback_secret,
        name="rotate-callback-secret",
    ),
    path("agents/<slug:name>/callback-secret/end/", views.end_callback_secrets, name="end-callback-secrets"),
    path("agents/<slug:name>/keys/", views.issue_key, name="issue-key"),
    path("agents/keys/<int:key_id>/rotate/", views.rotate_key, name="rotate-key"),
    path("agents/keys/<int:key_id>/revoke/", views.revoke_key, name="revoke-key"),
]
