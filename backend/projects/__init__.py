"""Who is connected and what serves them: configuration, champion groups, generations, decisions, secrets."""
