"""Proposals with their ranked suggestions, and the REST API for agents."""
