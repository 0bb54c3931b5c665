"""What people look at in a browser: HTML made here, with the figures that the API gives as JSON."""
