"""The pure core: decide what an input does to a contact's scores."""
