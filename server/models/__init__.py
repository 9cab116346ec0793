"""Models: what writes the answers. Each implements `server.ports.Model`."""
