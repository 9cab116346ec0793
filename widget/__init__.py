"""Widget: the chat that shops embed; this package only finds its built files."""
