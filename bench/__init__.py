"""Measured against the limit: each measure runs beside the least that could do the same work."""
