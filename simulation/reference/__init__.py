"""The integer reference: what every firmware must compute, bit for bit."""
