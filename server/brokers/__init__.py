"""Brokers: who says "look again". Each implements `server.ports.Broker`."""
