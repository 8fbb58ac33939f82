"""Text of agents as pages of the desk show it: what can't be seen or pretends gets a mark."""

from audit.ground.unseen import Piece, is_honest, pieces, shown, told

__all__ = ["Piece", "is_honest", "pieces", "shown", "told"]
