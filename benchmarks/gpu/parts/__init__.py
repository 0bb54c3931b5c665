"""The parts of the check, each a module that is run as a process: it prints one line of JSON and ends."""
