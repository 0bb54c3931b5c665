"""What starts, watches and ends processes: the supervisor, gunicorn with its sockets, the home folder."""
