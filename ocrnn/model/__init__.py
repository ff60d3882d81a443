"""The network, its files, and the runtimes that execute it."""
