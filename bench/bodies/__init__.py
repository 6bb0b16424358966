"""Large content: how fast it goes through, what memory it takes, and whom it delays. See `bench.bodies.__main__`."""
