"""Bringing to agents what they are owed: sent, shown, sent again, paused where nothing arrives."""
