"""Carrying out what was approved: executions, steps, attempts, receipts."""
