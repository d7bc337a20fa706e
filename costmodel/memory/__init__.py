"""Order and offsets: the exact peak RAM of a graph."""
