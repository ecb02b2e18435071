"""Names and shapes promised to the outside."""
