"""What people and programs read: the console, lines of JSON, tables, the log. The only package that prints."""
