"""What lies below the library: files, processes, devices."""
