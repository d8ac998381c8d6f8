"""What `fleet check --deep` tries: services started, neighbours stopped, images built.

Read `_boots` (services as processes of this machine), then `_images` (as containers).
"""

from fleetwright_cli.drills._boots import BOOT_RULES, boot_breaches
from fleetwright_cli.drills._images import IMAGE_RULES, engine_answers, image_breaches
from fleetwright_cli.drills._stage import bootable

__all__ = [
    "BOOT_RULES",
    "IMAGE_RULES",
    "boot_breaches",
    "bootable",
    "engine_answers",
    "image_breaches",
]
