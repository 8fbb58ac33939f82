"""Deciding: the queue, decisions, resolutions, live updates."""
