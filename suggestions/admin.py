from django.contrib import admin

from governance.admin import ReadOnly
from suggestions.models import Callback, Proposal


@admin.register(Proposal)
class ProposalAdmin(ReadOnly):
    list_display = ("id", "action", "status", "team", "agent", "created_at")
    list_select_related = ("team", "agent")
    list_filter = ("status",)
    ordering = ("-id",)
    exclude = ("salt", "idempotency_key")


@admin.register(Callback)
class CallbackAdmin(ReadOnly):
    list_display = ("id", "type", "status", "attempts", "due_at", "last_error")
    list_filter = ("status",)
    ordering = ("-id",)
    raw_id_fields = ("proposal",)
    exclude = ("data",)  # the page of the message masks what is sensitive
