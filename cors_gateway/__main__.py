"""`python -m cors_gateway` is `cors-gateway`."""

from cors_gateway.cli import collection


def start() -> None:
    """The program, as installed."""
    collection.pause()
    from cors_gateway.cli import main

    main()


if __name__ == "__main__":
    start()
