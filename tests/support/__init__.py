"""What tests share: servers, clusters, profiles, pictures, the command line as a user calls it."""
