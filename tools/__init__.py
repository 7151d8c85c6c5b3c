"""What builds and checks this repository; nothing of it is installed anywhere."""
