"""Telling people what waits for them or came of what they did: on the page, in their browser, outside."""
