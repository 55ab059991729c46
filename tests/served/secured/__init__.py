"""Tests on servers with TLS and sign-in, which are taken down with the last of them: that takes a package."""
