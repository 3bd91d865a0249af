"""How a host is spoken to. Only this folder knows SSH."""
