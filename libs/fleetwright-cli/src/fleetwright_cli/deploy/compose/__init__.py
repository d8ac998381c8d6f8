"""A fleet on one machine, in containers: docker-compose.yml and what it reads."""
