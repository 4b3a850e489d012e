"""`flashbdev`, as it is frozen into an ESP32's firmware: the block device that is mounted at `/`."""

bdev = None  # set at boot
