module github.com/netmond/netmond/test/metrics

go 1.23.0

replace github.com/netmond/netmond => ../..

require (
	github.com/netmond/netmond v0.0.0
	github.com/prometheus/client_model v0.6.1
	github.com/prometheus/common v0.63.0
)

require (
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	golang.org/x/sys v0.33.0 // indirect
	google.golang.org/protobuf v1.36.5 // indirect
)
