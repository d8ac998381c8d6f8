"""Images of services: their Dockerfiles, their tags, how they are built."""
