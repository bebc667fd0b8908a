"""SkyPilot task files for model servers on rented GPUs: rendered and checked here. SkyPilot starts them and takes them down."""
