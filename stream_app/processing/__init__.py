"""Where delivery and scoring meet: bytes to schemas, sections of state, the Handler, dead letters."""
