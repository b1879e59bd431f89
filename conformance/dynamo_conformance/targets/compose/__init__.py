"""A compose file as published, on this machine's container engine.

`deployment` starts a file, watches it and removes all that it made; `docker_compose` is the program
`docker compose` on one project.
"""
