"""Every address, in one place."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from approvals.beside import api as beside_api
from approvals.deciding.api import Decisions, Reopen
from approvals.editing.api import Edits
from approvals.explaining import simulator
from approvals.looking.api import Looks
from approvals.manual import api as manual_api
from approvals.standing import api as standing_api
from approvals.vigilance import samples_api
from audit.evidence.api import Events, EventsExport
from audit.sealing import api as sealing_api
from audit.sealing import served
from execution.board import api as board_api
from execution.bulk import api as bulk_api
from execution.desk.api import BeginExecution, ExecutionOfProposal, ReportResult
from execution.halting.api import Halts, LiftHalt
from governance.access import api as access_api
from governance.agents import callback_secret_api, deployment_api
from governance.people import absence_api
from governance.policies import api as policy_api
from governance.secrets import api as secrets_api
from governance.workflows import api as workflow_api
from insights.bundles.api import EvidenceBundle
from insights.effects.api import EffectsFound
from insights.incidents import api as incidents_api
from insights.trust import api as insights_api
from reviewapp.accounts import people_pages, signatures
from reviewapp.processes import health
from reviewapp.web import pages
from reviewapp.web.openapi import MadeOnce
from suggestions.allowance.api import AgentBoundaries, OwnBoundaries
from suggestions.intake.api import ActionTypes, Batch, OneProposal, Proposals, Withdraw
from suggestions.telling_agents import api as callback_api
from suggestions.trying import api as backtest_api
from suggestions.trying.shadow_views import Differences

api = [
    path("proposals/", Proposals.as_view(), name="proposals"),
    path("proposals/batch/", Batch.as_view(), name="batch"),
    path("proposals/<uuid:proposal_id>/", OneProposal.as_view(), name="proposal"),
    path("proposals/<uuid:proposal_id>/withdraw/", Withdraw.as_view(), name="withdraw"),
    path("proposals/<uuid:proposal_id>/edits/", Edits.as_view(), name="edits"),
    path("proposals/<uuid:proposal_id>/decisions/", Decisions.as_view(), name="decisions"),
    path(
        "proposals/<uuid:proposal_id>/explanation/",
        simulator.ProposalExplanation.as_view(),
        name="explanation",
    ),
    path("simulations/", simulator.Simulations.as_view(), name="simulations"),
    path("proposals/<uuid:proposal_id>/reopen/", Reopen.as_view(), name="reopen"),
    path("proposals/<uuid:proposal_id>/claim/", beside_api.Claims.as_view(), name="claim"),
    path("proposals/<uuid:proposal_id>/assign/", beside_api.Assign.as_view(), name="assign"),
    path("proposals/<uuid:proposal_id>/looks/", Looks.as_view(), name="looks"),
    path("proposals/<uuid:proposal_id>/comments/", beside_api.Comments.as_view(), name="comments"),
    path("proposals/<uuid:proposal_id>/take-back/", beside_api.TakeBack.as_view(), name="take-back"),
    path("proposals/<uuid:proposal_id>/undo/", beside_api.Undo.as_view(), name="undo"),
    path("proposals/<uuid:proposal_id>/execution/", ExecutionOfProposal.as_view(), name="execution"),
    path(
        "proposals/<uuid:proposal_id>/former-executions/",
        board_api.FormerExecutions.as_view(),
        name="former-executions",
    ),
    path("proposals/<uuid:proposal_id>/execution/begin/", BeginExecution.as_view(), name="begin-execution"),
    path("proposals/<uuid:proposal_id>/result/", ReportResult.as_view(), name="result"),
    path("deployments/", deployment_api.Deployments.as_view(), name="deployments"),
    path("deployments/roll-back/", deployment_api.RollBack.as_view(), name="roll-back-deployment"),
    path("deployments/<uuid:deployment_id>/", deployment_api.OneDeployment.as_view(), name="deployment"),
    path(
        "deployments/<uuid:deployment_id>/approve/",
        deployment_api.Approve.as_view(),
        name="approve-deployment",
    ),
    path(
        "deployments/<uuid:deployment_id>/activate/",
        deployment_api.Activate.as_view(),
        name="activate-deployment",
    ),
    path("prompt-templates/<str:digest>/", deployment_api.OnePrompt.as_view(), name="prompt-template"),
    path("policies/", policy_api.Policies.as_view(), name="policies"),
    path("policies/check/", policy_api.CheckPolicy.as_view(), name="check-policy"),
    path("policies/diff/", policy_api.DiffPolicies.as_view(), name="diff-policies"),
    path("policies/rollback/", policy_api.RollBackPolicy.as_view(), name="roll-back-policy"),
    path("policies/<str:policy>/", policy_api.OnePolicy.as_view(), name="policy"),
    path("policies/<str:policy>/approve/", policy_api.ApprovePolicy.as_view(), name="approve-policy"),
    path("policies/<str:policy>/activate/", policy_api.ActivatePolicy.as_view(), name="activate-policy"),
    path("policies/<str:policy>/shadow/", policy_api.ShadowPolicy.as_view(), name="shadow-policy"),
    path("manual-tasks/", manual_api.ManualTasks.as_view(), name="manual-tasks"),
    path("manual-tasks/<uuid:task_id>/", manual_api.OneManualTask.as_view(), name="manual-task"),
    path("manual-tasks/<uuid:task_id>/claim/", manual_api.ClaimTask.as_view(), name="claim-manual-task"),
    path(
        "manual-tasks/<uuid:task_id>/release/", manual_api.ReleaseTask.as_view(), name="release-manual-task"
    ),
    path("manual-tasks/<uuid:task_id>/done/", manual_api.TaskDone.as_view(), name="manual-task-done"),
    path(
        "manual-tasks/<uuid:task_id>/given-up/", manual_api.TaskGivenUp.as_view(), name="manual-task-given-up"
    ),
    path("executions/bulk-retries/", bulk_api.BulkRetries.as_view(), name="bulk-retries"),
    path("executions/bulk-retries/preview/", bulk_api.PreviewBulkRetry.as_view(), name="preview-bulk-retry"),
    path("executions/bulk-retries/<uuid:bulk_id>/", bulk_api.OneBulkRetry.as_view(), name="bulk-retry"),
    path(
        "executions/bulk-retries/<uuid:bulk_id>/stop/",
        bulk_api.StopBulkRetry.as_view(),
        name="stop-bulk-retry",
    ),
    path(
        "executions/bulk-retries/<uuid:bulk_id>/go-on/",
        bulk_api.GoOnWithBulkRetry.as_view(),
        name="go-on-with-bulk-retry",
    ),
    path("executions/<uuid:execution_id>/", board_api.OneExecution.as_view(), name="one-execution"),
    path("executions/<uuid:execution_id>/signals/", board_api.Signals.as_view(), name="signals"),
    path("executions/<uuid:execution_id>/retry/", board_api.Retry.as_view(), name="retry"),
    path("executions/<uuid:execution_id>/settle/", board_api.Settle.as_view(), name="settle"),
    path("executions/<uuid:execution_id>/mark-done/", board_api.MarkDone.as_view(), name="mark-done"),
    path("executions/<uuid:execution_id>/cancel/", board_api.Cancel.as_view(), name="cancel"),
    path(
        "executions/<uuid:execution_id>/choose-route/", board_api.ChooseRoute.as_view(), name="choose-route"
    ),
    path("executions/<uuid:execution_id>/edit/", board_api.Edit.as_view(), name="edit-execution"),
    path("executions/<uuid:execution_id>/skip-step/", board_api.SkipStep.as_view(), name="skip-step"),
    path(
        "executions/<uuid:execution_id>/compensation/", board_api.OfferToUndo.as_view(), name="compensation"
    ),
    path(
        "executions/<uuid:execution_id>/compensation/approve/",
        board_api.ApproveUndo.as_view(),
        name="approve-compensation",
    ),
    path(
        "executions/<uuid:execution_id>/compensation/decline/",
        board_api.DeclineUndo.as_view(),
        name="decline-compensation",
    ),
    path("breakers/", board_api.Breakers.as_view(), name="breakers"),
    path("breakers/open/", board_api.OpenBreaker.as_view(), name="open-breaker"),
    path("breakers/close/", board_api.CloseBreaker.as_view(), name="close-breaker"),
    path("halts/", Halts.as_view(), name="halts"),
    path("halts/<uuid:halt_id>/lift/", LiftHalt.as_view(), name="lift-halt"),
    path("access/", access_api.Grants.as_view(), name="access"),
    path("absences/", absence_api.Absences.as_view(), name="absences"),
    path("absences/<uuid:absence_id>/end/", absence_api.EndAbsence.as_view(), name="end-absence"),
    path("secrets/", secrets_api.Secrets.as_view(), name="secrets"),
    path("secrets/<str:secret>/", secrets_api.OneSecret.as_view(), name="secret"),
    path("secrets/<str:secret>/value/", secrets_api.SecretValue.as_view(), name="secret-value"),
    path("secrets/<str:secret>/grants/", secrets_api.SecretGrants.as_view(), name="secret-grants"),
    path("boundaries/", OwnBoundaries.as_view(), name="own-boundaries"),
    path("agents/<slug:name>/boundaries/", AgentBoundaries.as_view(), name="agent-boundaries"),
    path(
        "agents/<slug:name>/callback-secrets/",
        callback_secret_api.CallbackSecrets.as_view(),
        name="callback-secrets",
    ),
    path(
        "agents/<slug:name>/callback-secrets/rotate/",
        callback_secret_api.RotateCallbackSecret.as_view(),
        name="rotate-callback-secret",
    ),
    path(
        "agents/<slug:name>/callback-secrets/end/",
        callback_secret_api.EndCallbackSecrets.as_view(),
        name="end-callback-secrets",
    ),
    path("agents/<slug:name>/callbacks/", callback_api.Callbacks.as_view(), name="callbacks"),
    path(
        "agents/<slug:name>/callbacks/failed/",
        callback_api.FailedCallbacks.as_view(),
        name="failed-callbacks",
    ),
    path(
        "agents/<slug:name>/callbacks/send-again/",
        callback_api.SendFailedAgain.as_view(),
        name="send-failed-callbacks-again",
    ),
    path(
        "agents/<slug:name>/callback-endpoints/",
        callback_api.CallbackEndpoints.as_view(),
        name="callback-endpoints",
    ),
    path("callbacks/<uuid:callback_id>/", callback_api.OneCallback.as_view(), name="callback"),
    path(
        "callbacks/<uuid:callback_id>/send-again/",
        callback_api.SendAgain.as_view(),
        name="send-callback-again",
    ),
    path(
        "callback-endpoints/<uuid:endpoint_id>/resume/",
        callback_api.ResumeEndpoint.as_view(),
        name="resume-callback-endpoint",
    ),
    path("action-types/", ActionTypes.as_view(), name="action-types"),
    path("action-types/<str:action>/workflow/", workflow_api.Workflow.as_view(), name="workflow"),
    path("policies/<digest:policy>/differences/", Differences.as_view(), name="differences"),
    path("policies/<digest:policy>/backtests/", backtest_api.Backtests.as_view(), name="backtests"),
    path("backtests/<uuid:backtest_id>/", backtest_api.OneBacktest.as_view(), name="backtest"),
    path(
        "backtests/<uuid:backtest_id>/cancel/", backtest_api.CancelBacktest.as_view(), name="backtest-cancel"
    ),
    path(
        "backtests/<uuid:backtest_id>/disagreements/",
        backtest_api.Disagreements.as_view(),
        name="disagreements",
    ),
    path("autonomy/", insights_api.AutonomyBoard.as_view(), name="autonomy"),
    path("autonomy/promote/", insights_api.Promote.as_view(), name="promote"),
    path("autonomy/lower/", insights_api.Lower.as_view(), name="lower"),
    path("incidents/", incidents_api.Incidents.as_view(), name="incidents"),
    path("incidents/<uuid:incident_id>/", incidents_api.OneIncident.as_view(), name="incident"),
    path(
        "incidents/<uuid:incident_id>/acknowledge/",
        incidents_api.AcknowledgeIncident.as_view(),
        name="acknowledge-incident",
    ),
    path("incidents/<uuid:incident_id>/notes/", incidents_api.NoteIncident.as_view(), name="note-incident"),
    path("incidents/<uuid:incident_id>/close/", incidents_api.CloseIncident.as_view(), name="close-incident"),
    path("effects/", EffectsFound.as_view(), name="effects"),
    path("samples/", samples_api.Samples.as_view(), name="samples"),
    path("samples/<uuid:sample_id>/answer/", samples_api.AnswerSample.as_view(), name="answer-sample"),
    path("standing-approvals/", standing_api.StandingApprovals.as_view(), name="standing-approvals"),
    path(
        "standing-approvals/<uuid:approval_id>/activate/",
        standing_api.ActivateStanding.as_view(),
        name="activate-standing",
    ),
    path(
        "standing-approvals/<uuid:approval_id>/revoke/",
        standing_api.RevokeStanding.as_view(),
        name="revoke-standing",
    ),
    path("events/", Events.as_view(), name="events"),
    path("events/export/", EventsExport.as_view(), name="events-export"),
    path("events/bundle/", EvidenceBundle.as_view(), name="events-bundle"),
    path("events/<int:leaf_index>/proof/", sealing_api.InclusionProof.as_view(), name="event-proof"),
    path("checkpoint/", sealing_api.NewestCheckpoint.as_view(), name="checkpoint"),
    path("checkpoint/consistency/", sealing_api.ConsistencyProof.as_view(), name="consistency"),
]

log = [  # of C2SP tlog-tiles
    path("checkpoint", served.ServedCheckpoint.as_view(), name="checkpoint"),
    path("tile/entries/<path:path>", served.EntryBundle.as_view(), name="entries"),
    path("tile/<path:path>", served.HashTile.as_view(), name="tile"),
]

urlpatterns = [
    path("api/v1/", include((api, "api"))),  # first: asked for most often
    path("", pages.home, name="home"),
    path("notices/", pages.banner, name="notices"),
    path("queue/", include("approvals.urls")),
    path("executions/", include("execution.urls")),
    path("executions/bulk-retries/", include("execution.bulk.urls")),
    path("incidents/", include("insights.incidents.urls")),
    path("governance/", pages.governance, name="governance"),
    path("governance/halts/", include("execution.halting.urls")),
    path(
        "governance/access/reviews/<uuid:review_id>/sign/",
        signatures.sign_access_review,
        name="sign-access-review",
    ),
    path("governance/people/", people_pages.listed, name="people"),
    path("governance/people/new/", people_pages.new, name="new-person"),
    path("governance/people/<int:user_id>/link/", people_pages.make_link, name="make-account-link"),
    path("governance/", include("governance.urls")),
    path("governance/", include("suggestions.urls")),
    path("governance/agents/", include("suggestions.allowance.urls")),
    path("governance/", include("suggestions.telling_agents.urls")),
    path("governance/", include("insights.urls")),
    path("governance/standing/", include("approvals.standing.urls")),
    path("governance/checks/", include("approvals.vigilance.urls")),
    path("governance/simulator/", simulator.simulator, name="simulator"),
    path("figures/", include("insights.mine.urls")),
    path("audit/bundle/", include("insights.bundles.urls")),
    path("audit/", include("audit.urls")),
    path("log/", include((log, "log"))),
    path("accounts/", include("reviewapp.accounts.urls")),
    path("api/schema/", SpectacularJSONAPIView.as_view(generator_class=MadeOnce), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("admin/", admin.site.urls),
]

handler400 = pages.bad_request
handler403 = pages.forbidden
handler404 = pages.not_found
handler500 = pages.server_error
