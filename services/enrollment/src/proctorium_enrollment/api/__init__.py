"""The gRPC API of enrollment.

Its classes convert requests, call operations, and convert the results of the operations to responses.
"""
