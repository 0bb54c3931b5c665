"""The commands of `labelwheel`, one file per concern; `labelwheel.backend.cli` puts them together."""
