"""Machine learning: knows no HTTP, no database, no labelling tool."""
