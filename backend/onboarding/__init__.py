"""Connecting, sharing and disconnecting: the way of a project into labelwheel, and out of it."""
