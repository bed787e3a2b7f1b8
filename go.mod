module github.com/netmond/netmond

go 1.23.0

require (
	github.com/gaissmai/bart v0.24.0
	golang.org/x/sys v0.33.0
)
