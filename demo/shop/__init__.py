"""A pretended shop with a state of its own, into which failures can be injected."""
