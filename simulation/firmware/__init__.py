"""From graph and memory plan to C sources."""
