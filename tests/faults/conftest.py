"""The downstream service and the approvals of the tests of execution."""

from tests.execution.conftest import _no_messages, approved, shop  # noqa: F401
