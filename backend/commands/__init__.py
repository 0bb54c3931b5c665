"""The commands of `labelwheel`, one file per concern; `backend.cli` puts them together."""
