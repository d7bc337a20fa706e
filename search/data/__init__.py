"""Images with their classes, and how they are split."""
