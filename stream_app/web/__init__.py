"""HTTP: routes, authentication, problems, documents and the operator page."""
