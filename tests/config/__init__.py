"""What operators write, and what becomes of it: files in, snapshots and problems out."""
