"""Played users: one module for each protocol that clients speak; a module in this package is found by itself.

port    what a user of any protocol can be told to do, and what it tells
offers  the protocols to choose from
amp     the real client's connection
toy     a client of the toy protocol, written for simulations · toy_lines  its connections
"""
