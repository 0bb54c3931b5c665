"""The demo: a real Label Studio and labelwheel side by side, over messages that were written for it."""
