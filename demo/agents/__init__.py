"""Demo agents: programs that keep proposing believable things to do in the demo shop."""
