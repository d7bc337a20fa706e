"""Child processes that end with this one, and a pool of workers."""
