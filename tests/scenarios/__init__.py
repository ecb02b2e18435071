"""What scoring does, as readable tables."""
