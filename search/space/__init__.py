"""What may be tried: configurations, the networks they describe, and the moves between them."""
