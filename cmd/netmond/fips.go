//go:build go1.24

// What `make cross` builds has the cryptography of Go's FIPS 140 module as it was
// certified, because the newest one claims 32 MiB of memory at the start
// (golang/go#81505). Its own mode would refuse servers that portals have.

//go:debug fips140=off
package main
