"""Large content: how fast it goes through, what memory it takes, and whom it delays. See `bench.large.__main__`."""
