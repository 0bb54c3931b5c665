"""Where jobs run: a contract that no path of this machine crosses, and the local process that keeps it."""
