"""The demo: a shop to act on and agents that keep proposing. Never imported by the product."""
