"""The gRPC API of session orchestration.

Its classes convert requests, call operations, and convert the results of the operations to responses.
"""
