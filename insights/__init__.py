"""What the record says: metrics over everything below."""
