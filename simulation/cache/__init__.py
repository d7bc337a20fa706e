"""What is kept between runs: objects and results by content, tools by version."""
