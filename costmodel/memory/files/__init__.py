"""Reads planning problems from CSV and JSON files."""
