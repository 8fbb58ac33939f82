"""Policies that the tests of deciding need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import in_force


@pytest.fixture
def policy(db: None) -> Callable[[str], Any]:
    """`policy(yaml)` puts a policy in force; the teams it names exist."""
    return in_force


TWO_PEOPLE = "version: 1\ndefaults: {verdict: review, team: operations, approvals: 2, decide_within: 4h}\n"
BLOCKS_LARGE = """
version: 1
defaults: {verdict: review, team: operations}
rules:
  - name: too-much
    when: args.amount > 100.0
    then: {verdict: block, reason: "Above 100"}
  - name: second-person
    when: args.amount > 60.0
    then: {verdict: review, approvals: 2, reason: "Above 60"}
"""
