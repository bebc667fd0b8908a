"""Model servers: processes we start, endpoints that run already, their figures, and one that plays a server (`simulated`)."""
