"""Wires the apps together: settings, addresses, processes."""
