"""One part at a time, no broker."""
