"""Who may ask for what: a table of every address and every kind of caller.

An address that has no line here fails the first test.
"""

from __future__ import annotations

import asyncio
import copy
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.contrib.admin import site
from django.db.models.functions import Now
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from approvals.beside import claims
from approvals.bulk import answer as bulk
from approvals.bulk.answer import Shown
from approvals.bulk.views import ticket_for
from approvals.deciding import decide
from approvals.models import BatchItem, CheckPlan, CheckTemplate, Notice, SavedView, Target
from approvals.standing import standing as drafting
from approvals.standing.standing import Like
from audit.ground.actors import SYSTEM
from audit.models import Checkpoint, Event
from audit.statements.prepared import execute
from execution.healing import breakers
from execution.models import BulkRetry, Compensation, Execution, ManualTask
from governance.access import answer as answer_to_grant
from governance.access import begin, sign
from governance.actions.action_types import register
from governance.agents import callback_secret
from governance.door import keys
from governance.models import (
    AccessReview,
    Agent,
    AgentKey,
    ApiToken,
    Deployment,
    Incident,
    PolicyVersion,
    PromptTemplate,
    ReviewedGrant,
)
from governance.people import absences
from governance.secrets import keep
from governance.trust import halts
from governance.trust.gate_bounds import DEFAULTS
from governance.trust.standing import Bound
from suggestions.models import Backtest, Callback, CallbackEndpoint, Proposal, Sample, SecondReview
from suggestions.trying.rejudge import Chosen
from tests.conftest import (
    REFUND,
    ApiClient,
    actor_of,
    make_action_type,
    make_agent,
    make_person,
    proposal_body,
    proposing,
    suggestion_body,
)
from tests.database import taken_back
from tests.sealed import seal_all

CALLERS = ("nobody", "ana", "cyd", "dora", "olga", "agent", "other agent", "revoked key")
#           anonymous, reviewer, other team's reviewer, auditor, operator, keys of agents
LOGIN = "login"  # sent to the log-in page

PAGES: dict[tuple[str, str], tuple[Any, Any, Any, Any, Any]] = {
    # route, method:                   nobody   ana  cyd  dora olga
    ("home", "GET"): (LOGIN, 302, 302, 302, 302),
    ("approvals:queue", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:version", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:matching", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:save-view", "POST"): (LOGIN, 302, 302, 302, 302),
    ("approvals:saved-view", "POST"): (LOGIN, 302, 404, 404, 404),  # it is ana's
    ("approvals:proposal", "GET"): (LOGIN, 200, 404, 200, 200),
    ("approvals:edit", "GET"): (LOGIN, 200, 404, 403, 403),
    ("approvals:edit", "POST"): (LOGIN, 200, 404, 403, 403),
    ("approvals:edit-execution", "GET"): (LOGIN, 403, 403, 403, 200),
    ("approvals:edit-execution", "POST"): (LOGIN, 403, 403, 403, 302),
    ("approvals:look", "POST"): (LOGIN, 200, 404, 403, 403),
    ("approvals:now", "GET"): (LOGIN, 204, 404, 204, 204),  # nobody can be asked about it
    ("approvals:approve", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:reject", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:return", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:reopen", "POST"): (LOGIN, 302, 404, 403, 403),
    ("approvals:escalate", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:take-back", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:undo", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:claim", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:release", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:assign", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:comment", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:undoable", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:help", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:keys", "POST"): (LOGIN, 302, 302, 302, 302),
    ("approvals:check", "GET"): (LOGIN, 200, 200, 200, 200),
    ("figures:mine", "GET"): (LOGIN, 200, 200, 403, 403),
    ("figures:strip", "GET"): (LOGIN, 200, 200, 403, 403),
    ("approvals:pace", "POST"): (LOGIN, 302, 302, 403, 403),
    ("approvals:second-looks", "GET"): (LOGIN, 200, 200, 403, 403),
    ("approvals:second-look", "GET"): (LOGIN, 200, 404, 403, 403),
    ("approvals:answer-second", "POST"): (LOGIN, 302, 404, 403, 403),
    ("approvals:by-hand", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:task", "GET"): (LOGIN, 200, 404, 200, 200),
    ("approvals:task", "POST"): (LOGIN, 302, 404, 403, 403),
    ("approvals:claim-task", "POST"): (LOGIN, 302, 404, 403, 403),
    ("approvals:release-task", "POST"): (LOGIN, 302, 404, 403, 403),
    ("approvals:answer", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:first", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:send-sample", "POST"): (LOGIN, 303, 303, 403, 303),
    ("approvals:today", "GET"): (LOGIN, 200, 200, 403, 403),
    ("approvals:history", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:history-export", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:bulk", "GET"): (LOGIN, 200, 200, 403, 403),
    ("approvals:bulk", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:batch", "GET"): (LOGIN, 200, 404, 403, 403),
    ("approvals:go-on-batch", "POST"): (LOGIN, 303, 404, 403, 403),
    ("approvals:undo-batch", "POST"): (LOGIN, 303, 404, 403, 403),
    ("insights:autonomy", "GET"): (LOGIN, 200, 200, 200, 200),
    ("insights:bounds", "GET"): (LOGIN, 200, 200, 200, 200),
    ("insights:change-bounds", "POST"): (LOGIN, 403, 403, 403, 302),
    ("insights:pair", "GET"): (LOGIN, 200, 200, 200, 200),
    ("insights:promote", "POST"): (LOGIN, 403, 403, 403, 409),  # its record does not carry it
    ("insights:lower", "POST"): (LOGIN, 403, 403, 403, 302),
    ("insights:effects", "GET"): (LOGIN, 200, 200, 200, 200),
    ("incidents:list", "GET"): (LOGIN, 200, 200, 200, 200),
    ("incidents:one", "GET"): (LOGIN, 200, 200, 200, 200),
    ("incidents:report", "POST"): (LOGIN, 403, 403, 403, 302),
    ("incidents:acknowledge", "POST"): (LOGIN, 403, 403, 403, 302),  # no team's: an agent's
    ("incidents:note", "POST"): (LOGIN, 403, 403, 403, 302),
    ("incidents:close", "POST"): (LOGIN, 403, 403, 403, 302),
    ("approvals:standing", "GET"): (LOGIN, 200, 404, 403, 403),
    ("checks:list", "GET"): (LOGIN, 403, 403, 200, 200),
    ("checks:change", "POST"): (LOGIN, 403, 403, 403, 302),
    ("checks:slip-in", "POST"): (LOGIN, 403, 403, 403, 302),
    ("checks:settle", "POST"): (LOGIN, 403, 403, 403, 302),
    ("checks:add", "POST"): (LOGIN, 403, 403, 403, 302),
    ("checks:retire", "POST"): (LOGIN, 403, 403, 403, 302),
    ("standing:list", "GET"): (LOGIN, 200, 200, 200, 200),
    ("standing:activate", "POST"): (LOGIN, 302, 404, 403, 403),
    ("standing:revoke", "POST"): (LOGIN, 302, 404, 403, 302),
    ("execution:list", "GET"): (LOGIN, 200, 200, 200, 200),
    ("execution:retry", "POST"): (LOGIN, 403, 403, 403, 302),
    ("execution:settle", "POST"): (LOGIN, 403, 403, 403, 302),
    ("execution:mark-done", "POST"): (LOGIN, 403, 403, 403, 302),
    ("execution:cancel", "POST"): (LOGIN, 403, 403, 403, 302),
    ("execution:breakers", "GET"): (LOGIN, 200, 200, 200, 200),
    ("execution:open-breaker", "POST"): (LOGIN, 403, 403, 403, 302),
    ("execution:close-breaker", "POST"): (LOGIN, 403, 403, 403, 302),
    ("execution:one", "GET"): (LOGIN, 200, 404, 200, 200),
    ("execution:choose-route", "POST"): (LOGIN, 403, 403, 403, 302),
    ("execution:skip-step", "POST"): (LOGIN, 403, 403, 403, 302),
    ("execution:approve-undo", "POST"): (LOGIN, 302, 404, 403, 403),  # olga owns the agent
    ("execution:decline-undo", "POST"): (LOGIN, 302, 404, 403, 302),
    ("bulk-retries:list", "GET"): (LOGIN, 200, 200, 200, 200),
    ("bulk-retries:new", "GET"): (LOGIN, 403, 403, 403, 200),
    ("bulk-retries:new", "POST"): (LOGIN, 403, 403, 403, 302),
    ("bulk-retries:one", "GET"): (LOGIN, 200, 200, 200, 200),
    ("bulk-retries:progress", "GET"): (LOGIN, 200, 200, 200, 200),
    ("bulk-retries:stop", "POST"): (LOGIN, 403, 403, 403, 302),
    ("bulk-retries:go-on", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:deployments", "GET"): (LOGIN, 200, 200, 200, 200),
    ("governance:deployment", "GET"): (LOGIN, 200, 200, 200, 200),
    ("governance:approve-deployment", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:activate-deployment", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:roll-back-deployment", "POST"): (LOGIN, 403, 403, 403, 302),
    ("simulator", "GET"): (LOGIN, 200, 200, 200, 200),
    ("governance", "GET"): (LOGIN, 302, 302, 302, 302),
    ("governance:policies", "GET"): (LOGIN, 200, 200, 200, 200),
    ("governance:policy", "GET"): (LOGIN, 200, 200, 200, 200),
    ("governance:diff-policies", "GET"): (LOGIN, 200, 200, 200, 200),
    ("governance:new-policy", "GET"): (LOGIN, 403, 403, 403, 200),
    ("governance:new-policy", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:check-policy", "POST"): (LOGIN, 403, 403, 403, 200),
    ("governance:approve-policy", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:activate-policy", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:shadow-policy", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:roll-back-policy", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:agents", "GET"): (LOGIN, 403, 403, 200, 200),
    ("governance:new-agent", "GET"): (LOGIN, 403, 403, 403, 200),
    ("governance:new-agent", "POST"): (LOGIN, 403, 403, 403, 200),
    ("governance:issue-key", "POST"): (LOGIN, 403, 403, 403, 200),
    ("governance:rotate-key", "POST"): (LOGIN, 403, 403, 403, 200),
    ("governance:revoke-key", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:rotate-callback-secret", "POST"): (LOGIN, 403, 403, 403, 200),
    ("governance:end-callback-secrets", "POST"): (LOGIN, 403, 403, 403, 302),
    ("callbacks:list", "GET"): (LOGIN, 403, 403, 200, 200),
    ("callbacks:one", "GET"): (LOGIN, 403, 403, 200, 200),
    ("callbacks:send-again", "POST"): (LOGIN, 403, 403, 403, 302),
    ("callbacks:send-failed-again", "GET"): (LOGIN, 403, 403, 403, 200),
    ("callbacks:send-failed-again", "POST"): (LOGIN, 403, 403, 403, 302),
    ("callbacks:resume", "POST"): (LOGIN, 403, 403, 403, 302),
    ("callbacks:paused", "GET"): (LOGIN, 200, 200, 200, 200),  # of one's own agents
    ("backtests:list", "GET"): (LOGIN, 200, 200, 200, 200),
    ("backtests:compare", "GET"): (LOGIN, 200, 200, 200, 200),
    ("backtests:of-policy", "GET"): (LOGIN, 200, 200, 200, 200),
    ("backtests:panel", "GET"): (LOGIN, 200, 200, 200, 200),
    ("backtests:ask", "POST"): (LOGIN, 403, 403, 403, 302),
    ("backtests:one", "GET"): (LOGIN, 200, 200, 200, 200),
    ("backtests:progress", "GET"): (LOGIN, 200, 200, 200, 200),
    ("backtests:cancel", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:action-types", "GET"): (LOGIN, 200, 200, 200, 200),
    ("governance:action-type", "GET"): (LOGIN, 200, 200, 200, 200),
    ("governance:new-action-types", "GET"): (LOGIN, 403, 403, 403, 200),
    ("governance:take-action-types", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:workflow", "GET"): (LOGIN, 403, 403, 403, 200),
    ("governance:workflow", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:check-workflow", "POST"): (LOGIN, 403, 403, 403, 200),
    ("governance:remove-workflow", "POST"): (LOGIN, 403, 403, 403, 302),
    ("backtests:differences", "GET"): (LOGIN, 200, 200, 200, 200),
    ("notices", "GET"): (LOGIN, 200, 200, 200, 200),
    ("halts:list", "GET"): (LOGIN, 200, 200, 200, 200),
    ("halts:asked", "GET"): (LOGIN, 200, 200, 403, 200),
    ("halts:throw", "POST"): (LOGIN, 302, 302, 403, 302),
    ("halts:lift", "POST"): (LOGIN, 403, 403, 403, 302),
    ("agents:agent", "GET"): (LOGIN, 403, 403, 200, 200),
    ("agents:boundaries", "GET"): (LOGIN, 403, 403, 403, 200),
    ("agents:boundaries", "POST"): (LOGIN, 403, 403, 403, 302),
    ("approvals:notices", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:notice-of", "GET"): (LOGIN, 404, 404, 404, 302),  # it is olga's
    ("approvals:read-notices", "POST"): (LOGIN, 302, 302, 302, 302),
    ("approvals:here", "POST"): (LOGIN, 200, 200, 200, 200),
    ("approvals:notice-settings", "GET"): (LOGIN, 200, 200, 200, 200),
    ("approvals:notice-settings", "POST"): (LOGIN, 302, 302, 302, 302),
    ("approvals:add-notice-target", "POST"): (LOGIN, 422, 422, 422, 422),  # nothing is allowed
    ("approvals:try-notice-target", "POST"): (LOGIN, 404, 404, 404, 302),  # it is olga's
    ("approvals:remove-notice-target", "POST"): (LOGIN, 404, 404, 404, 302),
    ("absence", "GET"): (LOGIN, 200, 200, 200, 200),
    ("absence", "POST"): (LOGIN, 302, 302, 403, 302),  # who decides on nothing has no deputy
    ("end-absence", "POST"): (LOGIN, 302, 404, 404, 302),  # it is ana's, and ben stands in
    ("governance:absences", "GET"): (LOGIN, 403, 403, 403, 200),
    ("governance:absences", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:access", "GET"): (LOGIN, 403, 403, 200, 200),
    ("governance:export-access", "GET"): (LOGIN, 403, 403, 200, 200),
    ("governance:access-reviews", "GET"): (LOGIN, 403, 403, 200, 200),
    ("governance:begin-access-review", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:access-review", "GET"): (LOGIN, 403, 403, 200, 200),
    ("governance:print-access-review", "GET"): (LOGIN, 403, 403, 200, 200),
    ("governance:keep-grant", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:remove-grant", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:withdraw-grant-answer", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:submit-access-review", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:return-access-review", "POST"): (LOGIN, 403, 403, 302, 302),
    ("sign-access-review", "POST"): (LOGIN, 403, 403, 302, 302),
    ("governance:secrets", "GET"): (LOGIN, 403, 403, 200, 200),
    ("governance:new-secret", "GET"): (LOGIN, 403, 403, 403, 200),
    ("governance:new-secret", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:secret", "GET"): (LOGIN, 403, 403, 200, 200),
    ("governance:replace-secret", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:grant-secret", "POST"): (LOGIN, 403, 403, 403, 302),
    ("governance:delete-secret", "GET"): (LOGIN, 403, 403, 403, 200),
    ("governance:delete-secret", "POST"): (LOGIN, 403, 403, 403, 302),
    ("tokens", "GET"): (LOGIN, 200, 200, 200, 200),
    ("tokens", "POST"): (LOGIN, 200, 200, 200, 200),
    ("rotate-token", "POST"): (LOGIN, 404, 404, 404, 200),  # it is olga's
    ("revoke-token", "POST"): (LOGIN, 404, 404, 404, 302),
    ("audit:events", "GET"): (LOGIN, 403, 403, 200, 200),
    ("audit:event", "GET"): (LOGIN, 403, 403, 200, 200),
    ("audit:checkpoints", "GET"): (LOGIN, 403, 403, 200, 200),
    ("bundles:form", "GET"): (LOGIN, 403, 403, 200, 403),
    ("bundles:download", "GET"): (LOGIN, 403, 403, 200, 403),
    ("audit:checkpoint", "GET"): (LOGIN, 403, 403, 200, 200),
    ("audit:export", "GET"): (LOGIN, 403, 403, 200, 403),
    ("account_login", "GET"): (200, 302, 302, 302, 302),
    ("account_logout", "GET"): (302, 200, 200, 200, 200),
    ("account_inactive", "GET"): (200, 200, 200, 200, 200),
    ("account_reset_password", "GET"): (200, 200, 200, 200, 200),
    ("account_reset_password", "POST"): (200, 200, 200, 200, 200),
    ("account_link", "GET"): (410, 410, 410, 410, 410),  # whoever has a good one may use it
    ("account_link", "POST"): (410, 410, 410, 410, 410),
    ("people", "GET"): (LOGIN, 403, 403, 403, 200),
    ("new-person", "GET"): (LOGIN, 403, 403, 403, 200),
    ("new-person", "POST"): (LOGIN, 403, 403, 403, 422),  # before they confirm that it is them
    ("make-account-link", "POST"): (LOGIN, 403, 403, 403, 302),
    ("account_change_password", "GET"): (LOGIN, 200, 200, 200, 200),
    ("account_reauthenticate", "GET"): (LOGIN, 200, 200, 200, 200),
    ("mfa_index", "GET"): (LOGIN, 200, 200, 200, 200),
    ("mfa_authenticate", "GET"): (LOGIN, 302, 302, 302, 302),  # on the way in alone
    ("mfa_reauthenticate", "GET"): (LOGIN, 302, 302, 302, 302),  # who has none confirms by password
    ("mfa_reauthenticate_webauthn", "GET"): (LOGIN, 302, 302, 302, 302),
    ("mfa_activate_totp", "GET"): (LOGIN, 302, 302, 302, 302),  # once one has confirmed who one is
    ("mfa_deactivate_totp", "GET"): (LOGIN, 404, 404, 404, 404),
    ("mfa_view_recovery_codes", "GET"): (LOGIN, 404, 404, 404, 404),
    ("mfa_generate_recovery_codes", "GET"): (LOGIN, 302, 302, 302, 302),
    ("mfa_download_recovery_codes", "GET"): (LOGIN, 404, 404, 404, 404),
    ("mfa_list_webauthn", "GET"): (LOGIN, 200, 200, 200, 200),
    ("mfa_add_webauthn", "GET"): (LOGIN, 302, 302, 302, 302),
    ("mfa_edit_webauthn", "GET"): (LOGIN, 302, 302, 302, 302),
    ("mfa_remove_webauthn", "GET"): (LOGIN, 302, 302, 302, 302),
    ("session", "GET"): (200, 200, 200, 200, 200),
    ("signed-in", "GET"): (LOGIN, 200, 200, 200, 200),
    ("account_signup", "GET"): (404, 404, 404, 404, 404),
    ("schema", "GET"): (200, 200, 200, 200, 200),
    ("docs", "GET"): (200, 200, 200, 200, 200),
    ("healthz", "GET"): (200, 200, 200, 200, 200),
    ("readyz", "GET"): (503, 503, 503, 503, 503),  # no worker runs in this test
    ("metrics", "GET"): (403, 403, 403, 403, 403),  # asked from elsewhere
}

# Sessions open nothing here; people show a token.
API: dict[tuple[str, str], tuple[int, int, int, int, int, int, int, int]] = {
    # route, method:                nobody ana  cyd  dora olga own  oth. revoked
    ("api:proposals", "GET"): (401, 200, 200, 200, 200, 200, 200, 401),
    ("api:proposals", "POST"): (401, 403, 403, 403, 403, 201, 201, 401),
    ("api:batch", "POST"): (401, 403, 403, 403, 403, 201, 201, 401),
    ("api:proposal", "GET"): (401, 200, 404, 200, 200, 200, 404, 401),
    ("api:withdraw", "POST"): (401, 403, 403, 403, 403, 200, 404, 401),
    ("api:decisions", "POST"): (401, 201, 404, 403, 403, 403, 403, 401),
    ("api:claim", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:claim", "DELETE"): (401, 204, 404, 403, 403, 403, 403, 401),
    ("api:assign", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:looks", "GET"): (401, 200, 404, 200, 200, 403, 403, 401),
    ("api:comments", "GET"): (401, 200, 404, 200, 200, 403, 403, 401),
    ("api:comments", "POST"): (401, 201, 404, 403, 403, 403, 403, 401),
    ("api:take-back", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:undo", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:edits", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:deployments", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:deployments", "POST"): (401, 403, 403, 403, 201, 403, 403, 401),
    ("api:deployment", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:approve-deployment", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:activate-deployment", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:roll-back-deployment", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:prompt-template", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:explanation", "GET"): (401, 200, 404, 200, 200, 403, 403, 401),
    ("api:simulations", "POST"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:reopen", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:standing-approvals", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:standing-approvals", "POST"): (401, 201, 422, 403, 403, 403, 403, 401),
    ("api:activate-standing", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:revoke-standing", "POST"): (401, 200, 404, 403, 200, 403, 403, 401),
    ("api:execution", "GET"): (401, 200, 404, 200, 200, 200, 404, 401),
    ("api:begin-execution", "POST"): (401, 403, 403, 403, 403, 200, 404, 401),
    ("api:result", "POST"): (401, 403, 403, 403, 403, 200, 404, 401),
    ("api:policies", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:policies", "POST"): (401, 403, 403, 403, 201, 403, 403, 401),
    ("api:policy", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:diff-policies", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:check-policy", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:approve-policy", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:activate-policy", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:shadow-policy", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:roll-back-policy", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:access", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:absences", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:absences", "POST"): (401, 201, 201, 403, 201, 403, 403, 401),
    ("api:end-absence", "POST"): (401, 200, 404, 404, 200, 403, 403, 401),
    ("api:secrets", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:secrets", "POST"): (401, 403, 403, 403, 201, 403, 403, 401),
    ("api:secret", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:secret", "DELETE"): (401, 403, 403, 403, 204, 403, 403, 401),
    ("api:secret-value", "PUT"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:secret-grants", "PUT"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:own-boundaries", "GET"): (401, 403, 403, 403, 403, 200, 200, 401),
    ("api:agent-boundaries", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:agent-boundaries", "PUT"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:callback-secrets", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:rotate-callback-secret", "POST"): (401, 403, 403, 403, 201, 403, 403, 401),
    ("api:end-callback-secrets", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:callbacks", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:callback", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:send-callback-again", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:failed-callbacks", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:send-failed-callbacks-again", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:callback-endpoints", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:resume-callback-endpoint", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:action-types", "GET"): (401, 200, 200, 200, 200, 200, 200, 401),
    ("api:backtests", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:backtests", "POST"): (401, 403, 403, 403, 202, 403, 403, 401),
    ("api:backtest", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:backtest-cancel", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:differences", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:disagreements", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:action-types", "POST"): (401, 403, 403, 403, 201, 403, 403, 401),
    ("api:manual-tasks", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:manual-task", "GET"): (401, 200, 404, 200, 200, 403, 403, 401),
    ("api:claim-manual-task", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:release-manual-task", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:manual-task-done", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:manual-task-given-up", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:workflow", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:workflow", "PUT"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:workflow", "DELETE"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:one-execution", "GET"): (401, 200, 404, 200, 200, 200, 404, 401),
    ("api:signals", "POST"): (401, 403, 403, 403, 200, 200, 404, 401),
    ("api:retry", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:settle", "POST"): (401, 403, 403, 403, 409, 403, 403, 401),  # nothing is in doubt
    ("api:mark-done", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:cancel", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:choose-route", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:skip-step", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:edit-execution", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:former-executions", "GET"): (401, 200, 404, 200, 200, 403, 403, 401),
    ("api:compensation", "GET"): (401, 200, 404, 200, 200, 403, 403, 401),
    ("api:approve-compensation", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),  # olga owns the agent
    ("api:decline-compensation", "POST"): (401, 200, 404, 403, 200, 403, 403, 401),
    ("api:bulk-retries", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:bulk-retries", "POST"): (401, 403, 403, 403, 201, 403, 403, 401),
    ("api:preview-bulk-retry", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:bulk-retry", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:stop-bulk-retry", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:go-on-with-bulk-retry", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:breakers", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:open-breaker", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:close-breaker", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:halts", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:halts", "POST"): (401, 201, 201, 403, 201, 403, 403, 401),
    ("api:lift-halt", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:autonomy", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:promote", "POST"): (401, 403, 403, 403, 409, 403, 403, 401),  # its record does not carry it
    ("api:lower", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:incidents", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:incidents", "POST"): (401, 403, 403, 403, 201, 403, 403, 401),
    ("api:incident", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:acknowledge-incident", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:note-incident", "POST"): (401, 403, 403, 403, 201, 403, 403, 401),
    ("api:close-incident", "POST"): (401, 403, 403, 403, 200, 403, 403, 401),
    ("api:effects", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:samples", "GET"): (401, 200, 200, 200, 200, 403, 403, 401),
    ("api:answer-sample", "POST"): (401, 200, 404, 403, 403, 403, 403, 401),
    ("api:events", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:events-export", "GET"): (401, 403, 403, 200, 403, 403, 403, 401),
    ("api:events-bundle", "GET"): (401, 403, 403, 200, 403, 403, 403, 401),
    ("api:event-proof", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:checkpoint", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("api:consistency", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("log:checkpoint", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("log:tile", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
    ("log:entries", "GET"): (401, 403, 403, 200, 200, 403, 403, 401),
}

CHANGES_NOTHING = {
    "api:preview-bulk-retry",  # it looks only
    "governance:check-workflow",  # it looks only
    "account_reset_password",  # it sends a message to a worker, where e-mail is on
    "account_link",  # of a link that is none
    "new-person",  # before one has confirmed who one is
    "make-account-link",
    "sign-access-review",
    "approvals:pace",
    "approvals:edit",
    "api:edits",
    "approvals:save-view",  # a preference of one's own page
    "approvals:saved-view",
    "approvals:read-notices",  # what somebody has read is theirs, and no event
    "approvals:here",
    "approvals:add-notice-target",  # refused here
    "insights:promote",
    "approvals:look",
    "api:simulations",
    "api:check-policy",
    "governance:check-policy",
}  # asked by POST for the length of the question alone; a look; a promotion that its record does not carry

BY_HAND = {"steps": [{"name": "close", "routes": [{"kind": "handback"}]}]}
ANYTHING = {name: Bound(any=True) for name in ("order_id", "amount")}

# 1000: opened and kept open. Otherwise the code that it is closed with.
SOCKETS = {
    "ws/queue/": (4401, 1000, 1000, 1000, 1000),
    "ws/executions/": (4401, 1000, 1000, 1000, 1000),
    "ws/notices/": (4401, 1000, 1000, 1000, 1000),
}


@cache
def routes() -> dict[str, URLPattern]:
    """Every address by name, those of the admin apart."""

    def walk(patterns: list[Any], spaces: tuple[str, ...]) -> Iterator[tuple[str, URLPattern]]:
        for pattern in patterns:
            if not isinstance(pattern, URLResolver):
                yield ":".join([*spaces, pattern.name or str(pattern.pattern)]), pattern
            elif pattern.namespace != "admin":
                yield from walk(pattern.url_patterns, (*spaces, *filter(None, [pattern.namespace])))

    return dict(walk(get_resolver().url_patterns, ()))


def methods(pattern: URLPattern) -> set[str]:
    """What an API view answers to; of a page one method stands for all."""
    view = getattr(pattern.callback, "cls", None)
    known = {"get", "post", "put", "patch", "delete"}
    return {name.upper() for name in known if hasattr(view, name)}


def test_every_address_has_its_line() -> None:
    table = {**PAGES, **API}
    in_table = {route for route, _ in table}
    assert set(routes()) == in_table
    answering = {(n, m) for n, p in routes().items() if n.startswith(("api:", "log:")) for m in methods(p)}
    assert answering == set(API)


def test_every_socket_has_its_line() -> None:
    from reviewapp.asgi import application

    inner = application.application_mapping["websocket"]
    while not hasattr(inner, "routes"):  # what stands before the routes holds the next as `app` or `inner`
        inner = getattr(inner, "inner", None) or inner.app
    assert {str(route.pattern) for route in inner.routes} == set(SOCKETS)


# As a prepared statement, for it is asked ten thousand times.
_EVENTS = """SELECT count(*) FROM audit_event
              WHERE type <> 'request.refused' AND type NOT LIKE '%%.exported'"""


@dataclass
class World:
    """Who asks, and what addresses are about; `only` holds what one address needs to be about."""

    proposal: Proposal
    people: dict[str, Any]
    keys: dict[str, str]
    ids: dict[str, Any]  # by the names that addresses have for them
    only: dict[str, dict[str, Any]]  # by route
    cookies: dict[str, SimpleCookie]  # by person, who has signed in once
    forms: dict[str, Any] = field(default_factory=dict)  # by route, what somebody who may do it would send

    def visitor(self, caller: str, **how: Any) -> Client:
        """A browser of this person, or of nobody."""
        client = Client(raise_request_exception=False, **how)
        client.cookies.update(self.cookies.get(caller, {}))
        return client

    @staticmethod
    def state() -> int:
        """What a refusal must not change: no change without its event."""
        return int(execute(_EVENTS, [], apart=True)[0][0])


@pytest.fixture(scope="module")
def settled(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """The world, made once for all the tests that take back what they do in it."""
    with django_db_blocker.unblock(), taken_back():
        people = [make_person(name, role, team=team) for name, (role, team) in PEOPLE.items()]
        agent = make_agent(owner=people[-1])
        make_action_type()
        world = make_world(*people, agent, proposing(agent))
        world.forms = forms(world)
        yield world


@pytest.fixture
def world(settled: World) -> Iterator[World]:
    with taken_back():
        yield copy.deepcopy(settled)


OF_ACCESS_REVIEWS = (
    "governance:access-review",
    "governance:print-access-review",
    "governance:submit-access-review",
    "governance:return-access-review",
    "sign-access-review",
)
PEOPLE = {
    "ana": ("reviewer", "operations"),
    "ben": ("reviewer", "operations"),
    "cyd": ("reviewer", "finance"),
    "dora": ("auditor", ""),
    "olga": ("operator", ""),
}


def make_world(
    ana: Any, ben: Any, cyd: Any, dora: Any, olga: Any, agent: Agent, propose: Callable[..., Any]
) -> World:
    olga.is_staff = True  # as create_user makes an operator
    olga.save(update_fields=["is_staff"])
    approved = propose(title="Approved before")
    suggestion = approved.suggestions.get()
    decide.approve(
        suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=suggestion.action_digest, reason="fine"
    )
    other = Agent.objects.create(name="other-bot", owner=olga)
    shown = {"agent": keys.issue_key(agent, actor=SYSTEM), "other agent": keys.issue_key(other, actor=SYSTEM)}
    shown["revoked key"] = keys.issue_key(agent, actor=SYSTEM)
    keys.revoke(AgentKey.objects.get(hash=keys.hash_of(shown["revoked key"])), actor=SYSTEM)
    people = {"ana": ana, "cyd": cyd, "dora": dora, "olga": olga}
    shown |= {name: keys.issue_token(person, actor=SYSTEM) for name, person in people.items()}
    rejected = propose(suggestions=[suggestion_body(arguments={"order_id": "#W9", "amount": 1})])
    decide.reject(rejected.pk, reviewer=ana, actor=actor_of(ana), reason="no")
    third_refund = [suggestion_body(arguments={"order_id": "#W7", "amount": 3})]
    other_refund = [suggestion_body(arguments={"order_id": "#W8", "amount": 2})]
    proposal = propose()
    ids = {
        "proposal_id": proposal.pk,
        "execution_id": Proposal.objects.get(pk=approved.pk).execution.pk,
        "action": "refund_payment",
        "secret": keep.write("shop-token", "what-nobody-reads", actor=SYSTEM, by=olga).name,
        "halt_id": halts.throw("agent", agent=other, reason="It repeats itself.", actor=SYSTEM).pk,
        "key_id": AgentKey.objects.get(hash=keys.hash_of(shown["agent"])).pk,
        "pk": 1,  # of a security key, which nobody has
        "token": "no-such-link",
        "user_id": people["cyd"].pk,
        "token_id": ApiToken.objects.get(user=olga).pk,
        "view_id": SavedView.objects.create(user=ana, name="Mine", query="?mine=1").pk,
        "name": agent.name,
        "leaf_index": 0,
        **told(olga),
        **deployed(agent, by=ana, approved_by=olga),
        **backtested(),
        **checked(agent, by=olga),
        "review_id": asked_again(propose(suggestions=other_refund), first=ben, second=ana).pk,
        **trusted_and_checked(dora, approved),
        **told_at(agent, approved),
        "batch_id": begun(ana, propose),
        "task_id": handed_over(ana, propose, claimed=False).pk,
        "bulk_id": retried_together(olga, "running"),
        "ben": ben.pk,
        "approval_id": drafting.draft(
            Proposal.objects.get(pk=approved.pk), Like(ANYTHING), reviewer=ben, actor=actor_of(ben)
        ).pk,
    }
    claimed = handed_over(ana, propose, claimed=True)
    differed = asked_again(propose(suggestions=third_refund), first=ben, second=ana)
    SecondReview.objects.filter(pk=differed.pk).update(
        status="differed", verdict="approve", ended_at=datetime.now(UTC)
    )
    stopped = retried_together(olga, "stopped")
    access = begin.begin(by=olga, actor=actor_of(olga))
    ids["grant_id"] = access.grants.get(holder="ana", kind="team").pk
    only = {
        **{name: {"review_id": access.pk} for name in OF_ACCESS_REVIEWS},
        "checks:settle": {"review_id": differed.pk},
        "approvals:release-task": {"task_id": claimed.pk},
        "api:release-manual-task": {"task_id": claimed.pk},
        "api:execution": {"proposal_id": approved.pk},
        **steered(ana, propose),
        "bulk-retries:go-on": {"bulk_id": stopped},
        "api:go-on-with-bulk-retry": {"bulk_id": stopped},
        "api:begin-execution": {"proposal_id": approved.pk},
        "api:result": {"proposal_id": approved.pk},
        **with_others(ana, propose),
        **policies_on_their_way(),
        **carried_out_by_a_worker(),
        "log:tile": {"path": "0/000.p/1"},
        "log:entries": {"path": "000.p/1"},
        "api:reopen": {"proposal_id": rejected.pk},
        "approvals:reopen": {"proposal_id": rejected.pk},
        "approvals:answer": {"proposal_id": approved.pk},
        "approvals:standing": {"proposal_id": approved.pk},
        "api:standing-approvals": {"proposal_id": approved.pk},
        **{
            f"{place}:approve-deployment": {"deployment_id": ids["registered"]}
            for place in ("api", "governance")
        },
    }
    ids["absence_id"] = absences.set_out(
        ana,
        deputy=ben,
        since=datetime.now(UTC) + timedelta(days=30),
        until=datetime.now(UTC) + timedelta(days=31),
        by=ana,
        actor=actor_of(ana),
    ).pk
    ids["deputy"] = ben.pk
    seal_all()
    ids["event_id"] = Event.objects.latest("pk").pk
    ids["size"] = Checkpoint.objects.latest("size").size
    return World(proposal, people, shown, ids, only, {name: signed_in(who) for name, who in people.items()})


def signed_in(person: Any) -> SimpleCookie:
    client = Client()
    client.force_login(person)
    return client.cookies


def with_others(ana: Any, propose: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    """What was approved and can be undone, what waits for a second person, and what is claimed; by route."""
    undoable, waiting = propose(), propose()
    Proposal.objects.filter(pk=undoable.pk).update(raised={"grace_seconds": 7_200})
    Proposal.objects.filter(pk=waiting.pk).update(approvals_needed=2)
    for proposal in (undoable, waiting):
        first = proposal.suggestions.get()
        decide.approve(first, reviewer=ana, actor=actor_of(ana), shown_digest=first.action_digest)
    claims.claim(waiting.pk, user=ana, actor=actor_of(ana))
    return {
        "approvals:undo": {"proposal_id": undoable.pk},
        "api:undo": {"proposal_id": undoable.pk},
        "approvals:take-back": {"proposal_id": waiting.pk},
        "api:take-back": {"proposal_id": waiting.pk},
        "approvals:release": {"proposal_id": waiting.pk},
    }


def handed_over(reviewer: Any, propose: Callable[..., Any], *, claimed: bool) -> ManualTask:
    """A step of something that was approved, which the team of `ana` does by hand."""
    first = propose().suggestions.get()
    decide.approve(first, reviewer=reviewer, actor=actor_of(reviewer), shown_digest=first.action_digest)
    execution = Proposal.objects.get(pk=first.proposal_id).execution
    return ManualTask.objects.create(
        execution=execution,
        step=execution.steps.get(),
        route="1. hand to the team Operations",
        team_id="operations",
        remind_before=60,
        claimed_by=reviewer if claimed else None,
    )


STEERED = (
    *(
        "one-execution",
        "signals",
        "retry",
        "settle",
        "mark-done",
        "cancel",
        "choose-route",
        "skip-step",
        "edit-execution",
    ),
    *("compensation", "approve-compensation", "decline-compensation"),
)
STEERED_ON_PAGES = ("one", "choose-route", "skip-step", "approve-undo", "decline-undo")
ROUTE = "http://127.0.0.1:1/refunds"
EDITED = {"order_id": "W1", "amount": 40}


def steered(reviewer: Any, propose: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    """An execution that stands at a step of two routes, hears of an event, and can be undone; by route."""
    routes = [{"kind": "http", "url": url} for url in (ROUTE, f"{ROUTE}/by-post")]
    step = {"name": "refund", "routes": routes, "await": {"signal": "settled", "within": "2d"}}
    register({**REFUND, "name": "pay_back", "workflow": {"steps": [step]}}, actor=SYSTEM)
    first = propose(suggestions=[suggestion_body(action="pay_back")]).suggestions.get()
    decide.approve(first, reviewer=reviewer, actor=actor_of(reviewer), shown_digest=first.action_digest)
    execution = Proposal.objects.get(pk=first.proposal_id).execution
    Execution.objects.filter(pk=execution.pk).update(status="needs_attention", started_at=Now())
    Compensation.objects.create(execution=execution, digest="sha256:0", calls=[])
    breakers.open_by_hand(f"POST {ROUTE}/by-post", actor=SYSTEM, reason="No stamps.")
    pages = [f"execution:{name}" for name in STEERED_ON_PAGES]
    steered_by = [*pages, *(f"api:{name}" for name in STEERED)]
    case = {"approvals:edit-execution": {"proposal_id": execution.proposal_id}}
    return {**{route: {"execution_id": execution.pk} for route in steered_by}, **case}


def retried_together(by: Any, status: str) -> uuid.UUID:
    """A bulk retry in this state, with one to come."""
    known = {"chosen": {"text": status}, "key": status, "rate": 60, "reason": "no", "total": 1}
    return BulkRetry.objects.create(by=by, on_behalf_of=by, status=status, **known).pk


def told(person: Any) -> dict[str, Any]:
    """A notice and an address of somebody."""
    notice = Notice.objects.create(user=person, kind="assigned", risk=0, urgent=False)
    return {
        "notice_id": notice.pk,
        "target_id": Target.objects.create(user=person, name="", service="Webhook", shown="x", sealed=b"").pk,
    }


def told_at(agent: Agent, about: Proposal) -> dict[str, Any]:
    """A message that was given up, at an address that is paused, of an agent with a second secret."""
    callback_secret.rotate(agent, actor=SYSTEM)
    message = Callback.objects.create(
        proposal=about, agent=agent, origin="https://a.example", type="x", data={}, status="given_up"
    )
    endpoint = CallbackEndpoint.objects.create(
        agent=agent, origin="https://a.example", paused_at=datetime.now(UTC), paused_because="gone"
    )
    return {"callback_id": message.pk, "endpoint_id": endpoint.pk}


def trusted_and_checked(owner: Any, approved: Proposal) -> dict[str, Any]:
    """An agent of somebody else's with an incident, and something that is to be checked."""
    careful = Agent.objects.create(name="careful-bot", owner=owner)
    incident = Incident.objects.create(agent=careful, action="refund_payment", kind="drift", detail="?")
    sample = Sample.objects.create(
        proposal=approved,
        agent_id=approved.agent_id,
        action=approved.action,
        team_id=approved.team_id,
        status="open",
        share=1,
        opened_at=datetime.now(UTC),
        deadline=datetime.now(UTC) + timedelta(days=1),
    )
    return {
        "agent_id": careful.pk,
        "action": "refund_payment",
        "incident_id": incident.pk,
        "sample_id": sample.pk,
    }


def begun(reviewer: Any, propose: Callable[..., Any]) -> uuid.UUID:
    """What somebody began to answer at once: one is approved and waits for another person, one is left."""
    asked = [propose(title="Together") for _ in range(2)]
    Proposal.objects.filter(pk=asked[0].pk).update(approvals_needed=2)
    items = [Shown(p.pk, p.suggestions.get().action_digest) for p in asked]
    batch = bulk.submit(
        uuid.uuid4(),
        items[:1],
        verdict="approve",
        said="Approve 2",
        reviewer=reviewer,
        actor=actor_of(reviewer),
    )
    bulk.go_on(batch, actor=actor_of(reviewer))
    BatchItem.objects.create(
        batch=batch, proposal=asked[1], position=2, action_digest=asked[1].suggestions.get().action_digest
    )
    return batch.pk


def asked_again(proposal: Proposal, *, first: Any, second: Any) -> SecondReview:
    """Something that one person decided, and another is asked about."""
    decide.reject(proposal.pk, reviewer=first, actor=actor_of(first), reason="no")
    return SecondReview.objects.create(
        proposal=proposal,
        team_id=proposal.team_id,
        first=first,
        second=second,
        share=1,
        deadline=datetime.now(UTC) + timedelta(days=1),
    )


def checked(agent: Agent, *, by: Any) -> dict[str, Any]:
    """A team that has checks slipped in, and a library of two: one is used, one taken out."""
    CheckPlan.objects.create(team_id="operations", on=True, share=0.1, most_per_day=9, changed_by=by)
    written = {"agent": agent, "kind": "bad", "why": "no", "body": proposal_body(), "made_by": by}
    CheckTemplate.objects.create(name="used", **written)
    return {"template_id": CheckTemplate.objects.create(name="out", **written).pk, "team": "operations"}


def backtested() -> dict[str, Any]:
    """A policy that may be backtested, and a backtest of another one that is under way."""
    policy, other = (
        PolicyVersion.objects.create(digest=f"sha256:{n * 64}", text=f"version: 1 # {n}") for n in "23"
    )
    running = Backtest.objects.create(policy=other, chosen=Chosen().as_json())
    return {"policy": policy.pk, "backtest_id": running.pk}


def policies_on_their_way() -> dict[str, dict[str, Any]]:
    """One to approve, one to activate, and one in force with one before it; by route."""
    made = {
        status: PolicyVersion.objects.create(
            digest=f"sha256:{n * 64}", text=f"version: 1\ndefaults: {{priority: {n}}}", status=status
        )
        for n, status in zip("4567", ["validated", "approved", "retired", "active"], strict=True)
    }
    places = ("api", "governance")
    return {
        **{f"{place}:approve-policy": {"policy": made["validated"].pk} for place in places},
        **{
            f"{place}:{verb}-policy": {"policy": made["approved"].pk}
            for place in places
            for verb in ("activate", "shadow")
        },
    }


def carried_out_by_a_worker() -> dict[str, dict[str, Any]]:
    """An action type with a workflow, for the routes that change or remove one."""
    workflow = {**BY_HAND, "within": "1d"}
    register({"name": "close", "schema": {"type": "object"}, "workflow": workflow}, actor=SYSTEM)
    return {route: {"action": "close"} for route in ("api:workflow", "governance:remove-workflow")}


def deployed(agent: Agent, *, by: Any, approved_by: Any) -> dict[str, Any]:
    """An active deployment, one before it, and one that waits to be approved."""
    common = {"agent": agent, "model": "model-1", "registered_by": by}
    prompt = PromptTemplate.objects.create(digest=f"sha256:{'1' * 64}", text="You are kind.")
    made = {
        status: Deployment.objects.create(
            **common,
            label=f"support-bot@{n}",
            status=status,
            approved_by=None if status == "registered" else approved_by,
            activated_at=None if status == "registered" else datetime(2026, 1, n, tzinfo=UTC),
        )
        for n, status in enumerate(["retired", "active", "registered"], start=1)
    }
    return {"deployment_id": made["retired"].pk, "registered": made["registered"].pk, "digest": prompt.pk}


def address(route: str, world: World) -> str:
    about = {**world.ids, **world.only.get(route, {})}
    path = reverse(route, kwargs={name: about[name] for name in routes()[route].pattern.converters})
    asked = {
        "approvals:now": "?rank=1",
        "audit:export": "?format=csv",
        "api:events-export": "?format=jsonl",
        "api:workflow": "?version=1",
        "api:diff-policies": f"?a={world.ids['policy']}&b=active",
        "api:consistency": "?old=1",
    }
    return path + asked.get(route, "")


def form(route: str, world: World) -> Any:
    """What a caller who may do it would send."""
    return world.forms.get(route, {})


def forms(world: World) -> dict[str, Any]:
    suggestion = world.proposal.suggestions.get()
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"
    digest = suggestion.action_digest
    decision = {"suggestion": str(suggestion.pk), "action_digest": digest, "reason": "no"}
    return {
        "approvals:approve": {**decision, "shown": digest},
        "approvals:edit": {"mode": "json", "json": '{"order_id": "1", "amount": 40}', "do": "check"},
        "api:edits": {
            "suggestion": str(suggestion.pk),
            "arguments": {**suggestion.arguments, "amount": 40},
        },
        "absence": {"deputy": world.ids["deputy"], "until": tomorrow},
        "governance:absences": {
            "person": world.people["cyd"].pk,
            "deputy": world.ids["deputy"],
            "until": tomorrow,
        },
        "api:absences": {"deputy": "ben", "until": f"{tomorrow}:00Z"},
        "approvals:reject": {"reason": "no"},
        "approvals:save-view": {"name": "Mine", "query": "?mine=1"},
        "approvals:saved-view": {"name": "Ours"},
        "approvals:return": {"reason": "no"},
        "approvals:escalate": {"reason": "no", "team": "finance"},
        "approvals:assign": {"to": str(world.ids["ben"])},
        "approvals:comment": {"reason": "a note"},
        "api:assign": {"to": "ben"},
        "api:comments": {"text": "a note"},
        "checks:change": {"percent": "5", "most_per_day": "2", "busy_from": "9", "on": "1"},
        "checks:add": {
            "name": "x",
            "agent": "support-bot",
            "kind": "bad",
            "why": "no",
            "body": json.dumps(proposal_body()).replace("#", "%23"),
        },
        "approvals:task": {"do": "done", "comment": "done"},
        "api:manual-task-done": {"comment": "done"},
        "api:manual-task-given-up": {"reason": "no"},
        "approvals:answer-second": {"verdict": "reject", "reason": "no"},
        "execution:mark-done": {"evidence": "seen"},
        "execution:settle": {"happened": "yes", "evidence": "seen"},
        "approvals:notice-settings": {"zone": "UTC", "digest_every": "4"},
        "approvals:add-notice-target": {"address": "https://example.com/"},
        "execution:cancel": {"reason": "no"},
        "governance:take-action-types": {
            "text": '[{"name":"ship","schema":{"type":"object"}}]',
            "register": 1,
        },
        "api:action-types": [{"name": "ship", "schema": {"type": "object"}}],
        "governance:workflow": {"text": json.dumps(BY_HAND), "version": 1},
        "governance:check-workflow": {"text": "steps: []"},
        "governance:remove-workflow": {"version": 1},
        "api:workflow": BY_HAND,
        "sign-access-review": {"meaning": "sampled"},
        "governance:new-secret": {"name": "bank-token", "secret": "what-nobody-reads"},
        "governance:replace-secret": {"secret": "what-nobody-reads-either"},
        "governance:grant-secret": {"granted_to": "refund_payment"},
        "api:secrets": {"name": "bank-token", "value": "what-nobody-reads"},
        "api:secret-value": {"value": "what-nobody-reads-either"},
        "api:secret-grants": {"granted_to": ["refund_payment"]},
        "halts:throw": {"scope": "everything", "reason": "no"},
        "halts:lift": {"reason": "no"},
        "api:halts": {"scope": "everything", "reason": "no"},
        "api:lift-halt": {"reason": "no"},
        "api:rotate-callback-secret": {},
        "api:send-failed-callbacks-again": {},
        "api:proposals": proposal_body(),
        "api:batch": {"proposals": [{**proposal_body(), "idempotency_key": "one"}]},
        "api:decisions": {"verdict": "approve", **decision},
        "api:begin-execution": {"holder": "worker-1"},
        "execution:open-breaker": {"route": f"POST {ROUTE}", "reason": "no"},
        "execution:close-breaker": {"route": f"POST {ROUTE}/by-post", "reason": "no"},
        "execution:choose-route": {"step": "refund", "route": "2"},
        "execution:skip-step": {"step": "refund", "evidence": "seen"},
        "execution:approve-undo": {"digest": "sha256:0"},
        "execution:decline-undo": {"digest": "sha256:0"},
        "bulk-retries:new": {"reason": "no"},
        "bulk-retries:stop": {"reason": "no"},
        "bulk-retries:go-on": {"reason": "no"},
        "api:bulk-retries": {"reason": "no"},
        "api:stop-bulk-retry": {"reason": "no"},
        "api:go-on-with-bulk-retry": {"reason": "no"},
        "api:signals": {"signal": "settled", "data": {}},
        "api:mark-done": {"evidence": "seen"},
        "api:settle": {"happened": True, "evidence": "seen"},
        "api:choose-route": {"step": "refund", "route": 2},
        "api:skip-step": {"step": "refund", "evidence": "seen"},
        "approvals:edit-execution": {
            "do": "send",
            "mode": "json",
            "json": json.dumps(EDITED),
            "reason": "no",
        },
        "api:edit-execution": {"arguments": EDITED, "reason": "no"},
        "api:approve-compensation": {"digest": "sha256:0"},
        "api:open-breaker": {"route": f"POST {ROUTE}", "reason": "no"},
        "api:close-breaker": {"route": f"POST {ROUTE}/by-post", "reason": "no"},
        "api:result": {"outcome": "succeeded"},
        "approvals:answer": {"answer": "right"},
        "approvals:bulk": {
            "ticket": ticket_for(world.people["ana"]),
            "verdict": "approve",
            "items": f"{world.proposal.pk}:{suggestion.action_digest}",
        },
        "api:answer-sample": {"answer": "right"},
        "insights:promote": {"reason": "no"},
        "insights:lower": {"stage": "1", "reason": "no"},
        "insights:change-bounds": {**asdict(DEFAULTS), "reason": "no"},
        "incidents:report": {"agent": "careful-bot", "detail": "no"},
        "incidents:note": {"text": "no"},
        "incidents:close": {"reason": "no", "found_to_be": "other"},
        "api:promote": {"agent": "careful-bot", "action": "refund_payment", "reason": "no"},
        "api:lower": {"agent": "careful-bot", "action": "refund_payment", "stage": 1, "reason": "no"},
        "api:incidents": {"agent": "careful-bot", "detail": "no"},
        "api:close-incident": {"reason": "no"},
        "api:note-incident": {"text": "no"},
        "api:policies": {"text": "version: 1"},
        "api:check-policy": {"text": "version: 1"},
        "api:roll-back-policy": {"reason": "no"},
        "governance:new-policy": {"text": "version: 1"},
        "governance:check-policy": {"text": "version: 1"},
        "governance:shadow-policy": {"on": "yes"},
        "governance:roll-back-policy": {"reason": "no"},
        "api:agent-boundaries": {"enabled": False, "action_types": []},
        "governance:new-agent": {"name": "third-bot", "owner": "olga", "scope": "every"},
        "governance:roll-back-deployment": {"reason": "no"},
        "api:deployments": {"agent": "support-bot", "label": "support-bot@9", "model": "model-1"},
        "api:roll-back-deployment": {"agent": "support-bot", "reason": "no"},
        "api:standing-approvals": {
            "proposal": str(world.only["api:standing-approvals"]["proposal_id"]),
            "arguments": {name: bound.said() for name, bound in ANYTHING.items()},
        },
        "api:simulations": {"agent": "support-bot", "proposal": proposal_body()},
    }


@pytest.mark.parametrize(("route", "method"), PAGES)
def test_pages(world: World, route: str, method: str) -> None:
    row = dict(zip(CALLERS, PAGES[route, method], strict=False))
    answers = {}
    for caller in row:
        with taken_back():
            answers[caller] = page(world.visitor(caller, REMOTE_ADDR="192.0.2.7"), world, route, method)
    # What opens pages is a session: an agent's key and a person's token are as good as nothing.
    for caller in ("agent", "ana"):
        shown = {"Authorization": f"Bearer {world.keys[caller]}"}
        client = world.visitor("nobody", REMOTE_ADDR="192.0.2.7", headers=shown)
        with taken_back():
            answers[f"{caller} by key"] = page(client, world, route, method)
    assert answers == {**row, "agent by key": row["nobody"], "ana by key": row["nobody"]}


def no_review_yet(world: World) -> None:
    ReviewedGrant.objects.all().delete()
    AccessReview.objects.all().delete()


def answered(world: World) -> None:
    for grant in ReviewedGrant.objects.order_by("pk").values_list("pk", flat=True):
        answer_to_grant.keep(grant, by=world.people["cyd"], actor=SYSTEM)


def handed_in(world: World) -> None:
    answered(world)
    sign.submit(AccessReview.objects.get().pk, by=world.people["cyd"], actor=SYSTEM)


# There is one review of access at a time; each of its steps begins where another ended.
BEFORE: dict[str, Callable[[World], None]] = {
    "governance:begin-access-review": no_review_yet,
    "governance:withdraw-grant-answer": answered,
    "governance:submit-access-review": answered,
    "governance:return-access-review": handed_in,
}


def page(client: Client, world: World, route: str, method: str) -> Any:
    BEFORE.get(route, lambda _: None)(world)
    before = world.state()

    response = client.generic(
        method,
        address(route, world),
        "&".join(f"{name}={value}" for name, value in form(route, world).items()),
        content_type="application/x-www-form-urlencoded",
    )

    to_login = response.status_code == 302 and response["Location"].startswith("/accounts/login/")
    answer = LOGIN if to_login else response.status_code
    b"".join(response) if response.streaming else response.content
    if method == "GET" or answer in (LOGIN, 403, 404) or route in CHANGES_NOTHING:
        assert world.state() == before
    elif route not in (
        "execution:retry",
        "execution:mark-done",
        "execution:settle",
    ):  # the agent does it itself
        assert world.state() != before
    return answer


@pytest.mark.parametrize(("route", "method"), API)
def test_the_api(world: World, route: str, method: str) -> None:
    answers = {}
    for caller in CALLERS:
        with taken_back():
            answers[caller] = call(world, route, method, caller)
    assert answers == dict(zip(CALLERS, API[route, method], strict=True))


def call(world: World, route: str, method: str, caller: str) -> int:
    if (route, method) == ("api:claim", "DELETE"):
        claims.claim(world.proposal.pk, user=world.people["ana"], actor=actor_of(world.people["ana"]))
    api, before = ApiClient(world.keys.get(caller, "")), world.state()
    path = address(route, world).removeprefix("/api/v1/")

    if path.startswith("/"):
        response = api.client.get(path, headers=api.headers)
    elif method == "GET":
        response = api.get(path)
    else:
        ask = {"PUT": api.put, "POST": api.post, "DELETE": api.delete}[method]
        response = ask(path, form(route, world), Idempotency_Key=uuid.uuid4().hex)

    status = int(response.status_code)
    if status >= 400:
        assert response["Content-Type"] == "application/problem+json"
    if method == "GET" or status >= 400 or route in CHANGES_NOTHING:
        assert world.state() == before
    else:
        assert world.state() != before
    return status


@pytest.mark.parametrize(("route", "method"), API)
def test_no_session_opens_the_api(world: World, route: str, method: str) -> None:
    ana = world.visitor("ana")
    response = ana.generic(method, address(route, world), "{}", content_type="application/json")
    assert response.status_code == 401


@pytest.mark.parametrize(("route", "method"), [line for line in PAGES if line[1] == "POST"])
def test_no_page_changes_anything_by_get_or_without_its_csrf_token(
    world: World, route: str, method: str
) -> None:
    caller = "ana" if route.startswith(("approvals:", "standing:")) else "olga"
    client = world.visitor(caller, enforce_csrf_checks=True)
    before = world.state()

    if (route, "GET") not in PAGES:
        assert client.get(address(route, world)).status_code == 405
    assert client.post(address(route, world), form(route, world)).status_code == 403
    assert world.state() == before


@pytest.mark.parametrize(
    ("caller", "expected"), list(zip(CALLERS[:5], (302, 403, 403, 403, 200), strict=True))
)
def test_the_admin_is_for_operators_to_look_at(world: World, caller: str, expected: int) -> None:
    client = world.visitor(caller)

    def status(path: str) -> int:
        response = client.get(path)
        if response.status_code == 302 and "/login/" in response["Location"]:
            # The admin's own page sends whom it knows and does not want to one that says so.
            response = client.get(response["Location"])
            return 302 if response.status_code in (200, 302) else response.status_code
        return response.status_code

    for model in site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert (model, status(reverse(f"{name}_changelist"))) == (model, expected)
        assert (model, status(reverse(f"{name}_add"))) == (model, 403 if expected == 200 else expected)
        row = model._default_manager.first()
        if row is not None and expected == 200:
            assert status(reverse(f"{name}_change", args=[row.pk])) == 200
            assert client.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
            assert client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def test_the_admin_shows_no_secret(world: World) -> None:
    client = world.visitor("olga")
    for model, row in [
        ("agentkey", AgentKey.objects.get(pk=world.ids["key_id"])),
        ("user", world.people["ana"]),
    ]:
        text = client.get(reverse(f"admin:governance_{model}_change", args=[row.pk])).content.decode()
        assert getattr(row, "hash", None) not in text if model == "agentkey" else row.password not in text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", SOCKETS)
def test_sockets(ana: Any, cyd: Any, dora: Any, olga: Any, path: str) -> None:
    from tests.approvals.live.test_live import Socket

    async def code(client: Client) -> int:
        socket = Socket(client, path=f"/{path}")
        assert await socket.connect()
        code = 1000
        while code == 1000 and not await socket.receive_nothing(timeout=1):
            said = await socket.receive_output(timeout=1)  # a page that stays open is told its version
            code = said.get("code", 1000)
        await socket.disconnect()
        return int(code)

    async def codes(clients: list[Client]) -> list[int]:
        return await asyncio.gather(*map(code, clients))

    clients = [Client() for _ in SOCKETS[path]]
    for client, person in zip(clients[1:], (ana, cyd, dora, olga), strict=True):
        client.force_login(person)
    assert asyncio.run(codes(clients)) == list(SOCKETS[path])
