"""Large content: how fast it passes, what memory that takes, and whom it delays. `__main__` says what is measured."""
