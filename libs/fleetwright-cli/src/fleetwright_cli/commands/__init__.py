"""One file a command: arguments in, call, words out."""
