"""What each action does: one module per family. A handler fills in only what is its own."""
