"""Stores: where the log lives. Each implements `server.ports.Store`."""
