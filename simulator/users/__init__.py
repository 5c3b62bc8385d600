"""Users who are played: one module for each protocol that clients speak, found by its being here.

port    what a user of any protocol is told to do, and tells
offers  what there is to choose from
amp     the real client's connection
toy     a client of the toy protocol, written for simulations · toy_lines  its connections
"""
