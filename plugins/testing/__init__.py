"""For those who write a connector: a labelling tool in memory, and a suite that a connector is held against."""
