"""`python -m cors_gateway` is `cors-gateway`."""

from cors_gateway.cli import main

if __name__ == "__main__":
    main()
