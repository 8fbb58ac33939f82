"""The log: every change and every refusal that matters, append-only."""
